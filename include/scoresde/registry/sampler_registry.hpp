// SPDX-License-Identifier: MIT
/// The samplers by name: kind, order, cost and accepted options.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iomanip>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nearest_name.hpp>
#include <scoresde/ode/adaptive_runge_kutta.hpp>
#include <scoresde/ode/explicit_runge_kutta.hpp>
#include <scoresde/ode/tableaux.hpp>
#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/sampler/adaptive_dpm_solver.hpp>
#include <scoresde/sampler/adaptive_sde.hpp>
#include <scoresde/sampler/score_sde_samplers.hpp>
#include <scoresde/sde/vp_sde.hpp>

namespace scoresde {

/// The kind of a name.
enum class SamplerFamily { predictor_corrector, flow, adaptive, fast, component, preset };

/// A name of an option: a sampler, or a predictor or corrector.
struct SamplerRow {
  SamplerFamily family = SamplerFamily::component;
  std::string option, name, description;
  bool stochastic = false;
  int order = 0;                ///< weak order if stochastic; 0: not applicable
  std::size_t evaluations = 0;  ///< per step of a long run, or per trial step
  std::size_t states = 0;       ///< states in addition to x
  std::string grid = "-";       ///< default of --grid
  std::string options = "";     ///< further options, separated by commas
  /// Evaluations of a run of `steps` steps, for flows and fast solvers.
  std::size_t (*nfe)(std::size_t steps) = nullptr;

