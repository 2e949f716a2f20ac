// SPDX-License-Identifier: MIT
/// Every kind of sampler over one SDE, for examples that show a part of the user's own in all of
/// them.
#pragma once

#include <cstddef>

#include <scoresde/scoresde.hpp>

/// Calls use(name, sampler) for predictors, correctors and ODE integrators of each kind.
template <scoresde::Sde S, class Use>
void for_every_sampler(const S& sde, std::size_t steps, const Use& use) {
  using namespace scoresde;
  const TimeGrid grid = uniform_grid(sde, steps);
  const Langevin langevin{.snr = 0.03};
  const Langevin alone{.snr = 0.15, .steps = 5, .norm_scope = NormScope::batch_mean};
  use("Euler-Maruyama", PredictorCorrector{sde, EulerMaruyama{}, NoCorrector{}, grid});
  use("reverse diffusion", PredictorCorrector{sde, ReverseDiffusion{}, NoCorrector{}, grid});
  use("ancestral", PredictorCorrector{sde, Ancestral{}, NoCorrector{}, grid});
  use("ancestral + Langevin", PredictorCorrector{sde, Ancestral{}, langevin, grid});
  use("ancestral + annealed Langevin",
      PredictorCorrector{sde, Ancestral{}, AnnealedLangevin{.snr = 0.1}, grid});
  use("Langevin alone", PredictorCorrector{sde, NoPredictor{}, alone, grid});
  use("flow, Euler", ProbabilityFlow{sde, Euler{}, grid});
  use("flow, Heun", ProbabilityFlow{sde, Heun{}, grid});
  use("flow, Runge-Kutta 4", ProbabilityFlow{sde, RungeKutta4{}, grid});
  use("flow, Dormand-Prince 5", ProbabilityFlow{sde, DormandPrince54{}, grid});
  use("flow, adaptive", ProbabilityFlow{sde, AdaptiveRungeKutta<>{}});
}
