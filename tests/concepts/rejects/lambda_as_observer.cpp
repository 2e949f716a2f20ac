// SPDX-License-Identifier: MIT
/// A function is not an observer: no hook of it could be called.
// expect: observer: it has none of the members on_start, on_step, on_correction,
// on_attempt and on_finish, so it would never be called
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  const scoresde::SolverSampler sampler{sde, scoresde::UniPc<2>{}, scoresde::log_snr_grid(sde, 10)};
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  scoresde::Gaussian model(sde, {0, 0}, {1, 0, 0, 1});
  sampler.sample(model, x, scoresde::Noise{}, [](const scoresde::ObservedStep&, const auto&) {});
}
