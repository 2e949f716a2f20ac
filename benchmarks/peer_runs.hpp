// SPDX-License-Identifier: MIT
/// The runs of diffusers' schedulers and k-diffusion's samplers in tests/golden/peers.safetensors,
/// repeated here with the same settings, for benchmarks/peer_agreement and
/// tests/sampler/golden_peers_test.cpp.
///
/// settings → SDE, grid by name, solver or sampler by name. docs/coming_from_diffusers.md and
/// docs/coming_from_k_diffusion.md contain the same mapping as tables.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/io/safetensors.hpp>
#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/sampler/clipped_ddim.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/thresholding.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/rectified_flow_sde.hpp>
#include <scoresde/sde/timestep_grid.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/solver/solver_table.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/log_snr_grid.hpp>

namespace peers {

using X = scoresde::HostState<double>;
using nlohmann::json;

/// A run of a peer.
struct Case {
  json entry;
  const scoresde::io::TensorFile* file = nullptr;

  [[nodiscard]] std::string name() const { return entry.at("name"); }
  [[nodiscard]] std::string scheduler() const { return entry.at("scheduler"); }
  [[nodiscard]] std::size_t steps() const { return entry.at("steps"); }
  [[nodiscard]] const json& settings() const { return entry.at("settings"); }
  template <class T>
  [[nodiscard]] T get(const char* key, T fallback) const {
    return settings().value(key, fallback);
  }
  [[nodiscard]] bool is(const char* key, const char* value, const char* fallback = "") const {
    return get<std::string>(key, fallback) == value;
  }
  [[nodiscard]] std::vector<double> tensor(const std::string& what) const {
    return file->at(name() + "." + what).as<double>();
  }
  [[nodiscard]] X state(const std::string& what) const {
    const std::size_t rows = file->at(name() + "." + what).shape.at(0);
    const std::vector<double> values = tensor(what);
    return {{rows, values.size() / rows}, values};
  }
};

/// The result here.
struct Agreement {
  double error = std::numeric_limits<double>::infinity();  ///< max |ours − theirs| / max |theirs|
  std::string ours = "";
};

/// Runs a sampler from the case's start over its normals.
template <class Sampler>
[[nodiscard]] Agreement run(const Case& c, std::string ours, const Sampler& sampler) {
  scoresde::GaussianMixture model(sampler.sde(), c.file->at("weights").as<double>(),
                                  c.file->at("means").as<double>(),
                                  c.file->at("variances").as<double>());
  X x = c.state("x_T");
  // Draw 0 is the prior; steps without noise have an index, too.
  std::vector<X> draws(2 * sampler.grid().size() + 3, x);
  if (c.file->contains(c.name() + ".z")) {
    const std::vector<double> z = c.tensor("z");
    for (std::size_t i = 0; (i + 1) * x.size() <= z.size(); ++i)
      std::copy_n(z.begin() + std::ptrdiff_t(i * x.size()), x.size(), draws[i + 1].data());
  }
  scoresde::Workspace<X, Sampler::buffers> work(x);
  const scoresde::RecordedNoise<X> noise{draws};
  if (c.get("thresholding", false)) {
    const scoresde::DynamicThreshold threshold{
        .quantile = c.get("dynamic_thresholding_ratio", 0.995),
        .cap = c.get("sample_max_value", 1.0)};
    scoresde::DynamicallyThresholdedDenoiser limited(model, sampler.sde(), threshold);
    sampler.integrate(limited, x, noise, work);
  } else {
    sampler.integrate(model, x, noise, work);
  }
  const std::vector<double> wanted = c.tensor("x_0");
  double off = 0, size = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    off = std::max(off, std::abs(x.data()[i] - wanted[i]));
    size = std::max(size, std::abs(wanted[i]));
  }
  return {std::isfinite(off) ? off / size : off, std::move(ours)};
}

/// Runs a solver, as a table, to the grid's end or to the data where it ends there.
template <scoresde::Sde S, class R>
[[nodiscard]] Agreement solve(const Case& c, std::string ours, const S& sde,
                              const scoresde::TimeGrid& grid, const R& solver) {
  scoresde::SolverTable table{solver.order, solver.prediction, {}, {}};
  if (grid.back().t_next > 0) {
    table.to_eps = solver.stages(sde, grid);
    return run(
        c, std::move(ours),
        scoresde::SolverSampler{sde, table, grid, {.final_step = scoresde::FinalStep::keep_noise}});
  }
  table.to_data = scoresde::stages_to_data(solver, sde, grid);
  return run(c, std::move(ours), scoresde::SolverSampler{sde, table, grid});
}

[[nodiscard]] inline scoresde::TimestepOptions timestep_options(const Case& c, const char* spacing,
                                                                bool to_data) {
  using scoresde::TimestepSpacing;
  return {c.is("timestep_spacing", "trailing", spacing)   ? TimestepSpacing::trailing
          : c.is("timestep_spacing", "linspace", spacing) ? TimestepSpacing::linspace
                                                          : TimestepSpacing::leading,
          c.get<std::size_t>("steps_offset", 0), to_data};
}

[[nodiscard]] inline scoresde::SolverForm form_of(const Case& c) {
  return c.is("solver_type", "heun", "midpoint") ? scoresde::SolverForm::taylor
                                                 : scoresde::SolverForm::dpm_solver;
}

