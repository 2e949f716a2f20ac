// SPDX-License-Identifier: MIT
/// An observer whose only hook has another name would be ignored.
// expect: observer: it has none of the members on_start, on_step, on_correction,
// on_attempt and on_finish, so it would never be called
#include <scoresde/scoresde.hpp>

struct Counter {
  template <class X>
  void after_step(const scoresde::ObservedStep&, const X&) {}
};

int main() {
  const scoresde::VpSde sde;
  const scoresde::AdaptiveSde sampler{sde};
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  scoresde::Gaussian model(sde, {0, 0}, {1, 0, 0, 1});
  Counter counter;
  sampler.sample(model, x, scoresde::Noise{}, counter);
}
