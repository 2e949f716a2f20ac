// SPDX-License-Identifier: MIT
/// The function that is preconditioned writes to a copy.
// expect: EDM preconditioning: the function takes its output by value, so its result is lost
#include <scoresde/scoresde.hpp>

using Batch = scoresde::HostState<double>;

int main() {
  const scoresde::EdmSde sde;
  const scoresde::SolverSampler sampler{sde, scoresde::UniPc<2>{}, scoresde::karras_grid(sde, 10)};
  auto model =
      scoresde::edm_preconditioning([](const Batch& x, double, Batch out) { out = x; }, sde);
  Batch x({4, 3});
  sampler.sample(model, x, scoresde::Noise{});
}
