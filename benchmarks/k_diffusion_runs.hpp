// SPDX-License-Identifier: MIT
/// The functions of k-diffusion as samplers here: the mapping of docs/coming_from_k_diffusion.md.
#pragma once

#include <cstddef>
#include <string>

#include <scoresde/predictor/ddim.hpp>
#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/time/log_snr_grid.hpp>

#include "peer_case.hpp"

namespace peers {

/// The sigmas of the case, with the last step to 0.
[[nodiscard]] inline scoresde::TimeGrid k_diffusion_grid(const Case& c,
                                                         const scoresde::EdmSde& sde) {
  const std::size_t inner = c.steps() - 1;
  const auto by_name = [&] {
    if (c.is("grid", "exponential")) return scoresde::log_snr_grid(sde, 40, 0.01, inner);
    if (c.is("grid", "polyexponential"))
      return scoresde::polyexponential_grid(sde, 40, 0.01, inner, 1.7);
    if (c.is("grid", "vp")) return scoresde::vp_grid(sde, inner);
    return scoresde::karras_grid(sde, 40, 0.01, inner);
  };
  return scoresde::extended_to_data(by_name());
}

[[nodiscard]] inline Agreement lms(const Case& c, const scoresde::EdmSde& sde,
                                   const scoresde::TimeGrid& grid) {
  const int order = c.get("order", 4);
  const auto solve_by = [&](const auto& solver) { return solve(c, "Lms", sde, grid, solver); };
  if (order == 1) return solve_by(scoresde::Lms<1>{.full_order_to_data = true});
  if (order == 2) return solve_by(scoresde::Lms<2>{.full_order_to_data = true});
  if (order == 3) return solve_by(scoresde::Lms<3>{.full_order_to_data = true});
  return solve_by(scoresde::Lms<4>{.full_order_to_data = true});
}

/// sample_dpm_fast, which ends at the smallest σ.
[[nodiscard]] inline Agreement dpm_fast(const Case& c, const scoresde::EdmSde& sde) {
  return solve(c, "DpmSolverSingleStep", sde,
               scoresde::single_step_log_snr_grid(sde, 40, 0.01, c.steps(), 3),
               scoresde::DpmSolverSingleStep<3>{});
}

/// The samplers with noise in every step.
[[nodiscard]] inline Agreement run_k_diffusion_sde(const Case& c, const scoresde::EdmSde& sde,
                                                   const scoresde::TimeGrid& grid) {
  const std::string function = c.scheduler();
  const double eta = c.get("eta", 1.0);
  if (function == "euler_ancestral")
    return predict(c, "EulerAncestral", sde, grid, scoresde::EulerAncestral{eta});
  if (function == "dpm_2_ancestral")
    return solve(c, "Dpm2Ancestral", sde, grid, scoresde::Dpm2Ancestral{.eta = eta});
  if (function == "dpmpp_2s_ancestral")
    return solve(c, "DpmSolverPlusPlus2SAncestral", sde, grid,
                 scoresde::DpmSolverPlusPlus2SAncestral{.eta = eta});
  if (function == "dpmpp_sde")
    return solve(c, "DpmSolverPlusPlusSde", sde, grid,
                 scoresde::DpmSolverPlusPlusSde{.eta = eta, .midpoint = c.get("r", 0.5)});
  if (function == "dpmpp_2m_sde")
    return solve(
        c, "SdeDpmSolverPlusPlus<2>", sde, grid,
        scoresde::SdeDpmSolverPlusPlus<2>{.eta = eta, .form = form_of(c), .lower_order_below = 0});
  if (function == "dpmpp_3m_sde")
    return solve(
        c, "SdeDpmSolverPlusPlus<3>", sde, grid,
        scoresde::SdeDpmSolverPlusPlus<3>{.eta = eta,
                                          .form = scoresde::SolverForm::taylor,
                                          .second_difference = scoresde::SecondDifference::halved,
                                          .lower_order_below = 0});
  throw scoresde::Error("peer run " + c.name() + ": unknown function " + function);
}

[[nodiscard]] inline Agreement run_k_diffusion(const Case& c) {
  const scoresde::EdmSde sde({.sigma_min = 0.01, .sigma_max = 160});
  const std::string function = c.scheduler();
  if (function == "dpm_fast") return dpm_fast(c, sde);
  const scoresde::TimeGrid grid = k_diffusion_grid(c, sde);
  const scoresde::Churn churn{.s_churn = c.get("s_churn", 0.0),
                              .s_tmin = c.get("s_tmin", 0.0),
                              .s_tmax = c.get("s_tmax", 1e3),
                              .s_noise = c.get("s_noise", 1.0)};
  if (function == "euler")
    return solve(c, "EdmEuler", sde, grid, scoresde::EdmEuler{.churn = churn});
  if (function == "heun") return solve(c, "EdmHeun", sde, grid, scoresde::EdmHeun{.churn = churn});
  if (function == "dpm_2") return solve(c, "Dpm2", sde, grid, scoresde::Dpm2{.churn = churn});
  if (function == "lms") return lms(c, sde, grid);
  if (function == "dpmpp_2m")
    return solve(c, "DpmSolverPlusPlus", sde, grid,
                 scoresde::DpmSolverPlusPlus<2>{.lower_order_below = 0});
  return run_k_diffusion_sde(c, sde, grid);
}

}  // namespace peers
