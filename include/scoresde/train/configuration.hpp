// SPDX-License-Identifier: MIT
/// What a run keeps fixed, and its flat text form: keys `network.…`, `sde.…` and `training.…`.
///
/// A checkpoint carries these texts, so a run resumes only under its own configuration and a
/// sampler can rebuild network and SDE from the file alone. Numbers are written so that they read
/// back to the same bits.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <scoresde/error.hpp>
#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/nn/unet_config.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/train/adam.hpp>
#include <scoresde/train/ema.hpp>

namespace scoresde {

/// What a run keeps fixed beside network, SDE and data.
struct TrainingConfiguration {
  std::uint64_t seed = 0;
  DenoisingScoreMatching loss{};
  Adam optimizer{};
  ExponentialMovingAverage ema{};

  /// Throws Error naming the setting that is out of range.
  void check() const {
    optimizer.check();
    ema.check();
  }
};

namespace detail {

/// The shortest text that reads back to the same number.
template <class Number>
[[nodiscard]] std::string number_text(Number value) {
  std::array<char, 32> text{};
  const auto [end, code] = std::to_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc{} ? std::string(text.data(), end) : std::string();
}

[[nodiscard]] inline const std::string& setting(const nn::FlatConfig& configuration,
                                                const std::string& key) {
  const auto at = configuration.find(key);
  require(at != configuration.end(), "configuration: there is no ", key);
  return at->second;
}

template <class Number>
[[nodiscard]] Number number_setting(const nn::FlatConfig& configuration, const std::string& key) {
  const std::string& text = setting(configuration, key);
  Number value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(code == std::errc{} && end == text.data() + text.size(), "configuration: ", key, " is '",
          text, "'; it must be a number");
  return value;
}

[[nodiscard]] inline nn::FlatConfig describe_schedule(const char* name,
                                                      const BetaSchedule& schedule) {
  return {{"sde.name", name},
          {"sde.beta_min", number_text(schedule.beta_min)},
          {"sde.beta_max", number_text(schedule.beta_max)},
          {"sde.t_min", number_text(schedule.t_min)}};
}

}  // namespace detail

/// The SDE as text. Write such an overload beside an SDE of your own to keep it in checkpoints.
[[nodiscard]] inline nn::FlatConfig describe(const VpSde& sde) {
  return detail::describe_schedule("vp", sde.schedule());
}
[[nodiscard]] inline nn::FlatConfig describe(const SubVpSde& sde) {
  return detail::describe_schedule("subvp", sde.schedule());
}
[[nodiscard]] inline nn::FlatConfig describe(const VeSde& sde) {
  return {{"sde.name", "ve"},
          {"sde.sigma_min", detail::number_text(sde.schedule().sigma_min)},
          {"sde.sigma_max", detail::number_text(sde.schedule().sigma_max)},
          {"sde.t_min", detail::number_text(sde.schedule().t_min)}};
}

/// The training settings as text.
[[nodiscard]] inline nn::FlatConfig describe(const TrainingConfiguration& c) {
  using detail::number_text;
  const auto truth = [](bool value) { return value ? "true" : "false"; };
  return {{"training.seed", number_text(c.seed)},
          {"training.likelihood_weighting", truth(c.loss.likelihood_weighting)},
          {"training.reduce_mean", truth(c.loss.reduce_mean)},
          {"training.epsilon", number_text(c.loss.epsilon)},
          {"training.learning_rate", number_text(c.optimizer.learning_rate)},
          {"training.beta1", number_text(c.optimizer.beta1)},
          {"training.beta2", number_text(c.optimizer.beta2)},
          {"training.adam_epsilon", number_text(c.optimizer.epsilon)},
          {"training.weight_decay", number_text(c.optimizer.weight_decay)},
          {"training.warm_up", number_text(c.optimizer.warm_up)},
          {"training.gradient_clip", number_text(c.optimizer.gradient_clip)},
          {"training.ema_decay", number_text(c.ema.decay)},
          {"training.ema_schedule", c.ema.schedule == EmaSchedule::ramp ? "ramp" : "constant"}};
}

/// The network's knobs as text, each under `network.`.
[[nodiscard]] inline nn::FlatConfig describe(const nn::UNetConfig& network) {
  nn::FlatConfig flat;
  for (auto& [key, value] : nn::to_flat(network)) flat["network." + key] = value;
  return flat;
}

/// All that a checkpoint says of its run. Add settings of the program (batch size, data) to it
/// under keys of their own; a resumed run must then agree in these too.
template <Sde S>
[[nodiscard]] nn::FlatConfig run_configuration(const nn::UNetConfig& network, const S& sde,
                                               const TrainingConfiguration& training) {
  nn::FlatConfig flat = describe(network);
  flat.merge(describe(sde));
  flat.merge(describe(training));
  return flat;
}

/// The network of a configuration. Throws Error on a key or value that no network has.
[[nodiscard]] inline nn::UNetConfig network_of(const nn::FlatConfig& configuration) {
  constexpr std::string_view prefix = "network.";
  nn::FlatConfig knobs;
  for (const auto& [key, value] : configuration)
    if (key.compare(0, prefix.size(), prefix) == 0) knobs[key.substr(prefix.size())] = value;
  detail::require(!knobs.empty(),
                  "configuration: no key begins with network.; the file does not "
                  "say which network its weights belong to");
  return nn::from_flat(knobs);
}

/// Calls visit with the SDE of a configuration, of type VpSde, SubVpSde or VeSde.
/// Throws Error when it names none of them or a setting is missing.
template <class Visitor>
auto visit_sde(const nn::FlatConfig& configuration, Visitor&& visit) {
  const auto number = [&](const char* key) {
    return detail::number_setting<double>(configuration, key);
  };
  const auto beta = [&] {
    return BetaSchedule{number("sde.beta_min"), number("sde.beta_max"), number("sde.t_min")};
  };
  const std::string& name = detail::setting(configuration, "sde.name");
  if (name == "vp") return visit(VpSde(beta()));
  if (name == "subvp") return visit(SubVpSde(beta()));
  detail::require(name == "ve", "configuration: sde.name is '", name,
                  "'; it must be vp, subvp or ve");
  return visit(VeSde({number("sde.sigma_min"), number("sde.sigma_max"), number("sde.t_min")}));
}

}  // namespace scoresde
