// SPDX-License-Identifier: MIT
#include <cmath>
#include <vector>

#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/backend_conformance.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

template <class T>
void check_conformance() {
  for (const Extents shape : testing::awkward_extents) {
    const auto violations = testing::check_backend(HostState<T>(shape));
    CHECK(violations == std::vector<std::string>{});
  }
}

}  // namespace

TEST_CASE("host states satisfy the backend requirements in float") { check_conformance<float>(); }
TEST_CASE("host states satisfy the backend requirements in double") { check_conformance<double>(); }

TEST_CASE(
    "host assign starts from the noise and adds the terms in order with fused multiply-adds") {
  using X = HostState<float>;
  X x({2, 3}, {1.1f, -2.3f, 0.7f, 3.9f, 1e-3f, -1e4f}), f({2, 3}, {0.3f, 1.7f, 9.1f, -4, 5, 6});
  X out({2, 3});
  const NoiseDraw draw = Noise{.seed = 4}.draw(2);
  const std::vector<Term<X>> terms{{0.1, &x}, {-0.7, &f}};
  backend(out).assign(out, std::span<const Term<X>>(terms), NoiseTerm{0.3, draw});
  for (std::size_t k = 0; k < 2; ++k) {
    float z[3];
    fill_normal(z, draw, k, 0);
    for (std::size_t e = 0; e < 3; ++e)
      CHECK(out(k, e) == std::fma(-0.7f, f(k, e), std::fma(0.1f, x(k, e), 0.3f * z[e])));
  }
}

TEST_CASE("host states reject values and terms of other extents") {
  CHECK_THROWS_AS(HostState<double>({2, 3}, std::vector<double>(5)), Error);
  using X = HostState<double>;
  X x({2, 3}), out({3, 2});
  const std::vector<Term<X>> terms{{1, &x}};
  CHECK_THROWS_WITH(
      backend(out).assign(out, std::span<const Term<X>>(terms), NoiseTerm{}),
      "assign: a term has 2 samples of dimension 3 but another state has 3 of dimension 2");
}
