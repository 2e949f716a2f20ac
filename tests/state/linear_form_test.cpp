// SPDX-License-Identifier: MIT
/// Linear forms: a vector space of coefficients, evaluated in one pass.
#include <array>

#include <scoresde/state/host_state.hpp>
#include <scoresde/state/linear_form.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

TEST_CASE("forms add and scale like the states they represent") {
  constexpr auto form = 2.0 * LinearForm<3>::slot(0) + -0.5 * LinearForm<3>::slot(2);
  STATIC_REQUIRE(form.coefficient == std::array<double, 3>{2, 0, -0.5});
  const X a({1, 2}, {1, 2}), b({1, 2}, {10, 20}), c({1, 2}, {4, 8});
  X out({1, 2});
  assign(out, form, std::array<const X*, 3>{&a, &b, &c});
  CHECK(out(0, 0) == 0);
  CHECK(out(0, 1) == 0);
}

TEST_CASE("slots with coefficient 0 are not read") {
  const X a({1, 1}, std::vector<double>{3});
  X out({1, 1});
  assign(out, 2.0 * LinearForm<2>::slot(0), std::array<const X*, 2>{&a, nullptr});
  CHECK(out(0, 0) == 6);
}

TEST_CASE("the result may alias a slot, and noise is added to it") {
  X a({1, 4}, {1, 2, 3, 4});
  const NoiseDraw draw = Noise{.seed = 5}.draw(1);
  float z[4];
  fill_normal(z, draw, 0, 0);
  assign(a, 3.0 * LinearForm<1>::slot(0), std::array<const X*, 1>{&a}, NoiseTerm{0.5, draw});
  for (std::size_t e = 0; e < 4; ++e)
    CHECK(a(0, e) == Approx(3.0 * double(e + 1) + 0.5 * double(z[e])).epsilon(1e-15));
}
