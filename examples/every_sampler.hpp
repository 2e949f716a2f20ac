// SPDX-License-Identifier: MIT
/// Every kind of sampler over one SDE, for examples that run a user-defined component with all
/// samplers.
#pragma once

#include <cstddef>

#include <scoresde/scoresde.hpp>

/// Calls use(name, sampler) for predictors and correctors of each kind.
template <scoresde::Sde S, class Use>
void for_every_predictor_and_corrector(const S& sde, const scoresde::TimeGrid& grid,
                                       const Use& use) {
  const scoresde::Langevin langevin{.snr = 0.03};
  const scoresde::Langevin alone{.snr = 0.15, .steps = 5, .scope = scoresde::Scope::batch};
  const auto predictor = [&](const char* name, auto kind) {
    use(name, scoresde::PredictorCorrector{sde, kind, grid});
  };
  predictor("Euler-Maruyama", scoresde::EulerMaruyama{});
  predictor("reverse diffusion", scoresde::ReverseDiffusion{});
  predictor("ancestral", scoresde::Ancestral{});
  predictor("DDIM(0.5)", scoresde::Ddim{.eta = 0.5});
  use("ancestral + Langevin",
      scoresde::PredictorCorrector{sde, scoresde::Ancestral{}, langevin, grid});
  use("ancestral + annealed Langevin",
      scoresde::PredictorCorrector{sde, scoresde::Ancestral{},
                                   scoresde::AnnealedLangevin{.snr = 0.1}, grid});
  use("Langevin alone", scoresde::PredictorCorrector{sde, scoresde::NoPredictor{}, alone, grid});
}

/// Calls use(name, sampler) for predictors, correctors and ODE integrators of each kind, and for
/// every fast solver.
template <scoresde::Sde S, class Use>
void for_every_sampler(const S& sde, std::size_t steps, const Use& use) {
  const scoresde::TimeGrid grid = scoresde::uniform_grid(sde, steps);
  for_every_predictor_and_corrector(sde, grid, use);
  use("flow, Euler", scoresde::ProbabilityFlow{sde, scoresde::Euler{}, grid});
  use("flow, Heun", scoresde::ProbabilityFlow{sde, scoresde::Heun{}, grid});
  use("flow, Runge-Kutta 4", scoresde::ProbabilityFlow{sde, scoresde::RungeKutta4{}, grid});
  use("flow, Dormand-Prince 5", scoresde::ProbabilityFlow{sde, scoresde::DormandPrince54{}, grid});
  use("flow, adaptive", scoresde::ProbabilityFlow{sde, scoresde::scipy_rk45()});
  const auto whole = scoresde::Scope::batch;
  use("DPM-Solver-12, adaptive",
      scoresde::AdaptiveDpmSolver{
          sde, scoresde::DpmSolver12{.rtol = 0.01, .atol = 0.01, .scope = whole}});
  // Fast solvers, as tables, so that one sampler type is compiled; uniform in log-SNR.
  const scoresde::TimeGrid even = scoresde::log_snr_grid(sde, steps);
  const auto solve = [&](const scoresde::SolverEntry& entry, const auto& solver) {
    use(entry.name, scoresde::SolverSampler{sde, scoresde::solver_table(solver, sde, even), even});
  };
  scoresde::for_each_solver(solve);
  solve(scoresde::restart_entry, scoresde::Restart{});
}

/// The same for samplers with a time and a step size per sample; the model must accept a time per
/// sample.
template <scoresde::Sde S, class Use>
void for_every_adaptive_sampler(const S& sde, const Use& use) {
  use("adaptive SDE", scoresde::AdaptiveSde{sde});
  use("DPM-Solver-23 per sample", scoresde::AdaptiveDpmSolver{sde, scoresde::DpmSolver23{}});
}
