// SPDX-License-Identifier: MIT
/// Rectified flow: its identities, the inverse of its log-SNR, steps near pure noise, errors.
#include <cmath>

#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/rectified_flow_sde.hpp>
#include <scoresde/solver/dpm_solver.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/sde_laws.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

/// DDIM over 20 uniform steps with the flow velocity of data N(0.3, 0.25), in scalars of type T.
template <class T>
HostState<T> samples_by_flow() {
  const auto velocity = [](const HostState<T>& x, double t, HostState<T>& out) {
    const double alpha = 1 - t, variance = 0.25 * alpha * alpha + t * t;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double centered = double(x.data()[i]) - 0.3 * alpha;
      out.data()[i] = T((t - 0.25 * alpha) / variance * centered - 0.3);  // E[ε − x₀ | x]
    }
  };
  const RectifiedFlowSde sde;
  HostState<T> x({1, 64});
  SolverSampler{sde, DdimSolver{}, uniform_grid(sde, 20), {.final_step = FinalStep::keep_noise}}
      .sample(flow_velocity(velocity, sde), x, Noise{.seed = 4});
  return x;
}

}  // namespace

TEST_CASE("flow-velocity steps from the end of rectified flow keep float precision") {
  // Coefficients of 1e5 cancel in double before they are applied to the state.
  const auto in_float = samples_by_flow<float>();
  const auto in_double = samples_by_flow<double>();
  for (std::size_t i = 0; i < in_float.size(); ++i)
    CHECK(double(in_float.data()[i]) == Approx(in_double.data()[i]).margin(3e-6));
}

TEST_CASE("rectified flow satisfies the identities of an SDE for any end time") {
  for (const auto& law : testing::check_sde_laws(RectifiedFlowSde())) FAIL_CHECK(law);
  for (const auto& law : testing::check_sde_laws(RectifiedFlowSde({.t_max = 0.9}))) FAIL_CHECK(law);
}

TEST_CASE("rectified flow interpolates data and noise linearly") {
  const RectifiedFlowSde sde;
  CHECK(sde.t_max() == 1 - 1e-5);
  CHECK(sde.prior_std() == sde.marginal_prob(sde.t_max()).std);
  for (const double t : {1e-5, 0.3, 0.9, sde.t_max()}) {
    CHECK(sde.marginal_prob(t).mean == 1 - t);
    CHECK(sde.marginal_prob(t).std == t);
    // α' = f α = −1 and σ' = f σ + g²/(2σ) = 1.
    const double f = sde.drift(t), g = sde.diffusion(t);
    CHECK(f * (1 - t) == Approx(-1).epsilon(1e-15));
    CHECK(f * t + g * g / (2 * t) == Approx(1).epsilon(1e-10));
  }
}

TEST_CASE("the log-SNR of rectified flow is inverted over its whole range") {
  const RectifiedFlowSde sde;
  for (double t = 1e-5; t < 1; t *= 1.3)
    CHECK(time_of_log_snr(sde, log_snr(sde, t)) == Approx(t).epsilon(1e-12).margin(0));
  for (double rest = 1e-5; rest < 0.5; rest *= 1.3)
    CHECK(1 - time_of_log_snr(sde, log_snr(sde, 1 - rest)) == Approx(rest).epsilon(1e-10));
  CHECK_THROWS_WITH(time_of_log_snr(sde, log_snr(sde, sde.t_max()) - 1), Contains("outside"));
}

TEST_CASE("rectified flow rejects invalid time ranges and times") {
  CHECK_THROWS_WITH(RectifiedFlowSde({.t_max = 1}), Contains("t_max 1;"));
  CHECK_THROWS_WITH(RectifiedFlowSde({.t_min = 0.5, .t_max = 0.5}), Contains("t_min is 0.5"));
  CHECK_THROWS_AS(RectifiedFlowSde({.t_min = -0.1}), Error);
  CHECK_THROWS_AS(RectifiedFlowSde({.t_max = std::nan("")}), Error);
  CHECK_THROWS_WITH(RectifiedFlowSde().marginal_prob(1), Contains("time 1 "));
  CHECK_THROWS_AS(RectifiedFlowSde().marginal_prob(-1e-9), Error);
}
