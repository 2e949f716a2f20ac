// SPDX-License-Identifier: MIT
/// Codes: round trips, arcs between them, and temperature.
#include <cmath>
#include <limits>
#include <numbers>
#include <span>
#include <vector>

#include <scoresde/likelihood/latent_codes.hpp>
#include <scoresde/likelihood/probability_flow_likelihood.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/sde/with_prior_mean.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"
#include "support/states.hpp"

using namespace scoresde;
using scoresde::test::difference;
using X = HostState<double>;

namespace {

X normals(Extents shape, std::uint64_t seed) {
  X x(shape);
  backend(x).assign(x, std::span<const Term<X>>(), NoiseTerm{1, Noise{.seed = seed}.draw(0)});
  return x;
}

}  // namespace

TEST_CASE("decoding a code returns the data, on every SDE") {
  const auto check = [](const auto& sde) {
    GaussianMixture model(sde, {0.4, 0.6}, {1, 0, -1, -0.5, 0.5, 2}, {0.2, 0.3});
    const AdaptiveRungeKutta<> tight{.rtol = 1e-9, .atol = 1e-9};
    const ProbabilityFlow flow{sde, tight, {.final_step = FinalStep::keep_noise}};
    const X x = normals({5, 3}, 1);
    X z = x;
    encode(flow, model, z);
    X code = x;
    const ProbabilityFlowLikelihood likelihood{sde, tight, ExactTrace{}};
    static_cast<void>(likelihood.log_likelihood(model, code, Noise{}));
    CHECK(difference(code, z) < 1e-6 * sde.prior_std());
    decode(flow, model, z);
    CHECK(difference(z, x) < 1e-5);
  };
  check(VpSde{});
  check(SubVpSde{});
  check(VeSde{});
}

TEST_CASE("an arc keeps the norm and has equal angles, sample by sample") {
  X a({2, 3}, {1, 0, 0, 0, 2, 0}), b({2, 3}, {0, 1, 0, 0, -1, std::sqrt(3.0)}), out({2, 3});
  spherical_interpolation(a, b, 1.0 / 3, out);
  CHECK(out(0, 0) == Approx(std::cos(std::numbers::pi / 6)));
  CHECK(out(0, 1) == Approx(std::sin(std::numbers::pi / 6)));
  // The angle is 120 degrees here; a third of it is 40.
  CHECK(out(1, 1) == Approx(2 * std::cos(2 * std::numbers::pi / 9)));
  CHECK(out(1, 2) == Approx(2 * std::sin(2 * std::numbers::pi / 9)));
  for (const double w : {0.0, 1.0}) {
    spherical_interpolation(a, b, w, out);
    CHECK(difference(out, w == 0 ? a : b) < 1e-15);
  }
  spherical_interpolation(a, b, 0.5, a);  // the result may be a term
  CHECK(a(0, 0) == Approx(std::sqrt(0.5)));
}

TEST_CASE("the arc between equal points is that point") {
  const X a = normals({3, 4}, 2);
  X out(a.extents());
  spherical_interpolation(a, a, 0.3, out);
  CHECK(difference(out, a) < 1e-14);
}

TEST_CASE("arcs that are not defined are rejected by name") {
  using Catch::Contains;
  X a({2, 2}, {1, 0, 0, 1}), out({2, 2});
  const X opposite({2, 2}, {1, 1, 0, -2}), zero({2, 2}, {1, 0, 0, 0});
  CHECK_THROWS_WITH(spherical_interpolation(a, opposite, 0.5, out),
                    Contains("points of sample 1 are opposite"));
  CHECK_THROWS_WITH(spherical_interpolation(a, zero, 0.5, out),
                    Contains("a point of sample 1 is 0"));
  CHECK_THROWS_WITH(spherical_interpolation(a, X({1, 2}), 0.5, out), Contains("b 1 of dimension"));
  CHECK_THROWS_WITH(spherical_interpolation(a, a, std::numeric_limits<double>::infinity(), out),
                    Contains("w is inf"));
}

TEST_CASE("temperature scales the distance to the prior's mean") {
  X z({2, 2}, {1, 2, -3, 4});
  apply_temperature(VpSde{}, 0.5, z);
  CHECK(z(1, 0) == -1.5);
  apply_temperature(WithPriorMean(VeSde{}, std::vector<double>{1, -2}), 0.5, z);
  CHECK(z(0, 0) == Approx(0.75));
  CHECK(z(1, 1) == Approx(0));
  apply_temperature(WithPriorMean(VeSde{}, 3), 0, z);
  CHECK(z(0, 1) == Approx(3));
  CHECK_THROWS_WITH(apply_temperature(VpSde{}, -1, z), Catch::Contains("tau is -1"));
}
