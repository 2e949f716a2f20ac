// SPDX-License-Identifier: MIT
/// AnyScore: a score network under the SDE of its checkpoint, in one type.
///
/// Each SDE of AnySde has one convention of model/label_convention.hpp, which defines how networks
/// sampled under it are conditioned on time. A network is a score under any other SDE too, by
/// change of variables.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>

#include <scoresde/error.hpp>
#include <scoresde/model/label_convention.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/model/trained_under.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/registry/any_trained_under.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_names.hpp>
#include <scoresde/registry/sde_registry.hpp>
#include <scoresde/registry/settings.hpp>
#include <scoresde/score/score_model.hpp>

namespace scoresde {

/// Calls visit(sde, convention) as visit_score does, with one convention for each SDE. Conventions
/// of discrete levels accept times between levels, where many samplers evaluate. Throws Error as
/// visit_score does, and for a network trained with the EDM loss under an SDE other than EdmSde.
template <class Visitor>
auto visit_sampled_score(const Metadata& configuration, Visitor&& visit) {
  using Result = std::invoke_result_t<Visitor&, const VpSde&, const nn::PredictionAtTime&>;
  const auto use = [&]<class S, class C>(const S& sde, C convention) -> Result {
    if constexpr (nn::LevelConvention<C>) convention.between_levels = true;
    constexpr bool edm = std::same_as<C, nn::EdmPreconditioning>;
    if constexpr (edm && !std::same_as<S, EdmSde>)
      throw Error(
          "the checkpoint's network was trained with the EDM loss under another SDE; "
          "cifar10_sample samples such networks under the EDM SDE only");
    else
      return visit(sde, convention);
  };
  return visit_score(configuration, use);
}

/// The SDE that a configuration's network is sampled under. Throws Error as visit_sampled_score.
[[nodiscard]] inline AnySde sampled_sde(const Metadata& configuration) {
  return visit_sampled_score(configuration,
                             [](const auto& sde, const auto&) { return AnySde(sde); });
}

/// The smallest time that a configuration's network was trained at: `training.epsilon`, or t_min
/// for losses without it.
[[nodiscard]] inline double first_training_time(const Metadata& configuration, const AnySde& sde) {
  return configuration.contains("training.epsilon")
             ? number_setting<double>(configuration, "training.epsilon")
             : sde.t_min();
}

/// The convention of a configuration's network under SDEs other than its own. Throws Error as
/// visit_sampled_score does, and for a network of SMLD's levels, which has a score only at these.
[[nodiscard]] inline AnyTrainedUnder trained_under(const Metadata& configuration) {
  const double first = first_training_time(configuration, sampled_sde(configuration));
  return visit_sampled_score(
      configuration, [&]<class S, class C>(const S& sde, const C& convention) -> AnyTrainedUnder {
        if constexpr (std::same_as<S, SmldSde>)
          throw Error(
              "the checkpoint's network was trained on SMLD's levels, and has no score between "
              "them; another SDE requires a network of continuous time or of DDPM's levels");
        else
          return AnyTrainedUnder(nn::TrainedUnder<S, C>(sde, convention, first));
      });
}

/// The SDE of that kind with the settings of its paper. Throws Error for ddpm, a chain without
/// default betas.
[[nodiscard]] inline AnySde default_sde(SdeKind kind) {
  switch (kind) {
    case SdeKind::vp:
      return VpSde();
    case SdeKind::sub_vp:
      return SubVpSde();
    case SdeKind::ve:
      return VeSde();
    case SdeKind::edm:
      return EdmSde();
    case SdeKind::ddpm:
      break;
  }
  throw Error("SDE: the kind is ddpm, a chain of betas; it must be vp, sub_vp, ve or edm");
}

/// default_sde(kind), unless the configuration's SDE is of that kind itself; DDPM's chain is of the
/// kind vp, and SMLD's levels of the kind ve.
[[nodiscard]] inline std::optional<AnySde> other_sde(const Metadata& configuration, SdeKind kind) {
  const auto own = named_setting<SdeKind>(configuration, "sde.name");
  if (own == kind || (own == SdeKind::ddpm && kind == SdeKind::vp)) return {};
  return default_sde(kind);
}

/// `Scores::Score<S, C>` is a backend's score network. Models its concepts.
template <class Scores>
class AnyScore {
  template <class S, class C>
  using Score = typename Scores::template Score<S, C>;
  using First = Score<VpSde, nn::PredictionAtTime>;
  using Held =
      std::variant<First, Score<SubVpSde, nn::PredictionAtTime>, Score<VeSde, nn::ScoreAtSigma>,
                   Score<EdmSde, nn::EdmPreconditioning>, Score<DdpmSde, nn::PredictionAtLevel>,
                   Score<SmldSde, nn::ScoreAtLevel>, Score<AnySde, AnyTrainedUnder>>;

 public:
  using Scalar = typename First::Scalar;

  template <class One>
  requires std::constructible_from<Held, One>
  explicit AnyScore(One score) : held_(std::move(score)) {}

  [[nodiscard]] ScoreForm score_form(double t) const {
    return std::visit([t](const auto& score) { return score.score_form(t); }, held_);
  }
  /// Refers to `classes`, which must outlive the evaluations.
  void set_classes(std::span<const std::uint32_t> classes) {
    std::visit([classes](auto& score) { score.set_classes(classes); }, held_);
  }
  /// Evaluates at one time, at a time per sample, or at a conditioning of the backend.
  template <class X, class Times>
  requires requires(First& score, const X& x, const Times& t, X& output) {
    score.evaluate(x, t, output);
  }
  void evaluate(const X& x, const Times& t, X& output) {
    std::visit([&](auto& score) { score.evaluate(x, t, output); }, held_);
  }
  /// As the score network, where that is differentiable.
  template <class X, class Times>
  requires requires(First& score, const X& x, const Times& t, X& out) { score.vjp(x, t, x, out); }
  void vjp(const X& x, const Times& t, const X& v, X& out) {
    std::visit([&](auto& score) { score.vjp(x, t, v, out); }, held_);
  }
  template <class X, class Times>
  requires requires(First& score, const X& x, const Times& t, X& out) {
    score.evaluate_with_vjp(x, t, x, out, out);
  }
  void evaluate_with_vjp(const X& x, const Times& t, const X& v, X& output, X& out) {
    std::visit([&](auto& score) { score.evaluate_with_vjp(x, t, v, output, out); }, held_);
  }
  /// The conditioning of a GraphCapturableScoreModel.
  [[nodiscard]] auto conditioning(double t) requires requires(First& score) {
    score.conditioning(t);
  }
  {
    return std::visit([t](auto& score) { return score.conditioning(t); }, held_);
  }

 private:
  Held held_;
};

namespace nn {

/// The score networks of a backend.
template <ModelOps Ops>
struct ScoreNetworks {
  template <class S, class C>
  using Score = ScoreNetwork<Ops, S, C>;
};

}  // namespace nn

/// A backend's network under the SDE of its checkpoint.
template <nn::ModelOps Ops>
using AnyScoreNetwork = AnyScore<nn::ScoreNetworks<Ops>>;

}  // namespace scoresde
