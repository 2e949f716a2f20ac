// SPDX-License-Identifier: MIT
/// Watching a run: progress, the trajectory, and an observer of one's own.
#include <cmath>
#include <cstdio>
#include <vector>

#include <scoresde/scoresde.hpp>

using State = scoresde::HostState<double>;

//! [own_observer]
/// Keeps the largest |x| seen. Any of on_start, on_step and on_finish may be there.
struct Largest {
  double value = 0;
  void on_step(const scoresde::ObservedStep&, const State& x) {
    for (std::size_t i = 0; i < x.size(); ++i) value = std::fmax(value, std::abs(x.data()[i]));
  }
};
//! [own_observer]

int main() {
  const scoresde::VeSde sde({.sigma_min = 0.01, .sigma_max = 20});
  scoresde::Gaussian model(sde, {1.0, -2.0}, {0.25, 0.25});
  const scoresde::PredictorCorrector sampler{sde, scoresde::Ancestral{}, scoresde::NoCorrector{},
                                             scoresde::uniform_grid(sde, 400)};
  State x({2000, 2});

  //! [observers]
  std::size_t reports = 0;
  scoresde::Progress progress(
      [&](const scoresde::ProgressReport& p) {
        std::printf("step %3zu of %zu, t = %.3f, %zu evaluations\n", p.done, p.steps, p.t, p.nfe);
        ++reports;
      },
      100);
  scoresde::Trajectory<State> trajectory(100);
  Largest largest;
  sampler.sample(model, x, scoresde::Noise{.seed = 1},
                 scoresde::observe(progress, trajectory, largest));
  //! [observers]

  // Along the way the standard deviation of p_t is √(0.25 + σ(t)²), from 20 down to a half.
  bool right = reports == 4 && trajectory.entries().size() == 5 && largest.value > 40;
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