  /// Whether it steps on a given time grid.
  [[nodiscard]] bool uses_time_grid() const {
    return family != SamplerFamily::component && family != SamplerFamily::adaptive;
  }
  [[nodiscard]] bool takes(const std::string& given) const {
    if (given == "--grid" || given == "--rho" || given == "--steps-offset") return uses_time_grid();
    if (given == "--steps" || given == "--nfe")
      return uses_time_grid() && family != SamplerFamily::preset;
    return (',' + options + ',').find(',' + given + ',') != std::string::npos;
  }
};

namespace detail {

/// The grid that a solver's authors use for images.
inline std::string default_grid(std::string_view solver) {
  if (solver == "pndm" || solver == "plms" || solver == "ipndm") return "uniform";
  if (solver == "ddim" || solver.starts_with("deis")) return "quadratic";
  if (solver.starts_with("dpm-solver") || solver.starts_with("uni") || solver.starts_with("log"))
    return "log_snr";
  return "karras";
}

/// Options that are members of a solver.
template <class R>
std::string member_options() {
  if constexpr (requires(R solver) { solver.eta = 1.0; }) return "--eta";
  if constexpr (requires(R solver) { solver.tau = 1.0; }) return "--tau";
  if constexpr (requires(R solver) { solver.churn.s_churn = 1.0; })
    return "--s-churn,--s-tmin,--s-tmax,--s-noise";
  return "";
}

template <class Method>
SamplerRow flow_row(const char* name, const char* description) {
  using Integrator = ExplicitRungeKutta<Method>;
  return {.family = SamplerFamily::flow,
          .option = "--solver",
          .name = name,
          .description = description,
          .order = Method::order,
          .evaluations = Integrator::stages,
          .states = Integrator::buffers,
          .grid = "uniform",
          .nfe = &Integrator::nfe};
}

inline void add_flows(std::vector<SamplerRow>& rows) {
  rows.push_back({.family = SamplerFamily::predictor_corrector,
                  .option = "--solver",
                  .name = "pc",
                  .description = "reverse-time SDE by a predictor and a corrector",
                  .stochastic = true,
                  .order = 1,
                  .states = 1,
                  .grid = "uniform",
                  .options = "--predictor,--corrector"});
  rows.push_back(flow_row<Euler>("euler", "probability flow, Euler in time"));
  rows.push_back(flow_row<Heun>("heun", "probability flow, Heun in time"));
  rows.push_back(flow_row<RungeKutta4>("rk4", "probability flow, Runge-Kutta in time"));
}

inline void add_adaptive(std::vector<SamplerRow>& rows) {
  const auto add = [&](const char* name, const char* description, int order,
                       std::size_t evaluations, std::size_t states, const char* options) {
    rows.push_back({.family = SamplerFamily::adaptive,
                    .option = "--solver",
                    .name = name,
                    .description = description,
                    .order = order,
                    .evaluations = evaluations,
                    .states = states,
                    .grid = "adaptive",
                    .options = options});
  };
  using S = VpSde;  // the number of states is the same for all SDEs
  // first same as last: six new evaluations per step
  add("dopri5", "probability flow, Dormand-Prince 5(4), steps by their error", 5, 6,
      AdaptiveRungeKutta<>::buffers, "--rtol,--atol,--control");
  add("dpm-solver-12", "DPM-Solver of orders 1 and 2, steps by their difference", 2, 2,
      AdaptiveDpmSolver<S, DpmSolver12>::buffers, "--rtol,--atol");
  add("dpm-solver-23", "DPM-Solver of orders 2 and 3, steps by their difference", 3, 3,
      AdaptiveDpmSolver<S, DpmSolver23>::buffers, "--rtol,--atol");
  add("adaptive-sde", "reverse-time SDE, improved Euler, steps by their error", 1, 2,
      AdaptiveSde<S>::buffers, "--rtol,--atol");
  rows.back().stochastic = true;
}

inline void add_solvers(std::vector<SamplerRow>& rows) {
  const auto add = [&]<class R>(const SolverEntry& entry, const R&) {
    const auto nfe = &solver_nfe<R>;
    rows.push_back({.family = SamplerFamily::fast,
                    .option = "--solver",
                    .name = entry.name,
                    .description = entry.description,
                    .stochastic = entry.stochastic,
                    .order = entry.order,
                    .evaluations = (nfe(2000) - nfe(1000)) / 1000,
                    .states = R::history,
                    .grid = default_grid(entry.name),
                    .options = member_options<R>(),
                    .nfe = nfe});
  };
  for_each_solver(add);
  for_each_peer_solver(add);
  const auto& restart = restart_entry;
  rows.push_back(
      {.family = SamplerFamily::fast,
       .option = "--solver",
       .name = restart.name,
       .description = restart.description,
       .stochastic = restart.stochastic,
       .order = restart.order,
       .evaluations = 2,
       .states = Restart::history,
       .grid = default_grid(restart.name),
       .nfe = [](std::size_t steps) { return cifar10_restart_solver().most_evaluations(steps); }});
}

inline void add_parts(std::vector<SamplerRow>& rows) {
  const auto add = [&](const char* option, const char* name, const char* description,
                       bool stochastic, int order, const char* options) {
    const std::size_t one = std::string_view(name) != "none";
    rows.push_back({.option = option,
                    .name = name,
                    .description = description,
                    .stochastic = stochastic,
                    .order = order,
                    .evaluations = one,
                    .states = one,
                    .options = options});
  };
  const char* const p = "--predictor";
  add(p, "euler_maruyama", "Euler-Maruyama on the reverse-time SDE", true, 1, "");
  add(p, "reverse_diffusion", "the forward chain's step, reversed", true, 1, "");
  add(p, "probability_flow", "reverse_diffusion's step of the probability flow", false, 1, "");
  add(p, "ancestral", "a sample of the chain's posterior", true, 1, "--variance");
  add(p, "ddim", "DDIM; deterministic for eta 0, the default", false, 1, "--eta");
  add(p, "euler_ancestral", "Euler in sigma and ancestral noise", true, 1, "--eta");
  add(p, "clipped_ddim", "DDIM with clipped data and unclipped noise", false, 1, "--eta");
  add(p, "none", "corrector only", false, 0, "");
  const char *const c = "--corrector", *const sizes = "--snr,--corrector-steps";
  add(c, "langevin", "Langevin steps sized by the norms of score and noise", true, 0, sizes);
  add(c, "langevin-batch", "langevin with means of the norms over the batch", true, 0, sizes);
  add(c, "annealed_langevin", "Langevin steps sized by the noise level", true, 0, sizes);
  add(c, "none", "predictor only", false, 0, "");
}

inline void add_presets(std::vector<SamplerRow>& rows) {
  for (const ScoreSdeSampler& sampler : score_sde_samplers) {
    const bool predicts = sampler.predicts, corrects = sampler.corrections > 0;
    std::string description("Song et al. 2021, table 1: "), options;
    if (predicts) description += "a predictor", options += "--predictor";
    if (corrects) {
      description += predicts ? " and a corrector" : "a corrector twice";
      options += predicts ? ",--corrector,--snr" : "--corrector,--snr";
    }
    description += " at each of " + std::to_string(sampler.steps) + " times";
    rows.push_back({.family = SamplerFamily::preset,
                    .option = "--sampler",
                    .name = std::string(sampler.name),
                    .description = description,
                    .stochastic = true,
                    .order = predicts ? 1 : 0,
                    .evaluations = sampler.nfe() / sampler.steps,
                    .states = 1,
                    .grid = "uniform",
                    .options = options});
  }
}

}  // namespace detail

/// All names, in the order of --list-samplers.
inline const std::vector<SamplerRow>& sampler_rows() {
  static const std::vector<SamplerRow> table = [] {
    std::vector<SamplerRow> rows;
    detail::add_flows(rows);
    detail::add_adaptive(rows);
    detail::add_solvers(rows);
    detail::add_parts(rows);
    detail::add_presets(rows);
    return rows;
  }();
  return table;
}

/// The names of an option, for help texts and error messages.
inline std::vector<std::string> sampler_names(std::string_view option) {
  std::vector<std::string> names;
  for (const SamplerRow& row : sampler_rows())
    if (row.option == option) names.push_back(row.name);
  return names;
}

/// The row of an option's name. Throws Error, listing the names, if there is none.
[[nodiscard]] inline const SamplerRow& sampler_row(const char* option, const std::string& name) {
  for (const SamplerRow& row : sampler_rows())
    if (row.option == option && row.name == name) return row;
  const std::vector<std::string> known = sampler_names(option);
  throw Error(option + (": " + unknown_name(name, known, known)));
}

namespace detail {

/// The kind of a row; "-" for a predictor or corrector that does nothing.
inline const char* kind_of(const SamplerRow& row) {
  if (row.states == 0) return "-";
  return row.stochastic ? "stochastic" : "deterministic";
}

}  // namespace detail

/// Prints a table with a header and a line per name; columns are separated by at least two spaces,
/// "-" marks empty cells. `nfe`: evaluations per step; `states`: number of states in addition to x.
inline void list_samplers(std::ostream& out) {
  std::vector<std::vector<std::string>> lines{
      {"option", "name", "kind", "order", "nfe", "states", "grid", "options", "description"}};
  const auto number = [](std::size_t n) { return n == 0 ? std::string("-") : std::to_string(n); };
  for (const SamplerRow& row : sampler_rows())
    lines.push_back({row.option, row.name, detail::kind_of(row),
                     number(static_cast<std::size_t>(row.order)), number(row.evaluations),
                     number(row.states), row.grid, row.options.empty() ? "-" : row.options,
                     row.description});
  for (const auto& line : lines) {
    for (std::size_t c = 0; c + 1 < line.size(); ++c) {
      std::size_t width = 0;
      for (const auto& other : lines) width = std::max(width, other[c].size());
      out << std::left << std::setw(static_cast<int>(width) + 2) << line[c];
    }
    out << line.back() << '\n';
  }
}

}  // namespace scoresde
