// SPDX-License-Identifier: MIT
/// The SDE of a configuration's network, and the convention that defines how the network is
/// conditioned on time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include <scoresde/error.hpp>
#include <scoresde/model/label_convention.hpp>
#include <scoresde/registry/chain_settings.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/run_names.hpp>
#include <scoresde/registry/settings.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/ddpm_betas.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

namespace scoresde {

/// The schedule of a VP or sub-VP SDE.
[[nodiscard]] inline BetaSchedule beta_setting(const Metadata& c) {
  return {number_setting<double>(c, "sde.beta_min"), number_setting<double>(c, "sde.beta_max"),
          number_setting<double>(c, "sde.t_min")};
}

/// The schedule of a VE SDE.
[[nodiscard]] inline SigmaSchedule sigma_setting(const Metadata& c) {
  return {number_setting<double>(c, "sde.sigma_min"), number_setting<double>(c, "sde.sigma_max"),
          number_setting<double>(c, "sde.t_min")};
}

namespace detail {

/// The value of `training.loss`; files written before this setting existed do not have it.
[[nodiscard]] inline std::string loss_name(const Metadata& configuration) {
  const auto at = configuration.find("training.loss");
  return at == configuration.end() ? name_of(LossKind::continuous) : at->second;
}

/// Returns visit(sde). Throws Error for settings that this SDE does not have.
/// `levels`: whether the number of training levels is one of its settings.
template <class S, class Visitor>
auto visit_described_sde(const Metadata& configuration, const S& sde, bool levels,
                         Visitor&& visit) {
  Metadata known = describe(sde);
  if (levels) known["sde.training_steps"] = "";
  require(levels || !configuration.contains("sde.training_steps"),
          "configuration: sde.training_steps is set and training.loss is '",
          loss_name(configuration), "'; levels require training.loss = discrete");
  require_known_keys(configuration, "sde.", known, "SDE '" + known.at("sde.name") + "'");
  return visit(sde);
}

/// Calls visit with the continuous SDE of a configuration, for any loss.
template <class Visitor>
auto visit_continuous_sde(const Metadata& configuration, Visitor&& visit) {
  const auto use = [&](const auto& sde) {
    return visit_described_sde(configuration, sde, false, visit);
  };
  switch (named_setting<SdeKind>(configuration, "sde.name")) {
    case SdeKind::vp:
      return use(VpSde(beta_setting(configuration)));
    case SdeKind::sub_vp:
      return use(SubVpSde(beta_setting(configuration)));
    case SdeKind::ve:
      return use(VeSde(sigma_setting(configuration)));
    case SdeKind::edm:
      return use(EdmSde({number_setting<double>(configuration, "sde.sigma_min"),
                         number_setting<double>(configuration, "sde.sigma_max")}));
    case SdeKind::ddpm:
      break;
  }
  throw Error(text("configuration: sde.name is 'ddpm' and training.loss '",
                   loss_name(configuration), "'; a chain requires training.loss = discrete"));
}

/// Throws Error unless the network predicts the noise, as some conventions require.
inline void require_noise_prediction(const Metadata& configuration, const char* of) {
  const PredictionType found = prediction_of(configuration);
  require(found == PredictionType::noise, "configuration: ", prediction_key, " is '",
          name_of(found), "'; ", of, " must predict the noise");
}

}  // namespace detail

/// The loss of a configuration; std::nullopt for a user-defined one.
[[nodiscard]] inline std::optional<LossKind> loss_of(const Metadata& configuration) {
  return find_name<LossKind>(detail::loss_name(configuration));
}

/// Calls visit with the SDE of a configuration, of type VpSde, SubVpSde, VeSde or EdmSde. Throws
/// Error if the configuration names none of them, if a setting is missing or belongs to another
/// SDE, and for a network of discrete levels, which visit_score accepts.
template <class Visitor>
auto visit_sde(const Metadata& configuration, Visitor&& visit) {
  require(loss_of(configuration) != LossKind::discrete,
          "configuration: the network was trained on discrete levels (training.loss is "
          "'discrete'); a continuous SDE would evaluate it between its levels, so use visit_score");
  return detail::visit_continuous_sde(configuration, std::forward<Visitor>(visit));
}

/// The chain of betas of score_sde's VP SDE with N training steps: β_i from β_min/N to β_max/N.
[[nodiscard]] inline DdpmSde ddpm_sde(std::size_t training_steps, const BetaSchedule& schedule) {
  const auto count = static_cast<double>(training_steps);
  return DdpmSde(
      linear_betas(training_steps, schedule.beta_min / count, schedule.beta_max / count));
}

namespace detail {

/// visit_score for training.loss = discrete.
template <class Visitor>
auto visit_levels(const Metadata& configuration, Visitor&& visit) {
  const auto kind = named_setting<SdeKind>(configuration, "sde.name");
  const nn::PredictionAtLevel convention{.prediction = prediction_of(configuration)};
  if (kind == SdeKind::ddpm)
    return visit(DdpmSde(beta_list_of(configuration).values()), convention);
  const auto steps = number_setting<std::size_t>(configuration, "sde.training_steps");
  if (kind == SdeKind::vp) {
    const BetaSchedule schedule = beta_setting(configuration);
    return visit_described_sde(configuration, VpSde(schedule), true, [&](const auto&) {
      return visit(ddpm_sde(steps, schedule), convention);
    });
  }
  require(kind == SdeKind::ve, "configuration: sde.name is '", name_of(kind),
          "' and training.loss 'discrete'; it must be vp, ve or ddpm, which have discrete levels");
  require_noise_prediction(configuration, "a network of SMLD's levels");
  return visit_described_sde(configuration, SmldSde(steps, sigma_setting(configuration)), true,
                             [&](const SmldSde& sde) { return visit(sde, nn::ScoreAtLevel{}); });
}

/// The convention of a network trained in continuous time.
template <class S>
[[nodiscard]] auto continuous_convention(const Metadata& configuration) {
  typename nn::convention_of<S>::type convention;
  if constexpr (requires { convention.prediction; })
    convention.prediction = prediction_of(configuration);
  else
    require_noise_prediction(configuration, "a network under this SDE");
  return convention;
}

}  // namespace detail

/// Calls visit(sde, convention) with the SDE under which a configuration's network is sampled and
/// the convention that defines how it is conditioned on time: a continuous SDE with its
/// convention_of or EdmPreconditioning, or DdpmSde or SmldSde with the convention of its levels.
/// Throws Error as visit_sde does, for discrete levels of sub-VP, which do not exist, and for a
/// training.prediction that the convention does not support.
template <class Visitor>
auto visit_score(const Metadata& configuration, Visitor&& visit) {
  const auto loss =
      from_name<LossKind>("configuration: training.loss", detail::loss_name(configuration));
  if (loss == LossKind::discrete)
    return detail::visit_levels(configuration, std::forward<Visitor>(visit));
  if (loss == LossKind::continuous)
    return visit_sde(configuration, [&]<class S>(const S& sde) {
      return visit(sde, detail::continuous_convention<S>(configuration));
    });
  if (configuration.contains("training.convention"))
    static_cast<void>(named_setting<ConventionKind>(configuration, "training.convention"));
  detail::require_noise_prediction(configuration, "a network with EDM preconditioning");
  const double sigma_data = number_setting<double>(configuration, "training.sigma_data");
  return visit_sde(configuration, [&](const auto& sde) {
    return visit(sde, nn::EdmPreconditioning{.sigma_data = sigma_data});
  });
}

}  // namespace scoresde
