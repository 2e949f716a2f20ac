// SPDX-License-Identifier: MIT
/// The solvers by name, for programs that choose at run time and for tests and benchmarks that
/// iterate over all of them.
#pragma once

#include <cstddef>
#include <limits>

#include <scoresde/solver/adams.hpp>
#include <scoresde/solver/dpm_2_ancestral.hpp>
#include <scoresde/solver/dpm_solver.hpp>
#include <scoresde/solver/dpm_solver_ancestral.hpp>
#include <scoresde/solver/dpm_solver_sde.hpp>
#include <scoresde/solver/dpm_solver_single_step.hpp>
#include <scoresde/solver/edm.hpp>
#include <scoresde/solver/pndm.hpp>
#include <scoresde/solver/restart.hpp>
#include <scoresde/solver/sa_solver.hpp>
#include <scoresde/solver/sde_dpm_solver.hpp>
#include <scoresde/solver/unipc.hpp>

namespace scoresde {

struct SolverEntry {
  const char* name = "";
  /// The order of convergence to the exact flow, or, for stochastic solvers, in distribution
  /// (weak).
  int order = 1;
  bool stochastic = false;
  const char* description = "";
};

/// The best churn of Karras et al. 2022 (arXiv:2206.00364), table 5, for their VP network of
/// CIFAR-10.
inline constexpr Churn cifar10_churn{.s_churn = 30, .s_tmin = 0.01, .s_tmax = 1, .s_noise = 1.007};

/// Restart as its authors run it for CIFAR-10.
[[nodiscard]] inline Restart cifar10_restart_solver() { return {.intervals = {cifar10_restart}}; }

/// Calls use(entry, solver) for the solvers whose steps are exponential integrators.
template <class Use>
void for_each_exponential_solver(Use use) {
  use(SolverEntry{"ddim", 1, false, "DDIM without noise; DPM-Solver-1"}, DdimSolver{});
  use(SolverEntry{"dpm-solver-2m", 2, false, "DPM-Solver, multistep"}, DpmSolver<2>{});
  use(SolverEntry{"dpm-solver-3m", 3, false, "DPM-Solver, multistep"}, DpmSolver<3>{});
  use(SolverEntry{"dpm-solver-2s", 2, false, "DPM-Solver, single-step"}, DpmSolverSingleStep<2>{});
  use(SolverEntry{"dpm-solver-fast", 3, false, "DPM-Solver-3, single-step, ending in lower orders"},
      DpmSolverSingleStep<3>{});
  use(SolverEntry{"dpm-solver++-1", 1, false, "DPM-Solver++; DDIM in the predicted data"},
      DpmSolverPlusPlus<1>{});
  use(SolverEntry{"dpm-solver++-2m", 2, false, "DPM-Solver++, multistep"}, DpmSolverPlusPlus<2>{});
  use(SolverEntry{"dpm-solver++-3m", 3, false, "DPM-Solver++, multistep"}, DpmSolverPlusPlus<3>{});
  use(SolverEntry{"dpm-solver++-2s", 2, false, "DPM-Solver++, single-step"},
      DpmSolverPlusPlusSingleStep<2>{});
  use(SolverEntry{"dpm-solver++-3s", 3, false, "DPM-Solver++, single-step"},
      DpmSolverPlusPlusSingleStep<3>{});
  use(SolverEntry{"unipc-1", 2, false, "UniPC, predictor of order 1 and corrector"}, UniPc<1>{});
  use(SolverEntry{"unipc-2", 3, false, "UniPC, predictor of order 2 and corrector"}, UniPc<2>{});
  use(SolverEntry{"unipc-3", 4, false, "UniPC, predictor of order 3 and corrector"}, UniPc<3>{});
  use(SolverEntry{"unipc-4", 5, false, "UniPC, predictor of order 4 and corrector"}, UniPc<4>{});
  use(SolverEntry{"unip-3", 3, false, "UniPC predictor only, in the predicted noise"},
      UniPc<3>{.prediction = Prediction::noise, .corrector = false});
}

/// Calls use(entry, solver) for the solvers that integrate the predicted noise in t or σ/α.
template <class Use>
void for_each_noise_integrator(Use use) {
  use(SolverEntry{"deis-2", 2, false, "DEIS, polynomials in time"}, Deis<2>{});
  use(SolverEntry{"deis-3", 3, false, "DEIS, polynomials in time"}, Deis<3>{});
  use(SolverEntry{"deis-4", 4, false, "DEIS, polynomials in time"}, Deis<4>{});
  use(SolverEntry{"lms-2", 2, false, "linear multistep in sigma"}, Lms<2>{});
  use(SolverEntry{"lms-4", 4, false, "linear multistep in sigma"}, Lms<4>{});
  use(SolverEntry{"pndm", 2, false, "pseudo-numerical, Runge-Kutta start"}, Pndm{});
  use(SolverEntry{"plms", 2, false, "pseudo-numerical, Heun start"}, Plms{});
  use(SolverEntry{"ipndm", 2, false, "pseudo-numerical, lower-order start"}, Ipndm{});
  use(SolverEntry{"karras-euler", 1, false, "Euler in sigma"}, EdmEuler{});
  use(SolverEntry{"karras-heun", 2, false, "EDM algorithm 1: Heun in sigma"}, EdmHeun{});
  use(SolverEntry{"dpm-2", 2, false, "midpoint in sigma"}, Dpm2{});
}

/// Calls use(entry, solver) for the stochastic solvers.
template <class Use>
void for_each_stochastic_solver(Use use) {
  use(SolverEntry{"karras-stochastic", 1, true, "EDM algorithm 2: Heun with churn"},
      EdmHeun{.churn = cifar10_churn});
  use(SolverEntry{"sde-dpm-solver++-1", 1, true, "SDE-DPM-Solver++"}, SdeDpmSolverPlusPlus<1>{});
  use(SolverEntry{"sde-dpm-solver++-2m", 2, true, "SDE-DPM-Solver++, multistep"},
      SdeDpmSolverPlusPlus<2>{});
  use(SolverEntry{"sde-dpm-solver++-3m", 2, true, "SDE-DPM-Solver++, multistep"},
      SdeDpmSolverPlusPlus<3>{});
  use(SolverEntry{"sde-dpm-solver-1", 1, true, "SDE-DPM-Solver, in the predicted noise"},
      SdeDpmSolver<1>{});
  use(SolverEntry{"sde-dpm-solver-2m", 2, true,
                  "SDE-DPM-Solver, in the predicted noise, multistep"},
      SdeDpmSolver<2>{});
  use(SolverEntry{"dpm-solver++-sde", 2, true, "DPM-Solver++ 2S for the reverse SDE"},
      DpmSolverPlusPlusSde{});
  use(SolverEntry{"dpm-2-ancestral", 1, true, "midpoint in sigma, ancestral noise"},
      Dpm2Ancestral{});
  use(SolverEntry{"dpm-solver++-2s-ancestral", 1, true, "DPM-Solver++ 2S, ancestral noise"},
      DpmSolverPlusPlus2SAncestral{});
  use(SolverEntry{"sa-solver-2", 2, true, "stochastic Adams, predictor and corrector"},
      SaSolver<2>{});
  use(SolverEntry{"sa-solver-3", 2, true, "stochastic Adams, predictor and corrector"},
      SaSolver<3>{});
  use(SolverEntry{"sa-solver-2-few-steps", 2, true, "sa-solver-2 with the published weights"},
      SaSolver<2>{.few_steps = true});
}

/// Calls use(entry, solver) for solvers of the lists above with the settings of diffusers and
/// k-diffusion (docs/coming_from_diffusers.md, docs/coming_from_k_diffusion.md).
template <class Use>
void for_each_peer_solver(Use use) {
  constexpr SolverForm taylor = SolverForm::taylor;
  constexpr SecondDifference halved = SecondDifference::halved;
  constexpr std::size_t always = std::numeric_limits<std::size_t>::max();
  use(SolverEntry{"log-rho-deis-2", 2, false, "DEIS, polynomials in log sigma, as in diffusers"},
      DpmSolver<2>{.form = taylor, .lower_order_below = 15});
  use(SolverEntry{"dpm-solver++-2m-diffusers", 2, false, "order 1 last below 15 steps"},
      DpmSolverPlusPlus<2>{.lower_order_below = 15});
  use(SolverEntry{"dpm-solver++-2s-diffusers", 2, false, "order 1 in the last two steps"},
      DpmSolverPlusPlusSingleStep<2>{.lower_second_order = true});
  use(SolverEntry{"sa-solver-2-diffusers", 2, true, "published weights, lower last orders"},
      SaSolver<2>{.lower_order_below = always, .few_steps = true});
  use(SolverEntry{"lms-4-full-order", 4, false, "order 4 in the step to the data too"},
      Lms<4>{.full_order_to_data = true});
  use(SolverEntry{"dpm-solver++-2m-k-diffusion", 2, false, "no lower last order"},
      DpmSolverPlusPlus<2>{.lower_order_below = 0});
  use(SolverEntry{"sde-dpm-solver++-2m-k-diffusion", 2, true, "no lower last order"},
      SdeDpmSolverPlusPlus<2>{.lower_order_below = 0});
  use(SolverEntry{"sde-dpm-solver++-3m-k-diffusion", 2, true, "half the second difference"},
      SdeDpmSolverPlusPlus<3>{.form = taylor, .second_difference = halved, .lower_order_below = 0});
}

/// Restart. It is not in the lists, because its number of evaluations depends on the grid's times
/// and not only on their number.
inline constexpr SolverEntry restart_entry{"restart", 2, true, "Heun, repeated with fresh noise"};

/// Calls use(entry, solver) for every solver, deterministic ones first.
template <class Use>
void for_each_solver(Use use) {
  for_each_exponential_solver(use);
  for_each_noise_integrator(use);
  for_each_stochastic_solver(use);
}

}  // namespace scoresde
