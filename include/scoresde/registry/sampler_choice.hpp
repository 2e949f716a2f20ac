// SPDX-License-Identifier: MIT
/// SamplerChoice: a sampler given by names and numbers, its defaults, and the rejection of options
/// that exclude each other.
#pragma once

#include <charconv>
#include <cstddef>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nearest_name.hpp>
#include <scoresde/registry/sampler_aliases.hpp>
#include <scoresde/registry/sampler_registry.hpp>
#include <scoresde/registry/usage_error.hpp>

namespace scoresde {

/// Empty names, absent numbers and zeros select defaults: those of resolve_defaults(), otherwise
/// those of the sampler types.
struct SamplerChoice {
  std::string preset, solver, predictor, corrector;
  std::string grid, final_step, variance = "small", control = "per_sample";
  std::string usual_grid;  ///< grid of an alias, unless --grid is given
  std::string aliases;     ///< description of the translated names
  bool grid_given = false, steps_given = false;
  std::size_t steps = 0, nfe = 0, corrector_steps = 1, steps_offset = 0;
  std::optional<double> snr, rho, eta, tau, s_churn, s_tmin, s_tmax, s_noise;
  std::optional<double> rtol, atol;
  double eps = 0;                          ///< time at which sampling ends
  bool centered = true;                    ///< data lie in [-1, 1], not in [0, 1]
  std::size_t evaluations_of_a_score = 1;  ///< network evaluations each; 2 with guidance
};

/// Whether a grid is a spacing of the timesteps of a network of discrete levels.
[[nodiscard]] inline bool spaces_timesteps(const std::string& grid) {
  return grid == "leading" || grid == "linspace" || grid == "trailing";
}

namespace detail {

/// The rows of the names in the choice.
inline std::vector<const SamplerRow*> selected_rows(const SamplerChoice& c) {
  std::vector<const SamplerRow*> rows{&sampler_row("--solver", c.solver)};
  if (!c.preset.empty()) rows = {&sampler_row("--sampler", c.preset)};
  if (c.solver != "pc") return rows;
  rows.push_back(&sampler_row("--predictor", c.predictor));
  rows.push_back(&sampler_row("--corrector", c.corrector));
  return rows;
}

/// The names that accept an option: "--solver sa-solver-2, sa-solver-3 and --predictor ddim".
inline std::string samplers_accepting(const std::string& option) {
  if (sampler_row("--solver", "euler").takes(option)) return "solvers with a fixed number of steps";
  std::string names, last;
  for (const SamplerRow& row : sampler_rows()) {
    if (!row.takes(option)) continue;
    if (row.option == last)
      names += ", " + row.name;
    else
      names += (names.empty() ? "" : " and ") + row.option + ' ' + row.name;
    last = row.option;
  }
  return names;
}

/// Rejects options that none of the chosen names accepts.
inline void reject_unused_options(const SamplerChoice& c, const std::vector<std::string>& given) {
  const auto rows = selected_rows(c);
  std::string chosen;
  for (const SamplerRow* row : rows)
    chosen += (chosen.empty() ? "" : " ") + row->option + ' ' + row->name;
  for (const std::string& option : given) {
    const bool counts_steps =
        option == "--steps" || option == "--nfe" || option == "--corrector-steps";
    require_usage(c.preset.empty() || !counts_steps, option, " cannot be combined with --sampler ",
                  c.preset, ", whose name fixes the number of steps");
    bool taken = false;
    for (const SamplerRow* row : rows) taken = taken || row->takes(option);
    require_usage(taken, option, " cannot be combined with ", chosen, "; it is for ",
                  samplers_accepting(option));
  }
}

/// Evaluations of the score in a run of `steps` steps.
inline std::size_t score_evaluations(const SamplerChoice& c, std::size_t steps) {
  if (c.solver == "pc")
    return steps *
           ((c.predictor == "none" ? 0 : 1) + (c.corrector == "none" ? 0 : c.corrector_steps));
  const auto nfe = sampler_row("--solver", c.solver).nfe;
  if (c.final_step == "zero") return nfe(steps - 1) + 1;
  return nfe(steps) + (c.final_step == "denoise" ? 1 : 0);
}

/// Evaluations of the network in a run of `steps` steps.
inline std::size_t evaluations(const SamplerChoice& c, std::size_t steps) {
  return c.evaluations_of_a_score * score_evaluations(c, steps);
}

/// The largest number of steps whose evaluations do not exceed --nfe.
inline std::size_t affordable_steps(const SamplerChoice& c) {
  std::size_t steps = 0;
  while (evaluations(c, steps + 1) <= c.nfe) ++steps;
  require_usage(steps > 0, "--nfe is ", c.nfe, "; --solver ", c.solver, " ending in ", c.final_step,
                " needs at least ", evaluations(c, 1));
  return steps;
}

/// Default tolerances: those of the sampler types; for dopri5, values for images. The types'
/// absolute tolerances are for data in [-1, 1]: 2/256 is 1/256 of the range, which is 0.0039 for
/// [0, 1].
inline void resolve_tolerances(SamplerChoice& c) {
  const auto default_to = [&](double rtol, double atol) {
    c.rtol = c.rtol.value_or(rtol);
    c.atol = c.atol.value_or(c.centered ? atol : atol / 2);
  };
  if (c.solver == "dopri5") return default_to(1e-3, 1e-3);
  if (c.solver == "adaptive-sde")
    return default_to(AdaptiveSdeOptions{}.rtol, quantization_step(-1, 1));
  default_to(DpmSolver12{}.rtol, DpmSolver12{}.atol);
}

inline void resolve_preset(SamplerChoice& c) {
  require_usage(c.solver.empty(), "--solver cannot be combined with --sampler ", c.preset,
                ", which is a predictor-corrector sampler");
  const ScoreSdeSampler& sampler = score_sde_sampler(c.preset);
  c.steps = sampler.steps;
  c.corrector_steps = static_cast<std::size_t>(sampler.corrections);
  if (c.predictor.empty()) c.predictor = sampler.predicts ? "reverse_diffusion" : "none";
  if (c.corrector.empty()) c.corrector = sampler.corrections > 0 ? "langevin" : "none";
}

/// Timestep spacings end at the data, which a fast solver reaches in its last step, and a predictor
/// in a last step without noise, or at the first level.
inline void check_timesteps(const SamplerChoice& c, bool fast) {
  require_usage(c.steps_offset == 0 || c.grid == "leading",
                "--steps-offset is for --grid leading; the grid is ", c.grid);
  if (!spaces_timesteps(c.grid)) return;
  const bool predictor = c.solver == "pc" && c.corrector == "none" && c.final_step == "denoise";
  require_usage(predictor || (fast && c.final_step != "denoise"), "--grid ", c.grid,
                " is for fast solvers with --final zero or eps and for predictors with "
                "--corrector none --final denoise");
  require_usage(c.eps == 0, "--eps cannot be combined with --grid ", c.grid,
                ", which ends at the data, or with --final eps at the network's first level");
}

/// Sets the options of "--option value --option value …" that are not given.
inline void set_defaults(SamplerChoice& c, const std::string& options) {
  const std::map<std::string, std::string*> words{
      {"--final", &c.final_step}, {"--grid", &c.usual_grid}, {"--corrector", &c.corrector}};
  const std::map<std::string, std::optional<double>*> numbers{
      {"--snr", &c.snr},         {"--rtol", &c.rtol},     {"--atol", &c.atol},
      {"--s-churn", &c.s_churn}, {"--s-tmin", &c.s_tmin}, {"--s-tmax", &c.s_tmax},
      {"--s-noise", &c.s_noise}, {"--eta", &c.eta}};
  std::istringstream text(options);
  std::string option, value;
  while (text >> option >> value) {
    if (const auto word = words.find(option); word != words.end()) {
      if (word->second->empty()) *word->second = value;
      continue;
    }
    double number = 0;
    std::from_chars(value.data(), value.data() + value.size(), number);
    std::optional<double>& kept = *numbers.at(option);
    kept = kept.value_or(number);
  }
}

/// Replaces an alias by its equivalent; `from` is the member that contained it.
inline void resolve_alias(SamplerChoice& c, const std::string& option, std::string& from) {
  const SamplerAlias* alias = alias_of(option, from);
  if (alias == nullptr || from.empty()) return;
  for (const std::string& own : sampler_names(option))
    if (own == from) return;
  const std::string name = std::exchange(from, "");
  const std::string own(alias->option);
  std::string& to = own == "--solver"      ? c.solver
                    : own == "--predictor" ? c.predictor
                    : own == "--corrector" ? c.corrector
                                           : c.grid;
  require_usage(to.empty(), option, ' ', name, " is ", alias->stands_for(), "; ", own, ' ', to,
                " cannot be combined with it");
  to = alias->value;
  set_defaults(c, alias->with);
  const bool whole = option == "--sampler" || option == "--solver";
  if (whole && own == "--predictor" && c.corrector.empty()) c.corrector = "none";
  c.aliases +=
      text(c.aliases.empty() ? "" : "; ", name, " of ", alias->source, " is ", alias->stands_for());
}

/// The chosen names and numbers as options: "--solver pc --predictor ddim --corrector none --steps
/// 100 --grid uniform --eta 5".
inline std::string as_options(const SamplerChoice& c) {
  std::string words;
  const auto add = [&](bool chosen, const char* option, const auto& value) {
    if (chosen) words += text(words.empty() ? "" : " ", option, ' ', value);
  };
  const bool composed = c.solver == "pc";
  add(!c.preset.empty(), "--sampler", c.preset);
  add(true, "--solver", c.solver);
  add(composed, "--predictor", c.predictor);
  add(composed, "--corrector", c.corrector);
  add(c.steps > 0, "--steps", c.steps);
  add(c.steps > 0, "--grid", c.grid);
  add(c.steps_offset > 0, "--steps-offset", c.steps_offset);
  const auto add_number = [&](const char* option, const std::optional<double>& value) {
    add(value.has_value(), option, value.value_or(0));
  };
  add_number("--rho", c.rho);
  add_number("--snr", c.snr);
  add_number("--eta", c.eta);
  add_number("--tau", c.tau);
  add_number("--s-churn", c.s_churn);
  add_number("--s-tmin", c.s_tmin);
  add_number("--s-tmax", c.s_tmax);
  add_number("--s-noise", c.s_noise);
  add_number("--rtol", c.rtol);
  add_number("--atol", c.atol);
  return words;
}

}  // namespace detail

/// Replaces names of other libraries by this library's. Throws UsageError for names that exclude
/// each other.
inline void resolve_aliases(SamplerChoice& c) {
  detail::resolve_alias(c, "--sampler", c.preset);
  detail::resolve_alias(c, "--solver", c.solver);
  detail::resolve_alias(c, "--predictor", c.predictor);
  detail::resolve_alias(c, "--corrector", c.corrector);
  detail::resolve_alias(c, "--grid", c.grid);
}

/// Resolves the defaults; `given` lists the options on the command line that only some samplers
/// accept. Throws Error for unknown names, and UsageError for options that the sampler does not
/// accept and for fewer evaluations than one step needs.
inline void resolve_defaults(SamplerChoice& c, const std::vector<std::string>& given) {
  if (!c.preset.empty()) detail::resolve_preset(c);
  if (c.solver.empty()) c.solver = "pc";
  const SamplerRow& row = sampler_row("--solver", c.solver);
  const bool fast = row.family == SamplerFamily::fast;
  if (c.final_step.empty()) c.final_step = fast && spaces_timesteps(c.grid) ? "zero" : "denoise";
  detail::reject_unused_options(c, given);
  require_usage(c.solver != "pc" || c.predictor != "none" || c.corrector != "none",
                "--predictor none --corrector none: one of them must change the samples");
  require_usage(c.solver != "pc" || c.predictor != "clipped_ddim" || c.corrector == "none",
                "--predictor clipped_ddim cannot be combined with --corrector ", c.corrector,
                "; it requires --corrector none");
  require_usage(c.final_step != "zero" || fast, "--final zero cannot be combined with --solver ",
                c.solver, ", which ends in eps or denoise");
  require_usage(c.steps == 0 || c.nfe == 0, "--steps and --nfe exclude each other");
  c.grid_given = !c.grid.empty();
  c.steps_given = c.steps > 0 && c.preset.empty();
  if (!c.grid_given) c.grid = c.usual_grid.empty() ? row.grid : c.usual_grid;
  require_usage(!c.rho || c.grid == "karras", "--rho is for --grid karras; the grid is ", c.grid);
  detail::check_timesteps(c, fast);
  if (row.family == SamplerFamily::adaptive) return detail::resolve_tolerances(c);
  if (c.nfe > 0) c.steps = detail::affordable_steps(c);
  if (c.steps == 0) c.steps = fast ? 25 : 100;
}

/// A description of the choice, for metadata and output.
inline std::string describe(const SamplerChoice& c) {
  std::ostringstream words;
  const auto add = [&](const char* what, const auto& value) {
    if (value) words << ", " << what << ' ' << *value;
  };
  if (!c.preset.empty()) words << c.preset << ", ";
  words << "solver " << c.solver;
  if (c.solver == "pc") words << ", predictor " << c.predictor << ", corrector " << c.corrector;
  if (c.solver == "pc" && c.corrector != "none") words << ", corrector steps " << c.corrector_steps;
  if (c.predictor == "ancestral") words << ", variance " << c.variance;
  add("snr", c.snr);
  add("eta", c.eta);
  add("tau", c.tau);
  add("s_churn", c.s_churn);
  add("s_tmin", c.s_tmin);
  add("s_tmax", c.s_tmax);
  add("s_noise", c.s_noise);
  add("rtol", c.rtol);
  add("atol", c.atol);
  if (c.steps > 0) words << ", " << c.grid << " grid of " << c.steps << " steps";
  if (c.steps_offset > 0) words << ", steps offset " << c.steps_offset;
  if (c.solver == "dopri5") words << ", control " << c.control;
  add("rho", c.rho);
  words << ", final step " << c.final_step;
  return words.str();
}

}  // namespace scoresde