[[nodiscard]] inline Agreement ddim(const Case& c, const scoresde::DdpmSde& sde) {
  const auto grid = scoresde::strided_timestep_grid(
      sde, c.steps(), timestep_options(c, "leading", c.get("set_alpha_to_one", true)));
  const double eta = c.get("eta", 0.0);
  if (c.get("clip_sample", true)) {
    const double range = c.get("clip_sample_range", 1.0);
    return run(c, "ClippedDdim",
               scoresde::ClippedDdim{
                   sde,
                   scoresde::Ddim{eta},
                   grid,
                   {.range = {-range, range}, .final_step = scoresde::FinalStep::keep_noise}});
  }
  return run(c, "Ddim",
             scoresde::PredictorCorrector{sde, scoresde::Ddim{eta}, grid,
                                          scoresde::PredictorCorrectorOptions{
                                              .final_step = scoresde::FinalStep::keep_noise}});
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

template <scoresde::Prediction P, int Order>
[[nodiscard]] Agreement exponential_multistep(const Case& c, const std::string& name,
                                              const scoresde::DdpmSde& sde) {
  const scoresde::TimeGrid grid = multistep_grid(c, sde);
  const bool final_euler = c.get("euler_at_final", false);
  if (name.starts_with("sde"))
    return solve(c, P == scoresde::Prediction::data ? "SdeDpmSolverPlusPlus" : "SdeDpmSolver", sde,
                 grid,
                 scoresde::SdeExponentialMultistep<Order, P>{
                     .form = form_of(c), .lower_order_below = 15, .euler_at_final = final_euler});
  return solve(c, P == scoresde::Prediction::data ? "DpmSolverPlusPlus" : "DpmSolver", sde, grid,
               scoresde::ExponentialMultistep<Order, P>{
                   .form = form_of(c),
                   .second_difference = scoresde::SecondDifference::halved,
                   .lower_order_below = 15,
                   .euler_at_final = final_euler});
}

template <scoresde::Prediction P>
[[nodiscard]] Agreement exponential_multistep(const Case& c, const std::string& name,
                                              const scoresde::DdpmSde& sde) {
  const int order = c.get("solver_order", 2);
  if (order == 1) return exponential_multistep<P, 1>(c, name, sde);
  if (order == 2) return exponential_multistep<P, 2>(c, name, sde);
  return exponential_multistep<P, 3>(c, name, sde);
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
  const std::string algorithm = c.get<std::string>("algorithm_type", "dpmsolver++");
  return algorithm.ends_with("++")
             ? exponential_multistep<scoresde::Prediction::data>(c, algorithm, sde)
             : exponential_multistep<scoresde::Prediction::noise>(c, algorithm, sde);
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

/// EulerDiscreteScheduler and EulerAncestralDiscreteScheduler.
[[nodiscard]] inline Agreement euler(const Case& c, const scoresde::DdpmSde& sde) {
  const auto grid =
      scoresde::sigma_timestep_grid(sde, c.steps(), timestep_options(c, "linspace", true));
  if (c.scheduler() == "EulerDiscreteScheduler")
    return solve(c, "EdmEuler", sde, grid, scoresde::EdmEuler{});
  return run(c, "EulerAncestral",
             scoresde::PredictorCorrector{sde, scoresde::EulerAncestral{}, grid,
                                          scoresde::PredictorCorrectorOptions{
                                              .final_step = scoresde::FinalStep::keep_noise}});
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
  if (kind == "DDIMScheduler") return ddim(c, sde);
  if (kind == "DPMSolverMultistepScheduler") return dpm_multistep(c, sde);
  if (kind == "DPMSolverSinglestepScheduler") return dpm_single_step(c, sde);
  if (kind.starts_with("Euler")) return euler(c, sde);
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
  throw scoresde::Error("peer run " + c.name() + ": unknown scheduler " + kind);
}

[[nodiscard]] inline Agreement run_k_diffusion(const Case& c) {
  const scoresde::EdmSde sde({.sigma_min = 0.01, .sigma_max = 160});
  const std::size_t inner = c.steps() - 1;
  const auto by_name = [&] {
    if (c.is("grid", "exponential")) return scoresde::log_snr_grid(sde, 40, 0.01, inner);
    if (c.is("grid", "polyexponential"))
      return scoresde::polyexponential_grid(sde, 40, 0.01, inner, 1.7);
    if (c.is("grid", "vp")) return scoresde::vp_grid(sde, inner);
    return scoresde::karras_grid(sde, 40, 0.01, inner);
  };
  const scoresde::TimeGrid grid = scoresde::extended_to_data(by_name());
  const double eta = c.get("eta", 1.0);
  if (c.scheduler() == "dpm_2_ancestral")
    return solve(c, "Dpm2Ancestral", sde, grid, scoresde::Dpm2Ancestral{.eta = eta});
  if (c.scheduler() == "dpmpp_sde")
    return solve(c, "DpmSolverPlusPlusSde", sde, grid,
                 scoresde::DpmSolverPlusPlusSde{.eta = eta, .midpoint = c.get("r", 0.5)});
  if (c.scheduler() == "dpmpp_2m")
    return solve(c, "DpmSolverPlusPlus", sde, grid,
                 scoresde::DpmSolverPlusPlus<2>{.lower_order_below = 0});
  throw scoresde::Error("peer run " + c.name() + ": unknown function " + c.scheduler());
}

/// Calls use(case, agreement) for every peer's run in the file; returns how many there are.
template <class Use>
std::size_t for_each_run(const scoresde::io::TensorFile& file, const Use& use) {
  std::size_t count = 0;
  if (file.metadata.count("cases") == 0) return 0;
  for (const json& entry : json::parse(file.metadata.at("cases"))) {
    if (!entry.contains("peer") || !entry.contains("scheduler")) continue;
    const Case c{entry, &file};
    use(c, entry.at("peer") == "diffusers" ? run_diffusers(c) : run_k_diffusion(c));
    ++count;
  }
  return count;
}

}  // namespace peers
