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

#include <cstddef>
#include <string>

#include <scoresde/error.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/run_names.hpp>
#include <scoresde/registry/settings.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/ddpm_betas.hpp>

namespace scoresde {
namespace detail {

inline constexpr const char* prediction_key = "training.prediction";

}  // namespace detail

/// A chain as text; beta_list_of reads it back.
[[nodiscard]] inline Metadata describe(const BetaList& list) {
  Metadata flat{{"sde.name", "ddpm"},
                {"sde.betas", name_of(list.rule)},
                {"sde.zero_terminal_snr", truth_text(list.zero_terminal_snr)}};
  if (list.rule == BetaRule::listed) {
    flat["sde.beta_list"] = list_text(list.betas);
    return flat;
  }
  flat["sde.training_steps"] = number_text(list.levels);
  if (list.rule == BetaRule::cosine) return flat;
  flat["sde.beta_first"] = number_text(list.first);
  flat["sde.beta_last"] = number_text(list.last);
  return flat;
}

/// The chain of a configuration with sde.name = ddpm. Throws Error, naming the setting, for a
/// setting that is missing, invalid or of another rule, and for more than 2^20 levels.
[[nodiscard]] inline BetaList beta_list_of(const Metadata& configuration) {
  BetaList list{.rule = named_setting<BetaRule>(configuration, "sde.betas")};
  if (configuration.contains("sde.zero_terminal_snr"))
    list.zero_terminal_snr = truth_setting(configuration, "sde.zero_terminal_snr");
  if (list.rule == BetaRule::listed) {
    list.betas = list_setting(configuration, "sde.beta_list");
  } else {
    list.levels = number_setting<std::size_t>(configuration, "sde.training_steps");
    require(list.levels <= std::size_t{1} << 20, "configuration: sde.training_steps is ",
            list.levels, "; it must be at most 2^20");
  }
  if (list.rule == BetaRule::linear || list.rule == BetaRule::scaled_linear) {
    list.first = number_setting<double>(configuration, "sde.beta_first");
    list.last = number_setting<double>(configuration, "sde.beta_last");
  }
  require_known_keys(configuration, "sde.", describe(list),
                     "a chain of " + configuration.at("sde.betas") + " betas");
  return list;
}

/// The prediction type of a configuration's network; noise if the setting is absent. Throws Error
/// for an invalid value.
[[nodiscard]] inline PredictionType prediction_of(const Metadata& configuration) {
  if (!configuration.contains(detail::prediction_key)) return PredictionType::noise;
  return named_setting<PredictionType>(configuration, detail::prediction_key);
}

/// The setting of a prediction.
[[nodiscard]] inline Metadata describe(PredictionType prediction) {
  return {{detail::prediction_key, name_of(prediction)}};
}

}  // namespace scoresde
