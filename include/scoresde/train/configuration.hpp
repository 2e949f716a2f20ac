// SPDX-License-Identifier: MIT
/// What a run keeps fixed, and its flat text form: keys `network.…`, `sde.…` and `training.…`.
///
/// A checkpoint carries these texts, so a run resumes only under its own configuration and a
/// sampler can rebuild network and SDE from the file alone. Numbers are written so that they read
/// back to the same bits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/loss/discrete_score_matching.hpp>
#include <scoresde/loss/karras_loss.hpp>
#include <scoresde/nn/label_convention.hpp>
#include <scoresde/nn/unet_config.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/karras_sde.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/song_discrete.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/train/adam.hpp>
#include <scoresde/train/chain_settings.hpp>
#include <scoresde/train/ema.hpp>
#include <scoresde/train/settings.hpp>

namespace scoresde {

/// What a run keeps fixed beside network, SDE and data.
template <class Loss>
struct TrainingConfigurationWith {
  std::uint64_t seed = 0;
  Loss loss{};
  Adam optimizer{};
  ExponentialMovingAverage ema{};
  /// Averages kept in addition; for reconstruction after the run, two of EmaSchedule::power.
  std::vector<ExponentialMovingAverage> ema_tracks{};
  double label_dropout = 0;  ///< share of samples whose class is kept from the network

