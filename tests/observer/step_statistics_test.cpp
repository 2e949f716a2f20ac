// SPDX-License-Identifier: MIT
/// StepStatistics: the recorded measurements equal those of the run.
#include <cmath>

#include <scoresde/corrector/langevin.hpp>
#include <scoresde/observer/step_statistics.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

Gaussian<VeSde> data() { return {VeSde(), {0.5, 0.1, -0.2}, {0.3, 1, 0.6}}; }

}  // namespace

TEST_CASE("steps, norms and corrections of a predictor-corrector run are recorded") {
  const TimeGrid grid = uniform_grid(VeSde(), 6);
  const PredictorCorrector sampler{VeSde(), ReverseDiffusion{}, Langevin{.snr = 0.1, .steps = 2},
                                   grid};
  X x({3, 3});
  StepStatistics means, all(true);
  for (int run = 0; run < 2; ++run) {
    sampler.sample(data(), x, Noise{.seed = 1}, observe(means, all));
    REQUIRE(means.steps().size() == 6);
    REQUIRE(means.corrections().size() == 12);
  }
  CHECK(means.attempts().empty());
  CHECK(means.steps()[2].time == grid[2]);
  CHECK(means.steps()[2].nfe == 9);
  CHECK(means.steps()[2].norm.samples.empty());
  double mean = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const double norm = std::hypot(x(k, 0), x(k, 1), x(k, 2));
    CHECK(all.steps()[5].norm.samples[k] == Approx(norm).epsilon(1e-12));
    mean += norm / 3;
  }
  CHECK(means.steps()[5].norm.mean == Approx(mean).epsilon(1e-12));
  const StepStatistics::Correction& last = all.corrections()[11];
  CHECK(last.t == grid[5].t);
  CHECK(last.snr.mean == Approx(0.1).epsilon(1e-12));
  for (std::size_t k = 0; k < 3; ++k) {
    const double ratio = 0.1 * last.noise_norm.samples[k] / last.score_norm.samples[k];
    CHECK(last.step_size.samples[k] == Approx(2 * ratio * ratio).epsilon(1e-12));
  }
  CHECK(means.corrections()[11].step_size.mean ==
        Approx((last.step_size.samples[0] + last.step_size.samples[1] + last.step_size.samples[2]) /
               3)
            .epsilon(1e-12));
}

TEST_CASE("attempts of an adaptive run are recorded per sample") {
  const ProbabilityFlow flow{VeSde(), AdaptiveRungeKutta<>{.scope = Scope::per_sample}};
  X x({3, 3});
  StepStatistics seen;
  const SamplerStatistics done = flow.sample(data(), x, Noise{.seed = 1}, seen);
  REQUIRE(seen.attempts().size() == done.accepted + done.rejected);
  // Accepted steps of a sample are contiguous from the first time to the last.
  double t = VeSde().t_max();
  for (const StepStatistics::Attempt& tried : seen.attempts()) {
    CHECK(tried.accepted == (tried.error < 1));
    if (tried.sample != 1) continue;
    CHECK(tried.time.t == t);
    if (tried.accepted) t = tried.time.t_next;
  }
  CHECK(t == VeSde().t_min());
}
