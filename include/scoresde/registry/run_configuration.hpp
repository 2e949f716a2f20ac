// SPDX-License-Identifier: MIT
/// The fixed settings of a run as text: keys `network.…`, `sde.…` and `training.…`.
///
/// A checkpoint stores these settings, so that a run can be resumed only with its own
/// configuration, and a sampler can construct network and SDE from the file. Reading a written
/// number returns the same bits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/loss/discrete_score_matching.hpp>
#include <scoresde/loss/edm_loss.hpp>
#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/optim/adam.hpp>
#include <scoresde/optim/ema.hpp>
#include <scoresde/optim/radam.hpp>
#include <scoresde/optim/schedule.hpp>
#include <scoresde/optim/sgd.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/network_fields.hpp>
#include <scoresde/registry/run_names.hpp>
#include <scoresde/registry/settings.hpp>
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/train/configuration.hpp>

namespace scoresde {

namespace detail {

[[nodiscard]] inline Metadata describe_schedule(SdeKind kind, const BetaSchedule& schedule) {
  return {{"sde.name", name_of(kind)},
          {"sde.beta_min", number_text(schedule.beta_min)},
          {"sde.beta_max", number_text(schedule.beta_max)},
          {"sde.t_min", number_text(schedule.t_min)}};
}

/// The settings of an average: its schedule and the parameter of that schedule.
[[nodiscard]] inline Metadata describe_ema(const ExponentialMovingAverage& ema) {
  Metadata flat{{"training.ema_schedule", name_of(ema.schedule)}};
  if (ema.schedule == EmaSchedule::power)
    flat["training.ema_gamma"] = number_text(ema.gamma);
  else
    flat["training.ema_decay"] = number_text(ema.decay);
  return flat;
}

/// The settings that list the γ of the additional power-function averages, "16.97,6.94", and the
/// decays of those with a ramp, which follow them; absent if there are none.
inline constexpr const char* ema_track_gammas_key = "training.ema_track_gammas";
inline constexpr const char* ema_track_decays_key = "training.ema_track_decays";

[[nodiscard]] inline Metadata describe_tracks(const std::vector<ExponentialMovingAverage>& tracks) {
  Metadata flat;
  const auto add = [&](const char* key, const std::string& number) {
    std::string& list = flat[key];
    list += (list.empty() ? "" : ",") + number;
  };
  for (const ExponentialMovingAverage& track : tracks)
    if (track.schedule == EmaSchedule::power)
      add(ema_track_gammas_key, text(track.gamma));
    else
      add(ema_track_decays_key, number_text(track.decay));
  return flat;
}

template <DiscreteSde S>
[[nodiscard]] Metadata with_training_steps(Metadata flat, const S& sde) {
  flat["sde.training_steps"] = number_text(sde.training_steps());
  return flat;
}

}  // namespace detail

/// The number of additional averages in a configuration.
[[nodiscard]] inline std::size_t track_count(const Metadata& configuration) {
  std::size_t count = 0;
  for (const char* key : {detail::ema_track_gammas_key, detail::ema_track_decays_key})
    if (const auto at = configuration.find(key); at != configuration.end())
      count += 1 + static_cast<std::size_t>(std::count(at->second.begin(), at->second.end(), ','));
  return count;
}

/// The SDE as text. To store a user-defined SDE in checkpoints, define such an overload in the
/// SDE's namespace.
[[nodiscard]] inline Metadata describe(const VpSde& sde) {
  return detail::describe_schedule(SdeKind::vp, sde.schedule());
}
[[nodiscard]] inline Metadata describe(const SubVpSde& sde) {
  return detail::describe_schedule(SdeKind::sub_vp, sde.schedule());
}
[[nodiscard]] inline Metadata describe(const VeSde& sde) {
  return {{"sde.name", name_of(SdeKind::ve)},
          {"sde.sigma_min", number_text(sde.schedule().sigma_min)},
          {"sde.sigma_max", number_text(sde.schedule().sigma_max)},
          {"sde.t_min", number_text(sde.schedule().t_min)}};
}

[[nodiscard]] inline Metadata describe(const EdmSde& sde) {
  return {{"sde.name", name_of(SdeKind::edm)},
          {"sde.sigma_min", number_text(sde.t_min())},
          {"sde.sigma_max", number_text(sde.t_max())}};
}

/// The chains of networks trained on discrete levels: the SDE and the number of levels.
[[nodiscard]] inline Metadata describe(const DiscreteVpSde& sde) {
  return detail::with_training_steps(describe(static_cast<const VpSde&>(sde)), sde);
}
[[nodiscard]] inline Metadata describe(const DiscreteVeSde& sde) {
  return detail::with_training_steps(describe(static_cast<const VeSde&>(sde)), sde);
}
[[nodiscard]] inline Metadata describe(const SmldSde& sde) {
  return detail::with_training_steps(describe(static_cast<const VeSde&>(sde)), sde);
}

/// The loss as text. For a user-defined loss, define such an overload in its namespace.
[[nodiscard]] inline Metadata describe(const DenoisingScoreMatching& loss) {
  return {{"training.loss", name_of(LossKind::continuous)},
          {"training.likelihood_weighting", truth_text(loss.likelihood_weighting)},
          {"training.reduce_mean", truth_text(loss.reduce_mean)},
          {"training.min_snr_gamma", number_text(loss.min_snr_gamma)},
          {"training.epsilon", number_text(loss.epsilon)}};
}
[[nodiscard]] inline Metadata describe(const DiscreteScoreMatching& loss) {
  return {{"training.loss", name_of(LossKind::discrete)},
          {"training.reduce_mean", truth_text(loss.reduce_mean)},
          {"training.min_snr_gamma", number_text(loss.min_snr_gamma)}};
}
[[nodiscard]] inline Metadata describe(const EdmLoss& loss) {
  return {{"training.loss", name_of(LossKind::edm)},
          {"training.convention", name_of(ConventionKind::edm_preconditioning)},
          {"training.reduce_mean", truth_text(loss.reduce_mean)},
          {"training.p_mean", number_text(loss.p_mean)},
          {"training.p_std", number_text(loss.p_std)},
          {"training.sigma_data", number_text(loss.sigma_data)}};
}

namespace detail {

/// The settings that all optimizers have.
template <class O>
[[nodiscard]] Metadata describe_schedule(const O& o) {
  Metadata flat{{"training.learning_rate", number_text(o.learning_rate)},
                {"training.weight_decay", number_text(o.weight_decay)},
                {"training.warm_up", number_text(o.warm_up)},
                {"training.gradient_clip", number_text(o.gradient_clip)}};
  if (o.decay.updates > 0) {
    flat["training.decay_first"] = number_text(o.decay.first);
    flat["training.decay_updates"] = number_text(o.decay.updates);
  }
  if (o.schedule.name == RateSchedule::constant) return flat;
  flat["training.schedule"] = name_of(o.schedule.name);
  flat["training.schedule_updates"] = number_text(o.schedule.updates);
  if (o.schedule.name == RateSchedule::cosine)
    flat["training.schedule_floor"] = number_text(o.schedule.floor);
  return flat;
}

/// Those of Adam and RAdam.
template <class O>
[[nodiscard]] Metadata describe_moments(const O& o) {
  Metadata flat = describe_schedule(o);
  flat["training.beta1"] = number_text(o.beta1);
  flat["training.beta2"] = number_text(o.beta2);
  flat["training.adam_epsilon"] = number_text(o.epsilon);
  return flat;
}

}  // namespace detail

/// An optimizer's settings as text. Files without training.optimizer are those of Adam.
[[nodiscard]] inline Metadata describe(const Adam& adam) { return detail::describe_moments(adam); }
[[nodiscard]] inline Metadata describe(const RAdam& radam) {
  Metadata flat = detail::describe_moments(radam);
  flat["training.optimizer"] = "radam";
  flat["training.radam_threshold"] = number_text(radam.threshold);
  return flat;
}
[[nodiscard]] inline Metadata describe(const Sgd& sgd) {
  Metadata flat = detail::describe_schedule(sgd);
  flat["training.optimizer"] = "sgd";
  flat["training.momentum"] = number_text(sgd.momentum);
  flat["training.nesterov"] = truth_text(sgd.nesterov);
  return flat;
}

/// The training settings as text.
template <class Loss, class O>
[[nodiscard]] Metadata describe(const TrainingConfigurationWith<Loss, O>& c) {
  Metadata flat{{"training.seed", number_text(c.seed)}};
  flat.merge(describe(c.optimizer));
  flat.merge(detail::describe_ema(c.ema));
  flat.merge(detail::describe_tracks(c.ema_tracks));
  if (c.gradient_shards > 0) flat["training.gradient_shards"] = number_text(c.gradient_shards);
  flat.merge(describe(c.loss));
  return flat;
}

/// The settings with every published name replaced by the name that files use, such as `karras` for
/// `edm`. Other values are unchanged.
[[nodiscard]] inline Metadata with_written_names(Metadata settings) {
  const auto rewrite = [&]<class E>(const char* key, std::type_identity<E>) {
    const auto at = settings.find(key);
    if (at == settings.end()) return;
    if (const std::optional<E> value = find_name<E>(at->second)) at->second = name_of(*value);
  };
  rewrite("sde.name", std::type_identity<SdeKind>{});
  rewrite("training.loss", std::type_identity<LossKind>{});
  rewrite("training.convention", std::type_identity<ConventionKind>{});
  return settings;
}

/// The network's fields as text, each under `network.`.
[[nodiscard]] inline Metadata describe(const nn::UNetConfig& network) {
  Metadata flat;
  for (auto& [key, value] : fields_of(network)) flat["network." + key] = value;
  return flat;
}

/// All settings of a run that a checkpoint stores. A program can add its own settings (batch size,
/// data) under other keys; a resumed run must then have the same values.
template <Sde S, class Loss = DenoisingScoreMatching, class O = Adam>
[[nodiscard]] Metadata run_configuration(const nn::UNetConfig& network, const S& sde,
                                         const TrainingConfigurationWith<Loss, O>& training) {
  Metadata flat = describe(network);
  flat.merge(describe(sde));
  flat.merge(describe(training));
  if (network.num_class_embeds > 0)
    flat["training.label_dropout"] = number_text(training.label_dropout);
  return flat;
}

/// The network of a configuration. Throws Error for an unknown key or an invalid value.
[[nodiscard]] inline nn::UNetConfig network_of(const Metadata& configuration) {
  constexpr std::string_view prefix = "network.";
  Metadata fields;
  for (const auto& [key, value] : configuration)
    if (key.compare(0, prefix.size(), prefix) == 0) fields[key.substr(prefix.size())] = value;
  require(!fields.empty(),
          "configuration: no key begins with network.; the file must "
          "describe the network of its weights");
  return network_from_fields(fields);
}

/// The additional averages in a checkpoint's settings, in the order of its tracks. Throws Error for
/// values that are not numbers.
[[nodiscard]] inline std::vector<ExponentialMovingAverage> ema_tracks_of(
    const Metadata& configuration) {
  std::vector<ExponentialMovingAverage> tracks;
  if (configuration.contains(detail::ema_track_gammas_key))
    for (const double gamma : list_setting(configuration, detail::ema_track_gammas_key))
      tracks.push_back({.decay = 0, .schedule = EmaSchedule::power, .gamma = gamma});
  if (configuration.contains(detail::ema_track_decays_key))
    for (const double decay : list_setting(configuration, detail::ema_track_decays_key))
      tracks.push_back({.decay = decay});
  return tracks;
}

/// The decay of the learning rate in a checkpoint's settings; none if it is absent.
[[nodiscard]] inline LearningRateDecay decay_of(const Metadata& configuration) {
  if (configuration.count("training.decay_updates") == 0) return {};
  return {number_setting<std::uint64_t>(configuration, "training.decay_first"),
          number_setting<std::uint64_t>(configuration, "training.decay_updates")};
}

/// The learning rate's schedule in a checkpoint's settings; constant if it is absent.
[[nodiscard]] inline LearningRateSchedule schedule_of(const Metadata& configuration) {
  if (configuration.count("training.schedule") == 0) return {};
  LearningRateSchedule schedule{named_setting<RateSchedule>(configuration, "training.schedule")};
  if (schedule.name == RateSchedule::constant) return schedule;
  schedule.updates = number_setting<std::uint64_t>(configuration, "training.schedule_updates");
  if (schedule.name == RateSchedule::cosine)
    schedule.floor = number_setting<double>(configuration, "training.schedule_floor");
  return schedule;
}

}  // namespace scoresde
