// SPDX-License-Identifier: MIT
/// A chain of betas, and the prediction of its network, as settings of a checkpoint.
///
///   sde.name               ddpm
///   sde.betas              linear, scaled_linear, cosine or listed
///   sde.training_steps     N; for every rule but listed
///   sde.beta_first, sde.beta_last   for linear and scaled_linear
///   sde.beta_list          for listed: N numbers separated by commas
///   sde.zero_terminal_snr  true or false
///   training.prediction    noise (default), data or velocity
///
/// The rules are defined in sde/ddpm_betas.hpp, the predictions in score/parameterization.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include <scoresde/error.hpp>
#include <scoresde/nn/unet_config.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/ddpm_betas.hpp>
#include <scoresde/train/settings.hpp>

namespace scoresde {
namespace detail {

inline constexpr std::array<std::pair<BetaRule, const char*>, 4> beta_rule_names{
    {{BetaRule::linear, "linear"},
     {BetaRule::scaled_linear, "scaled_linear"},
     {BetaRule::cosine, "cosine"},
     {BetaRule::listed, "listed"}}};
inline constexpr std::array<std::pair<PredictionType, const char*>, 3> prediction_names{
    {{PredictionType::noise, "noise"},
     {PredictionType::data, "data"},
     {PredictionType::velocity, "velocity"}}};
inline constexpr const char* prediction_key = "training.prediction";

/// The value named by the text of a setting. Throws Error listing the names.
template <class Names>
[[nodiscard]] auto named_setting(const Names& names, const nn::FlatConfig& configuration,
                                 const std::string& key) {
  const std::string& text = setting(configuration, key);
  std::string list;
  for (const auto& [value, name] : names) {
    if (text == name) return value;
    list += (list.empty() ? "" : ", ") + std::string(name);
  }
  throw Error(detail::text("configuration: ", key, " is '", text, "'; it must be one of ", list));
}

template <class Names, class Value>
[[nodiscard]] std::string name_of_value(const Names& names, Value value) {
  for (const auto& [each, name] : names)
    if (each == value) return name;
  return "";
}

}  // namespace detail

/// A chain as text; beta_list_of is the inverse.
[[nodiscard]] inline nn::FlatConfig describe(const BetaList& list) {
  nn::FlatConfig flat{{"sde.name", "ddpm"},
                      {"sde.betas", detail::name_of_value(detail::beta_rule_names, list.rule)},
                      {"sde.zero_terminal_snr", detail::truth_text(list.zero_terminal_snr)}};
  if (list.rule == BetaRule::listed) {
    flat["sde.beta_list"] = detail::list_text(list.betas);
    return flat;
  }
  flat["sde.training_steps"] = detail::number_text(list.levels);
  if (list.rule == BetaRule::cosine) return flat;
  flat["sde.beta_first"] = detail::number_text(list.first);
  flat["sde.beta_last"] = detail::number_text(list.last);
  return flat;
}

/// The chain of a configuration with sde.name = ddpm. Throws Error naming a setting that is
/// missing, invalid or of another rule, and for more than 2^20 levels.
[[nodiscard]] inline BetaList beta_list_of(const nn::FlatConfig& configuration) {
  BetaList list{.rule = detail::named_setting(detail::beta_rule_names, configuration, "sde.betas")};
  if (configuration.contains("sde.zero_terminal_snr"))
    list.zero_terminal_snr = detail::truth_setting(configuration, "sde.zero_terminal_snr");
  if (list.rule == BetaRule::listed) {
    list.betas = detail::list_setting(configuration, "sde.beta_list");
  } else {
    list.levels = detail::number_setting<std::size_t>(configuration, "sde.training_steps");
    detail::require(list.levels <= std::size_t{1} << 20, "configuration: sde.training_steps is ",
                    list.levels, "; it must be at most 2^20");
  }
  if (list.rule == BetaRule::linear || list.rule == BetaRule::scaled_linear) {
    list.first = detail::number_setting<double>(configuration, "sde.beta_first");
    list.last = detail::number_setting<double>(configuration, "sde.beta_last");
  }
  detail::require_known_keys(configuration, "sde.", describe(list),
                             "a chain of " + configuration.at("sde.betas") + " betas");
  return list;
}

/// The prediction type of a configuration's network; the default is noise. Throws Error for an
/// unknown value.
[[nodiscard]] inline PredictionType prediction_of(const nn::FlatConfig& configuration) {
  if (!configuration.contains(detail::prediction_key)) return PredictionType::noise;
  return detail::named_setting(detail::prediction_names, configuration, detail::prediction_key);
}

/// The setting of a prediction type.
[[nodiscard]] inline nn::FlatConfig describe(PredictionType prediction) {
  return {{detail::prediction_key, detail::name_of_value(detail::prediction_names, prediction)}};
}

}  // namespace scoresde