  /// Throws Error naming the setting that is out of range.
  void check() const {
    optimizer.check();
    ema.check();
    for (const ExponentialMovingAverage& track : ema_tracks) {
      track.check();
      detail::require(track.schedule == EmaSchedule::power,
                      "training: ema_tracks holds an average of another schedule; all must be of "
                      "EmaSchedule::power");
    }
    detail::require(label_dropout >= 0 && label_dropout <= 1, "training: label_dropout is ",
                    label_dropout, "; it must lie in [0, 1]");
  }
};

/// With score matching in continuous time.
using TrainingConfiguration = TrainingConfigurationWith<DenoisingScoreMatching>;

namespace detail {

[[nodiscard]] inline nn::FlatConfig describe_schedule(const char* name,
                                                      const BetaSchedule& schedule) {
  return {{"sde.name", name},
          {"sde.beta_min", number_text(schedule.beta_min)},
          {"sde.beta_max", number_text(schedule.beta_max)},
          {"sde.t_min", number_text(schedule.t_min)}};
}

/// What a checkpoint calls nn::KarrasPreconditioned.
inline constexpr const char* karras_convention = "karras_preconditioned";

/// What a checkpoint says of an average: its schedule and what determines it.
[[nodiscard]] inline nn::FlatConfig describe_ema(const ExponentialMovingAverage& ema) {
  if (ema.schedule == EmaSchedule::power)
    return {{"training.ema_schedule", "power"}, {"training.ema_gamma", number_text(ema.gamma)}};
  return {{"training.ema_schedule", ema.schedule == EmaSchedule::ramp ? "ramp" : "constant"},
          {"training.ema_decay", number_text(ema.decay)}};
}

/// The setting that lists the γ of the tracks, "16.97,6.94"; absent where there are none.
inline constexpr const char* ema_tracks_key = "training.ema_track_gammas";

[[nodiscard]] inline std::string tracks_text(const std::vector<ExponentialMovingAverage>& tracks) {
  std::string list;
  for (const ExponentialMovingAverage& track : tracks)
    list += text(list.empty() ? "" : ",", track.gamma);
  return list;
}

/// How many averages a configuration keeps in addition.
[[nodiscard]] inline std::size_t track_count(const nn::FlatConfig& configuration) {
  const auto at = configuration.find(ema_tracks_key);
  if (at == configuration.end()) return 0;
  return 1 + static_cast<std::size_t>(std::count(at->second.begin(), at->second.end(), ','));
}

template <DiscreteSde S>
[[nodiscard]] nn::FlatConfig with_training_steps(nn::FlatConfig flat, const S& sde) {
  flat["sde.training_steps"] = number_text(sde.training_steps());
  return flat;
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

[[nodiscard]] inline nn::FlatConfig describe(const KarrasSde& sde) {
  return {{"sde.name", "karras"},
          {"sde.sigma_min", detail::number_text(sde.t_min())},
          {"sde.sigma_max", detail::number_text(sde.t_max())}};
}

/// The chains of discretely trained networks: their SDE, and how many levels there are.
[[nodiscard]] inline nn::FlatConfig describe(const DiscreteVpSde& sde) {
  return detail::with_training_steps(describe(static_cast<const VpSde&>(sde)), sde);
}
[[nodiscard]] inline nn::FlatConfig describe(const DiscreteVeSde& sde) {
  return detail::with_training_steps(describe(static_cast<const VeSde&>(sde)), sde);
}
[[nodiscard]] inline nn::FlatConfig describe(const SmldSde& sde) {
  return detail::with_training_steps(describe(static_cast<const VeSde&>(sde)), sde);
}

/// The loss as text. Write such an overload beside a loss of your own.
[[nodiscard]] inline nn::FlatConfig describe(const DenoisingScoreMatching& loss) {
  return {{"training.loss", "continuous"},
          {"training.likelihood_weighting", detail::truth_text(loss.likelihood_weighting)},
          {"training.reduce_mean", detail::truth_text(loss.reduce_mean)},
          {"training.min_snr_gamma", detail::number_text(loss.min_snr_gamma)},
          {"training.epsilon", detail::number_text(loss.epsilon)}};
}
[[nodiscard]] inline nn::FlatConfig describe(const DiscreteScoreMatching& loss) {
  return {{"training.loss", "discrete"},
          {"training.reduce_mean", detail::truth_text(loss.reduce_mean)},
          {"training.min_snr_gamma", detail::number_text(loss.min_snr_gamma)}};
}
[[nodiscard]] inline nn::FlatConfig describe(const KarrasLoss& loss) {
  return {{"training.loss", "karras"},
          {"training.convention", detail::karras_convention},
          {"training.reduce_mean", detail::truth_text(loss.reduce_mean)},
          {"training.p_mean", detail::number_text(loss.p_mean)},
          {"training.p_std", detail::number_text(loss.p_std)},
          {"training.sigma_data", detail::number_text(loss.sigma_data)}};
}

/// The training settings as text.
template <class Loss>
[[nodiscard]] nn::FlatConfig describe(const TrainingConfigurationWith<Loss>& c) {
  using detail::number_text;
  nn::FlatConfig flat{{"training.seed", number_text(c.seed)},
                      {"training.learning_rate", number_text(c.optimizer.learning_rate)},
                      {"training.beta1", number_text(c.optimizer.beta1)},
                      {"training.beta2", number_text(c.optimizer.beta2)},
                      {"training.adam_epsilon", number_text(c.optimizer.epsilon)},
                      {"training.weight_decay", number_text(c.optimizer.weight_decay)},
                      {"training.warm_up", number_text(c.optimizer.warm_up)},
                      {"training.gradient_clip", number_text(c.optimizer.gradient_clip)}};
  if (c.optimizer.decay.updates > 0) {
    flat["training.decay_first"] = number_text(c.optimizer.decay.first);
    flat["training.decay_updates"] = number_text(c.optimizer.decay.updates);
  }
  flat.merge(detail::describe_ema(c.ema));
  if (!c.ema_tracks.empty()) flat[detail::ema_tracks_key] = detail::tracks_text(c.ema_tracks);
  flat.merge(describe(c.loss));
  return flat;
}

/// The network's knobs as text, each under `network.`.
[[nodiscard]] inline nn::FlatConfig describe(const nn::UNetConfig& network) {
  nn::FlatConfig flat;
  for (auto& [key, value] : nn::to_flat(network)) flat["network." + key] = value;
  return flat;
}

/// All that a checkpoint says of its run. Add settings of the program (batch size, data) to it
/// under keys of their own; a resumed run must then agree in these too.
template <Sde S, class Loss = DenoisingScoreMatching>
[[nodiscard]] nn::FlatConfig run_configuration(const nn::UNetConfig& network, const S& sde,
                                               const TrainingConfigurationWith<Loss>& training) {
  nn::FlatConfig flat = describe(network);
  flat.merge(describe(sde));
  flat.merge(describe(training));
  if (network.num_class_embeds > 0)
    flat["training.label_dropout"] = detail::number_text(training.label_dropout);
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

/// The decay of the learning rate that a run's checkpoint names; none where it names none.
[[nodiscard]] inline LearningRateDecay decay_of(const nn::FlatConfig& configuration) {
  if (configuration.count("training.decay_updates") == 0) return {};
  return {detail::number_setting<std::uint64_t>(configuration, "training.decay_first"),
          detail::number_setting<std::uint64_t>(configuration, "training.decay_updates")};
}

namespace detail {

/// What `training.loss` says; files from before there was a choice have no such key.
[[nodiscard]] inline std::string loss_name(const nn::FlatConfig& configuration) {
  const auto at = configuration.find("training.loss");
  return at == configuration.end() ? "continuous" : at->second;
}

[[nodiscard]] inline BetaSchedule beta_setting(const nn::FlatConfig& c) {
  return {number_setting<double>(c, "sde.beta_min"), number_setting<double>(c, "sde.beta_max"),
          number_setting<double>(c, "sde.t_min")};
}

[[nodiscard]] inline SigmaSchedule sigma_setting(const nn::FlatConfig& c) {
  return {number_setting<double>(c, "sde.sigma_min"), number_setting<double>(c, "sde.sigma_max"),
          number_setting<double>(c, "sde.t_min")};
}

/// Returns visit(sde) after rejecting sde settings that this SDE does not have, which would be
/// ignored. `levels`: whether the number of training levels is one of its settings.
template <class S, class Visitor>
auto visit_described_sde(const nn::FlatConfig& configuration, const S& sde, bool levels,
                         Visitor&& visit) {
  nn::FlatConfig known = describe(sde);
  if (levels) known["sde.training_steps"] = "";
  require(levels || !configuration.contains("sde.training_steps"),
          "configuration: there is sde.training_steps and training.loss is '",
          loss_name(configuration), "'; levels go with training.loss = discrete");
  require_known_keys(configuration, "sde.", known, "SDE '" + known.at("sde.name") + "'");
  return visit(sde);
}

/// Calls visit with the continuous SDE of a configuration, whatever its network was trained on.
template <class Visitor>
auto visit_continuous_sde(const nn::FlatConfig& configuration, Visitor&& visit) {
  const std::string& name = setting(configuration, "sde.name");
  const auto use = [&](const auto& sde) {
    return visit_described_sde(configuration, sde, false, visit);
  };
  if (name == "vp") return use(VpSde(beta_setting(configuration)));
  if (name == "subvp") return use(SubVpSde(beta_setting(configuration)));
  if (name == "karras")
    return use(KarrasSde({number_setting<double>(configuration, "sde.sigma_min"),
                          number_setting<double>(configuration, "sde.sigma_max")}));
  require(name != "ddpm", "configuration: sde.name is 'ddpm' and training.loss '",
          loss_name(configuration), "'; a chain goes with training.loss = discrete");
  require(name == "ve", "configuration: sde.name is '", name,
          "'; it must be vp, subvp, ve, karras or ddpm");
  return use(VeSde(sigma_setting(configuration)));
}

/// Throws Error unless the network predicts the noise, where its output has one meaning alone.
inline void require_noise_prediction(const nn::FlatConfig& configuration, const char* of) {
  const PredictionType found = prediction_of(configuration);
  require(found == PredictionType::noise, "configuration: ", prediction_key, " is '",
          name_of_value(prediction_names, found), "'; ", of, " has no such convention");
}

}  // namespace detail

/// Calls visit with the SDE of a configuration, of type VpSde, SubVpSde, VeSde or KarrasSde. Throws
/// Error when it names none of them, a setting is missing or is of another SDE, and for a network
/// of discrete levels: visit_score has its SDE.
template <class Visitor>
auto visit_sde(const nn::FlatConfig& configuration, Visitor&& visit) {
  detail::require(detail::loss_name(configuration) != "discrete",
                  "configuration: the network was trained on discrete levels (training.loss is "
                  "'discrete'); a continuous SDE asks it for times that it does not know");
  return detail::visit_continuous_sde(configuration, std::forward<Visitor>(visit));
}

/// The chain of betas that score_sde's VP with N training steps is: β_i from β_min/N to β_max/N.
[[nodiscard]] inline DdpmSde ddpm_sde(std::size_t training_steps, const BetaSchedule& schedule) {
  const auto count = static_cast<double>(training_steps);
  return DdpmSde(
      linear_betas(training_steps, schedule.beta_min / count, schedule.beta_max / count));
}

namespace detail {

/// visit_score of training.loss = discrete.
template <class Visitor>
auto visit_levels(const nn::FlatConfig& configuration, Visitor&& visit) {
  const std::string& name = setting(configuration, "sde.name");
  const nn::PredictionAtLevel convention{.prediction = prediction_of(configuration)};
  if (name == "ddpm") return visit(DdpmSde(beta_list_of(configuration).values()), convention);
  const auto steps = number_setting<std::size_t>(configuration, "sde.training_steps");
  if (name == "vp") {
    const BetaSchedule schedule = beta_setting(configuration);
    return visit_described_sde(configuration, VpSde(schedule), true, [&](const auto&) {
      return visit(ddpm_sde(steps, schedule), convention);
    });
  }
  require(name == "ve", "configuration: sde.name is '", name,
          "' and training.loss 'discrete'; vp, ve and ddpm have discrete levels");
  require_noise_prediction(configuration, "a network of SMLD's levels");
  return visit_described_sde(configuration, SmldSde(steps, sigma_setting(configuration)), true,
                             [&](const SmldSde& sde) { return visit(sde, nn::ScoreAtLevel{}); });
}

/// The convention of a network that was trained in continuous time.
template <class S>
[[nodiscard]] auto continuous_convention(const nn::FlatConfig& configuration) {
  typename nn::convention_of<S>::type convention;
  if constexpr (requires { convention.prediction; })
    convention.prediction = prediction_of(configuration);
  else
    require_noise_prediction(configuration, "a network under this SDE");
  return convention;
}

}  // namespace detail

/// Calls visit(sde, convention) with the SDE that a configuration's network is sampled under and
/// how it is conditioned on the time: a continuous SDE with its convention_of or
/// KarrasPreconditioned, or DdpmSde or SmldSde with the convention of its levels. Throws Error as
/// visit_sde does, for discrete levels of sub-VP, which has none, and for a training.prediction
/// that the convention does not have.
template <class Visitor>
auto visit_score(const nn::FlatConfig& configuration, Visitor&& visit) {
  const std::string loss = detail::loss_name(configuration);
  if (loss == "discrete") return detail::visit_levels(configuration, std::forward<Visitor>(visit));
  if (loss == "continuous")
    return visit_sde(configuration, [&]<class S>(const S& sde) {
      return visit(sde, detail::continuous_convention<S>(configuration));
    });
  detail::require(loss == "karras", "configuration: training.loss is '", loss,
                  "'; it must be continuous, discrete or karras");
  const auto told = configuration.find("training.convention");
  detail::require(told == configuration.end() || told->second == detail::karras_convention,
                  "configuration: training.convention is '",
                  told == configuration.end() ? "" : told->second,
                  "'; of Karras's loss it must be ", detail::karras_convention);
  detail::require_noise_prediction(configuration, "Karras's preconditioning");
  const double sigma_data = detail::number_setting<double>(configuration, "training.sigma_data");
  return visit_sde(configuration, [&](const auto& sde) {
    return visit(sde, nn::KarrasPreconditioned{.sigma_data = sigma_data});
  });
}

}  // namespace scoresde
