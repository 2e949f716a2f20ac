// SPDX-License-Identifier: MIT
/// The scheduler_config.json of a diffusers pipeline as settings of a checkpoint, and back.
///
///   linear             β_i on linspace(beta_start, beta_end)
///   scaled_linear      √β_i on linspace(√beta_start, √beta_end)
///   squaredcos_cap_v2  cosine_betas of sde/ddpm_betas.hpp
///   sigmoid            β_i = beta_start + (beta_end − beta_start)/(1 + e^{−u_i}),
///                      u on linspace(−6, 6)
///   trained_betas      the list itself; rescale_betas_zero_snr applies zero_terminal_snr_betas
///
/// as in diffusers 0.42. Two parts of a file belong to the network: the betas and the prediction
/// type. The rest configures sampling; a checkpoint does not store it, so it is returned as hints
/// for display. Settings that would change the meaning of the network and cannot be expressed are
/// rejected by name.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/checkpoint/detail/diffusers_keys.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/json.hpp>
#include <scoresde/registry/chain_settings.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/run_names.hpp>
#include <scoresde/registry/sde_registry.hpp>
#include <scoresde/registry/settings.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/ddpm_betas.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>

namespace scoresde {

/// The contents of a scheduler_config.json.
struct DiffusersScheduler {
  std::string class_name;          ///< such as DDPMScheduler
  Metadata settings;               ///< sde.… and training.… of the checkpoint
  std::vector<std::string> hints;  ///< "timestep_spacing = leading": not stored
};

namespace detail {

/// Schedulers for networks trained on a chain of betas, for any sampling method.
inline constexpr std::array<std::string_view, 20> chain_schedulers{
    "DDPMScheduler",
    "DDPMParallelScheduler",
    "DDIMScheduler",
    "DDIMParallelScheduler",
    "DDIMInverseScheduler",
    "PNDMScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverMultistepInverseScheduler",
    "DPMSolverSinglestepScheduler",
    "DPMSolverSDEScheduler",
    "DEISMultistepScheduler",
    "UniPCMultistepScheduler",
    "SASolverScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "HeunDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "LMSDiscreteScheduler",
    "RePaintScheduler"};

/// diffusers' betas that are not a BetaRule.
[[nodiscard]] inline std::vector<double> sigmoid_betas(std::size_t levels, double first,
                                                       double last) {
  std::vector<double> betas(levels);
  for (std::size_t i = 0; i < levels; ++i)
    betas[i] = first + (last - first) / (1 + std::exp(-linspace(-6, 6, i, levels)));
  return betas;
}

[[nodiscard]] inline BetaList read_diffusers_betas(DiffusersKeys& keys, std::string_view name) {
  // The schedulers ported from k-diffusion default to the betas of Stable Diffusion.
  const bool of_latents = name == "HeunDiscreteScheduler" || name == "DPMSolverSDEScheduler" ||
                          name.starts_with("KDPM2");
  BetaList list{.levels = keys.natural("num_train_timesteps", 1000),
                .first = keys.number("beta_start", of_latents ? 0.00085 : 1e-4),
                .last = keys.number("beta_end", of_latents ? 0.012 : 0.02),
                .zero_terminal_snr = keys.truth("rescale_betas_zero_snr", false)};
  require(list.levels <= std::size_t{1} << 20, "num_train_timesteps is ", list.levels,
          "; it must be at most 2^20");
  const Json schedule = keys.value("beta_schedule", "linear");
  const Json trained = keys.value("trained_betas", nullptr);
  if (!trained.is_null()) {
    require(trained.is_array(), "trained_betas is ", trained.type_name(), "; it must be a list");
    list.rule = BetaRule::listed;
    for (const Json& beta : trained) {
      require(beta.is_number(), "trained_betas has ", beta.dump(), "; it must hold numbers");
      list.betas.push_back(beta.get<double>());
    }
    require(keys.natural("num_train_timesteps", list.betas.size()) == list.betas.size(),
            "num_train_timesteps is ", list.levels, "; trained_betas has ", list.betas.size());
  } else if (schedule == "scaled_linear") {
    list.rule = BetaRule::scaled_linear;
  } else if (schedule == "squaredcos_cap_v2") {
    list.rule = BetaRule::cosine;
  } else if (schedule == "sigmoid") {
    require_beta_range("sigmoid betas", list.levels, list.first, list.last);
    list.rule = BetaRule::listed;
    list.betas = sigmoid_betas(list.levels, list.first, list.last);
  } else {
    require(schedule == "linear", "beta_schedule is ", schedule.dump(),
            "; it must be linear, scaled_linear, squaredcos_cap_v2 or sigmoid");
  }
  static_cast<void>(list.values());  // rejects betas outside (0, 1)
  return list;
}

[[nodiscard]] inline PredictionType read_diffusers_prediction(DiffusersKeys& keys) {
  const Json old = keys.value("predict_epsilon", true);  // up to diffusers 0.9
  const Json found = keys.value("prediction_type", old == Json(false) ? "sample" : "epsilon");
  if (found == "v_prediction") return PredictionType::velocity;
  if (found == "sample") return PredictionType::data;
  require(found == "epsilon", "prediction_type is ", found.dump(),
          "; it must be epsilon, sample or v_prediction");
  return PredictionType::noise;
}

/// Rejects values that imply another process or other labels.
inline void reject_other_processes(DiffusersKeys& keys) {
  keys.only("use_flow_sigmas", {false, nullptr});
  keys.only("timestep_type", {"discrete", nullptr});
  const Json variance = keys.value("variance_type", nullptr);
  require(variance != "learned" && variance != "learned_range", "variance_type is ",
          variance.dump(), "; learned variances are not supported");
}

[[nodiscard]] inline Metadata read_diffusers_chain(DiffusersKeys& keys, std::string_view name) {
  Metadata settings = describe(read_diffusers_betas(keys, name));
  settings["training.loss"] = name_of(LossKind::discrete);
  settings.merge(describe(read_diffusers_prediction(keys)));
  reject_other_processes(keys);
  return settings;
}

[[nodiscard]] inline Metadata read_diffusers_ve(DiffusersKeys& keys) {
  Metadata settings = describe(VeSde({.sigma_min = keys.number("sigma_min", 0.01),
                                      .sigma_max = keys.number("sigma_max", 1348),
                                      .t_min = keys.number("sampling_eps", 1e-5)}));
  settings["training.loss"] = name_of(LossKind::continuous);
  return settings;
}

/// EDM's preconditioning; diffusers calls its F epsilon.
[[nodiscard]] inline Metadata read_diffusers_edm(DiffusersKeys& keys) {
  keys.only("prediction_type", {"epsilon"});
  Metadata settings =
      describe(EdmSde({keys.number("sigma_min", 0.002), keys.number("sigma_max", 80)}));
  settings["training.loss"] = name_of(LossKind::edm);
  settings["training.convention"] = name_of(ConventionKind::edm_preconditioning);
  settings["training.sigma_data"] = number_text(keys.number("sigma_data", 0.5));
  return settings;
}

[[nodiscard]] inline DiffusersScheduler read_diffusers_scheduler(const Json& json) {
  DiffusersKeys keys(json);
  DiffusersScheduler scheduler;
  const Json name = keys.value("_class_name", nullptr);
  require(name.is_string(), "_class_name is ", name.dump(), "; it must name a scheduler");
  scheduler.class_name = name.get<std::string>();
  const bool chain = std::find(chain_schedulers.begin(), chain_schedulers.end(),
                               scheduler.class_name) != chain_schedulers.end();
  if (chain)
    scheduler.settings = read_diffusers_chain(keys, scheduler.class_name);
  else if (scheduler.class_name == "ScoreSdeVeScheduler")
    scheduler.settings = read_diffusers_ve(keys);
  else if (scheduler.class_name.starts_with("EDM"))
    scheduler.settings = read_diffusers_edm(keys);
  else
    throw Error(text("_class_name is ", name.dump(),
                     "; it must be a scheduler of a chain of betas (DDPM, DDIM, PNDM, DPMSolver, "
                     "DEIS, UniPC, SASolver, Euler, Heun, KDPM2, LMS), ScoreSdeVe or EDM"));
  keys.reject("the scheduler is not supported:");
  for (const auto& [key, value] : json.items())
    if (!key.starts_with('_') && !keys.asked(key) && !value.is_null())
      scheduler.hints.push_back(
          text(key, " = ", value.is_string() ? value.get<std::string>() : value.dump()));
  return scheduler;
}

/// The configuration of a chain as DDPMScheduler.
[[nodiscard]] inline Json describe_chain_for_diffusers(const Metadata& configuration) {
  BetaList list;
  if (named_setting<SdeKind>(configuration, "sde.name") == SdeKind::ddpm) {
    list = beta_list_of(configuration);
  } else {
    list.levels = number_setting<std::size_t>(configuration, "sde.training_steps");
    const auto count = static_cast<double>(list.levels);
    const BetaSchedule schedule = beta_setting(configuration);
    list.first = schedule.beta_min / count;
    list.last = schedule.beta_max / count;
  }
  // In the order of BetaRule and of PredictionType.
  constexpr std::array<const char*, 4> rules{"linear", "scaled_linear", "squaredcos_cap_v2",
                                             "linear"};
  constexpr std::array<const char*, 3> predictions{"epsilon", "sample", "v_prediction"};
  const bool listed = list.rule == BetaRule::listed;
  return {{"_class_name", "DDPMScheduler"},
          {"num_train_timesteps", listed ? list.betas.size() : list.levels},
          {"beta_start", list.first},
          {"beta_end", list.last},
          {"beta_schedule", rules[static_cast<std::size_t>(list.rule)]},
          {"trained_betas", listed ? Json(list.betas) : Json(nullptr)},
          {"rescale_betas_zero_snr", list.zero_terminal_snr},
          {"prediction_type", predictions[static_cast<std::size_t>(prediction_of(configuration))]},
          {"clip_sample", false}};
}

/// Converts Python's JSON to standard JSON: -Infinity, Infinity and NaN outside strings become
/// strings. diffusers' DPM-Solver and SA-Solver write "lambda_min_clipped": -Infinity.
[[nodiscard]] inline std::string quote_python_numbers(std::string_view text) {
  std::string result;
  bool quoted = false;
  const auto word_at = [&](std::size_t i) -> std::string_view {
    for (const std::string_view word : {"-Infinity", "Infinity", "NaN"})
      if (!quoted && text.substr(i).starts_with(word)) return word;
    return {};
  };
  for (std::size_t i = 0; i < text.size();) {
    if (const std::string_view word = word_at(i); !word.empty()) {
      result += '"' + std::string(word) + '"';
      i += word.size();
      continue;
    }
    if (text[i] == '"') quoted = !quoted;
    if (quoted && text[i] == '\\' && i + 1 < text.size()) result += text[i++];
    result += text[i++];
  }
  return result;
}

}  // namespace detail

/// Parses the text of a scheduler_config.json. Throws Error naming the key, what was found and what
/// is allowed.
[[nodiscard]] inline DiffusersScheduler scheduler_of_diffusers(std::string_view text) {
  try {
    return detail::read_diffusers_scheduler(io::parse_json(detail::quote_python_numbers(text), 3));
  } catch (const Error& failure) {
    throw Error(scoresde::text("diffusers scheduler: ", failure.what()));
  }
}

/// The scheduler_config.json of a configuration, the inverse of scheduler_of_diffusers: a chain as
/// DDPMScheduler, VE as ScoreSdeVeScheduler. Nothing for an SDE without a scheduler in diffusers.
/// Throws Error for a setting that is missing or invalid.
[[nodiscard]] inline std::optional<std::string> describe_scheduler_for_diffusers(
    const Metadata& configuration) {
  const auto kind = find_name<SdeKind>(setting(configuration, "sde.name"));
  const bool levels = loss_of(configuration) == LossKind::discrete;
  if (levels && (kind == SdeKind::ddpm || kind == SdeKind::vp))
    return detail::describe_chain_for_diffusers(configuration).dump(2) + "\n";
  if (levels || kind != SdeKind::ve) return std::nullopt;
  const SigmaSchedule schedule = sigma_setting(configuration);
  const detail::Json json{{"_class_name", "ScoreSdeVeScheduler"},
                          {"sigma_min", schedule.sigma_min},
                          {"sigma_max", schedule.sigma_max},
                          {"sampling_eps", schedule.t_min}};
  return json.dump(2) + "\n";
}

}  // namespace scoresde
