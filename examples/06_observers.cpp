// SPDX-License-Identifier: MIT
/// Observers: progress, the trajectory, step statistics, and a user-defined one.
#include <cmath>
#include <cstdio>

#include <scoresde/observer/progress.hpp>
#include <scoresde/scoresde.hpp>

using State = scoresde::HostState<double>;

//! [own_observer]
/// Ends the run at the first time below `t`. Each of the five hooks is optional.
struct StopBelow {
  double t;
  scoresde::StepAction on_step(const scoresde::ObservedStep& step, const State&) const {
    return step.time.t_next < t ? scoresde::StepAction::stop : scoresde::StepAction::proceed;
  }
};
//! [own_observer]

int main() {
  const scoresde::VeSde sde({.sigma_min = 0.01, .sigma_max = 20});
  scoresde::Gaussian model(sde, {1.0, -2.0}, {0.25, 0.25});
  const scoresde::PredictorCorrector sampler{sde, scoresde::Ancestral{},
                                             scoresde::AnnealedLangevin{.snr = 0.05},
                                             scoresde::uniform_grid(sde, 400)};
  State x({2000, 2});

  //! [observers]
  scoresde::Progress progress(
      [](const scoresde::ProgressReport& p) {
        std::printf("step %3zu of %zu, t = %.3f, %zu evaluations\n", p.done, p.steps, p.t, p.nfe);
      },
      100);
  scoresde::Trajectory<State> trajectory(100);
  scoresde::StepStatistics measured;
  StopBelow stop{0.1};
  const auto done = sampler.sample(model, x, scoresde::Noise{.seed = 1},
                                   scoresde::observe(progress, trajectory, measured, stop));
  //! [observers]

  const auto& last = measured.corrections().back();
  std::printf("stopped after %zu steps at t = %.3f; the last correction: |score| %.3f, snr %.3f\n",
              done.accepted, measured.steps().back().time.t_next, last.score_norm.mean,
              last.snr.mean);
  // The standard deviation of p_t is √(0.25 + σ(t)²), from 20 down to 0.5.
  bool right = done.accepted == 361 && trajectory.entries().size() == 5 && last.snr.mean > 0 &&
               last.snr.mean < 0.2;
  for (const auto& [t, state] : trajectory.entries()) {
    double mean = 0, variance = 0;
    for (std::size_t k = 0; k < 2000; ++k) mean += state(k, 0) / 2000;
    for (std::size_t k = 0; k < 2000; ++k) variance += std::pow(state(k, 0) - mean, 2) / 2000;
    const double wanted = std::sqrt(0.25 + std::pow(sde.sigma(t), 2));
    std::printf("t = %.3f: std %.3f, exactly %.3f\n", t, std::sqrt(variance), wanted);
    // Four standard errors of 2000 samples are 6 %.
    right = right && std::abs(std::sqrt(variance) / wanted - 1) < 0.08;
  }
  return right ? 0 : 1;
}
