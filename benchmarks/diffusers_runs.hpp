// SPDX-License-Identifier: MIT
/// The settings of diffusers' schedulers as samplers here: the mapping of
/// docs/coming_from_diffusers.md.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <scoresde/corrector/langevin.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/ddim.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/sampler/clipped_ddim.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/rectified_flow_sde.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/sde/timestep_grid.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/time/log_snr_grid.hpp>

#include "peer_case.hpp"

namespace peers {

[[nodiscard]] inline scoresde::TimestepOptions timestep_options(const Case& c, const char* spacing,
                                                                bool to_data) {
  using scoresde::TimestepSpacing;
  return {c.is("timestep_spacing", "trailing", spacing)   ? TimestepSpacing::trailing
          : c.is("timestep_spacing", "linspace", spacing) ? TimestepSpacing::linspace
                                                          : TimestepSpacing::leading,
          c.get<std::size_t>("steps_offset", 0), to_data};
}

[[nodiscard]] inline Agreement ddpm(const Case& c, const scoresde::DdpmSde& sde) {
  using scoresde::PosteriorVariance;
  const auto grid =
      scoresde::consecutive_timestep_grid(sde, c.steps(), timestep_options(c, "leading", true));
  const scoresde::Ancestral ancestral{
      c.is("variance_type", "fixed_large") ? PosteriorVariance::large : PosteriorVariance::small};
  // No noise is added at timestep 0.
  const auto final_step = grid.back().t > sde.training_time(0)
                              ? scoresde::FinalStep::keep_noise
                              : scoresde::FinalStep::drop_last_noise;
  return run(
      c, "Ancestral",
      scoresde::PredictorCorrector{sde, ancestral, grid,
                                   scoresde::PredictorCorrectorOptions{.final_step = final_step}});
}

[[nodiscard]] inline Agreement ddim(const Case& c, const scoresde::DdpmSde& sde) {
  const auto grid = scoresde::strided_timestep_grid(
      sde, c.steps(), timestep_options(c, "leading", c.get("set_alpha_to_one", true)));
  const double eta = c.get("eta", 0.0);
  if (c.get("clip_sample", true) && !clips_both(c)) {
    const double range = c.get("clip_sample_range", 1.0);
    return run(c, "ClippedDdim",
               scoresde::ClippedDdim{
                   sde,
                   scoresde::Ddim{eta},
                   grid,
                   {.range = {-range, range}, .final_step = scoresde::FinalStep::keep_noise}});
  }
  return predict(c, clips_both(c) ? "Ddim, ClippedDenoiser" : "Ddim", sde, grid,
                 scoresde::Ddim{eta});
}

/// The grid of DPMSolverMultistepScheduler.
[[nodiscard]] inline scoresde::TimeGrid multistep_grid(const Case& c,
                                                       const scoresde::DdpmSde& sde) {
  const bool to_data = c.is("final_sigmas_type", "zero", "zero");
  const std::size_t inner = c.steps() - 1;
  const auto extended = [&](const scoresde::TimeGrid& grid) {
    return to_data ? scoresde::extended_to_data(grid) : grid;
  };
  if (c.get("use_karras_sigmas", false)) return extended(scoresde::karras_grid(sde, inner));
  if (c.get("use_exponential_sigmas", false) || c.get("use_lu_lambdas", false))
    return extended(scoresde::log_snr_grid(sde, inner));
  if (c.get("use_beta_sigmas", false)) return extended(scoresde::beta_grid(sde, inner));
  return scoresde::timestep_grid(sde, c.steps(), timestep_options(c, "linspace", to_data));
}

template <scoresde::Prediction P, int Order, scoresde::Sde S>
[[nodiscard]] Agreement exponential_multistep(const Case& c, const S& sde,
                                              const scoresde::TimeGrid& grid) {
  const bool final_euler = c.get("euler_at_final", false);
  const std::size_t lower_order_below = c.get("lower_order_final", true) ? 15 : 0;
  if (c.get<std::string>("algorithm_type", "").starts_with("sde"))
    return solve(c, P == scoresde::Prediction::data ? "SdeDpmSolverPlusPlus" : "SdeDpmSolver", sde,
                 grid,
                 scoresde::SdeExponentialMultistep<Order, P>{.form = form_of(c),
                                                             .lower_order_below = lower_order_below,
                                                             .euler_at_final = final_euler});
  return solve(c, P == scoresde::Prediction::data ? "DpmSolverPlusPlus" : "DpmSolver", sde, grid,
               scoresde::ExponentialMultistep<Order, P>{
                   .form = form_of(c),
                   .second_difference = scoresde::SecondDifference::halved,
                   .lower_order_below = lower_order_below,
                   .euler_at_final = final_euler});
}

template <scoresde::Prediction P, scoresde::Sde S>
[[nodiscard]] Agreement exponential_multistep(const Case& c, const S& sde,
                                              const scoresde::TimeGrid& grid) {
  const int order = c.get("solver_order", 2);
  if (order == 1) return exponential_multistep<P, 1>(c, sde, grid);
  if (order == 2) return exponential_multistep<P, 2>(c, sde, grid);
  return exponential_multistep<P, 3>(c, sde, grid);
}

[[nodiscard]] inline Agreement dpm_multistep(const Case& c, const scoresde::DdpmSde& sde) {
  if (c.get("use_flow_sigmas", false)) {
    // σ from 1 − 1/N to 0 in equal steps, then the shift.
    const scoresde::RectifiedFlowSde flow({.t_max = 1 - 1e-5});
    const auto grid = scoresde::flow_shifted(scoresde::uniform_grid(0.999, 0, c.steps()),
                                             c.get("flow_shift", 1.0));
    return solve(c, "flow_shifted, DpmSolverPlusPlus", flow, grid,
                 scoresde::DpmSolverPlusPlus<2>{.lower_order_below = 0});
  }
  const scoresde::TimeGrid grid = multistep_grid(c, sde);
  return c.get<std::string>("algorithm_type", "dpmsolver++").ends_with("++")
             ? exponential_multistep<scoresde::Prediction::data>(c, sde, grid)
             : exponential_multistep<scoresde::Prediction::noise>(c, sde, grid);
}

[[nodiscard]] inline Agreement dpm_single_step(const Case& c, const scoresde::DdpmSde& sde) {
  const auto grid =
      scoresde::timestep_grid(sde, c.steps(), {scoresde::TimestepSpacing::linspace, 0, false});
  if (c.get("solver_order", 2) == 2)
    return solve(
        c, "DpmSolverPlusPlusSingleStep", sde, grid,
        scoresde::DpmSolverPlusPlusSingleStep<2>{.form = form_of(c), .lower_second_order = true});
  return solve(
      c, "DpmSolverPlusPlusSingleStep", sde, grid,
      scoresde::DpmSolverPlusPlusSingleStep<3>{.form = form_of(c), .inner_form = form_of(c)});
}

/// UniPCMultistepScheduler and DEISMultistepScheduler.
template <int Order>
[[nodiscard]] Agreement unipc_or_deis(const Case& c, const scoresde::DdpmSde& sde) {
  const auto grid =
      scoresde::timestep_grid(sde, c.steps(), {scoresde::TimestepSpacing::linspace, 0, false});
  if (c.scheduler().starts_with("UniPC"))
    return solve(c, "UniPc", sde, grid, scoresde::UniPc<Order>{});
  return solve(
      c, "DpmSolver, taylor", sde, grid,
      scoresde::DpmSolver<Order>{.form = scoresde::SolverForm::taylor, .lower_order_below = 15});
}

/// The schedulers along σ.
[[nodiscard]] inline Agreement along_sigma(const Case& c, const scoresde::DdpmSde& sde) {
  const std::string kind = c.scheduler();
  const auto grid =
      scoresde::sigma_timestep_grid(sde, c.steps(), timestep_options(c, "linspace", true));
  if (kind == "EulerAncestralDiscreteScheduler")
    return predict(c, "EulerAncestral", sde, grid, scoresde::EulerAncestral{});
  if (kind == "HeunDiscreteScheduler") return solve(c, "EdmHeun", sde, grid, scoresde::EdmHeun{});
  if (kind == "LMSDiscreteScheduler")
    return solve(c, "Lms<4>", sde, grid, scoresde::Lms<4>{.full_order_to_data = true});
  if (kind == "KDPM2DiscreteScheduler") return solve(c, "Dpm2", sde, grid, scoresde::Dpm2{});
  if (kind == "KDPM2AncestralDiscreteScheduler")
    return solve(c, "Dpm2Ancestral", sde, grid, scoresde::Dpm2Ancestral{});
  if (kind == "DPMSolverSDEScheduler")
    return solve(c, "DpmSolverPlusPlusSde", sde, grid, scoresde::DpmSolverPlusPlusSde{});
  return solve(c, "EdmEuler", sde, grid, scoresde::EdmEuler{});
}

/// EDMEulerScheduler and EDMDPMSolverMultistepScheduler. A last step from σ_min to σ_min is
/// omitted.
[[nodiscard]] inline Agreement edm(const Case& c) {
  const scoresde::EdmSde sde;
  const scoresde::TimeGrid inner = c.is("sigma_schedule", "exponential")
                                       ? scoresde::log_snr_grid(sde, c.steps() - 1)
                                       : scoresde::karras_grid(sde, c.steps() - 1);
  const scoresde::TimeGrid grid =
      c.is("final_sigmas_type", "sigma_min") ? inner : scoresde::extended_to_data(inner);
  if (c.scheduler() == "EDMEulerScheduler")
    return solve(c, "EdmEuler", sde, grid, scoresde::EdmEuler{});
  return exponential_multistep<scoresde::Prediction::data>(c, sde, grid);
}

/// The σ of FlowMatchEulerDiscreteScheduler before the shift, without the last one, 0.
[[nodiscard]] inline std::vector<double> flow_match_sigmas(const Case& c, double shift) {
  if (c.settings().contains("sigmas")) return c.settings().at("sigmas");
  // From 1 down to that of level 1, which is shifted already.
  const scoresde::TimeGrid even = scoresde::uniform_grid(1, shift / (999 + shift), c.steps() - 1);
  std::vector<double> sigmas{1};
  for (const scoresde::TimeStep& step : even) sigmas.push_back(step.t_next);
  return sigmas;
}

[[nodiscard]] inline Agreement flow_match(const Case& c) {
  const double mu = c.get("mu", 0.0);
  const double shift = !c.get("use_dynamic_shifting", false) ? c.get("shift", 1.0)
                       : c.is("time_shift_type", "linear")   ? mu
                                                             : std::exp(mu);
  std::vector<double> sigmas = flow_match_sigmas(c, shift);
  // At t = 1 no signal is left: the run begins a little below.
  const double gap = 1e-6;
  const bool from_one = sigmas.front() == 1;
  if (from_one) sigmas.front() -= gap;
  const scoresde::RectifiedFlowSde sde({.t_max = 1 - 0.1 * gap});
  const auto grid =
      scoresde::flow_shifted(scoresde::extended_to_data(scoresde::TimeGrid(sigmas)), shift);
  Agreement found = solve(c, "flow_shifted, EdmEuler", sde, grid, scoresde::EdmEuler{});
  if (from_one) found.bound = gap;
  return found;
}

[[nodiscard]] inline Agreement score_sde_ve(const Case& c) {
  const scoresde::DiscreteVeSde sde(c.steps(), {.sigma_min = 0.01, .sigma_max = 1348});
  return run(
      c, "ReverseDiffusion, Langevin",
      scoresde::PredictorCorrector{sde, scoresde::ReverseDiffusion{},
                                   scoresde::Langevin{.snr = 0.15, .scope = scoresde::Scope::batch},
                                   scoresde::score_sde_grid(1, 1e-5, c.steps())});
}

template <int PredictorOrder, int CorrectorOrder>
[[nodiscard]] Agreement sa_solver(const Case& c, const scoresde::DdpmSde& sde) {
  const auto grid =
      scoresde::timestep_grid(sde, c.steps(), {scoresde::TimestepSpacing::linspace, 0, false});
  // By default τ = 1 at timesteps 200 to 800, both included.
  const auto ratio = [&](double label) {
    return std::exp(-0.5 * scoresde::log_snr(sde, (label + 1) / 1000));
  };
  scoresde::SaSolver<PredictorOrder, CorrectorOrder> solver{
      .tau = c.get("tau", 1.0),
      .lower_order_below = std::numeric_limits<std::size_t>::max(),
      .few_steps = true};
  if (!c.settings().contains("tau")) solver.low = ratio(199.5), solver.high = ratio(800.5);
  return solve(c, "SaSolver, few_steps", sde, grid, solver);
}

[[nodiscard]] inline Agreement run_diffusers(const Case& c) {
  const scoresde::DdpmSde sde(scoresde::linear_betas(1000));
  const std::string kind = c.scheduler();
  if (kind == "DDPMScheduler") return ddpm(c, sde);
  if (kind == "DDIMScheduler") return ddim(c, sde);
  if (kind == "DPMSolverMultistepScheduler") return dpm_multistep(c, sde);
  if (kind == "DPMSolverSinglestepScheduler") return dpm_single_step(c, sde);
  if (kind.starts_with("EDM")) return edm(c);
  if (kind == "FlowMatchEulerDiscreteScheduler") return flow_match(c);
  if (kind == "ScoreSdeVeScheduler") return score_sde_ve(c);
  if (kind.starts_with("UniPC") || kind.starts_with("DEIS"))
    return c.get("solver_order", 2) == 2 ? unipc_or_deis<2>(c, sde) : unipc_or_deis<3>(c, sde);
  if (kind == "SASolverScheduler") {
    const int predictor = c.get("predictor_order", 2);
    if (predictor == 1) return sa_solver<1, 2>(c, sde);
    return predictor == 2 ? sa_solver<2, 2>(c, sde) : sa_solver<3, 3>(c, sde);
  }
  if (kind == "PNDMScheduler") {
    const auto grid =
        scoresde::strided_timestep_grid(sde, c.steps(), timestep_options(c, "leading", false));
    if (c.get("skip_prk_steps", false)) return solve(c, "Plms", sde, grid, scoresde::Plms{});
    return solve(c, "Pndm", sde, grid, scoresde::Pndm{});
  }
  if (kind == "IPNDMScheduler") {
    const scoresde::VpSde vp;
    return solve(c, "Ipndm", vp, scoresde::uniform_grid(vp, c.steps()), scoresde::Ipndm{});
  }
  for (const char* prefix : {"Euler", "Heun", "LMS", "KDPM2", "DPMSolverSDE"})
    if (kind.starts_with(prefix)) return along_sigma(c, sde);
  throw scoresde::Error("peer run " + c.name() + ": unknown scheduler " + kind);
}

}  // namespace peers
