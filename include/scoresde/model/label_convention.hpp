// SPDX-License-Identifier: MIT
/// Label conventions: the label that a network is conditioned on, and the meaning of its output.
///
///   type                    label                       ∇log p_t(x) ≈
///   PredictionAtTime        999·t                       −F/std(t)
///   ScoreAtSigma            std(t), σ(t) for VE         F
///   EdmPreconditioning    c_noise, and c_in·x for x   −x/v + α σ_d/(σ √v)·F
///   PredictionAtLevel       i                           −F/√(1 − ᾱ_i)
///   ScoreAtLevel            N − 1 − i                   F
///
/// The two predictions are of the noise, as in the table, or of the data or the velocity
/// (score/parameterization.hpp). The first two conventions are those of score_sde's continuous
/// models for VP, sub-VP and VE (Song et al. 2021, arXiv:2011.13456, appendix C and G); the third
/// is that of EDM (score/preconditioning.hpp). The last two are those of DDPM and SMLD: the label
/// is the index of one of N noise levels, in increasing order of noise for the first and in
/// decreasing order for the second. They require a DiscreteSde and throw Error for times that are
/// not a level, where the network was not trained.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <type_traits>

#include <scoresde/error.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/score/preconditioning.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/with_prior_mean.hpp>

namespace scoresde::nn {

namespace detail {

/// The score's form where std is positive. Throws Error where it is not.
[[nodiscard]] inline ScoreForm prediction_form(PredictionType type, const MarginalProb& marginal,
                                               double t) {
  scoresde::require(marginal.std > 0, "score network: std is ", marginal.std, " at time ", t,
                    "; it must be positive");
  return score_form_of(type, marginal);
}

}  // namespace detail

/// The network is conditioned on label_scale·t and predicts the noise, the data or the velocity.
struct PredictionAtTime {
  double label_scale = 999;
  PredictionType prediction = PredictionType::noise;

  /// Throws Error for t outside [0, T].
  template <Sde S>
  [[nodiscard]] double label(const S& sde, double t) const {
    scoresde::require_time("score network", t, sde.t_max());
    return label_scale * t;
  }
  /// Throws Error where std(t) = 0.
  template <Sde S>
  [[nodiscard]] ScoreForm score_form(const S& sde, double t) const {
    return detail::prediction_form(prediction, sde.marginal_prob(t), t);
  }
};

/// The default predicts the noise.
using NoisePredictionAtTime = PredictionAtTime;

/// The network is conditioned on std(t), which is σ(t) for VE, and its output is the score.
struct ScoreAtSigma {
  template <Sde S>
  [[nodiscard]] double label(const S& sde, double t) const {
    return sde.marginal_prob(t).std;
  }
  template <Sde S>
  [[nodiscard]] ScoreForm score_form(const S&, double) const {
    return {0, 1};
  }
};

/// The network is conditioned on c_noise, its input is c_in·x and its output is F of EDM.
struct EdmPreconditioning {
  double sigma_data = 0.5;  ///< positive: standard deviation of the data's elements

  void validate() const { scoresde::require_sigma_data(sigma_data); }
  /// Throws Error where std(t) = 0, as do input_scale and score_form.
  template <Sde S>
  [[nodiscard]] double label(const S& sde, double t) const {
    return edm_coefficients(sde.marginal_prob(t), sigma_data).noise;
  }
  template <Sde S>
  [[nodiscard]] double input_scale(const S& sde, double t) const {
    return edm_coefficients(sde.marginal_prob(t), sigma_data).in;
  }
  template <Sde S>
  [[nodiscard]] ScoreForm score_form(const S& sde, double t) const {
    return edm_score_form(sde.marginal_prob(t), sigma_data);
  }
};

/// The network is conditioned on the index of a level, 0 for the least noise, and predicts the
/// noise, the data or the velocity.
struct PredictionAtLevel {
  static constexpr bool at_levels = true;
  /// Accepts times between levels, as score_sde and DPM-Solver do: the label is then fractional,
  /// and the marginal is training_marginal(t). At levels, up to rounding, the label is an integer.
  bool between_levels = false;
  /// Accepts times between levels with the label of the nearest level and the std of the time, as
  /// diffusers' schedulers do with the σ of Karras et al.
  bool rounded_labels = false;
  PredictionType prediction = PredictionType::noise;

  /// Throws Error for a time outside the levels and, unless between_levels or rounded_labels is
  /// set, for a time between them.
  template <DiscreteSde S>
  [[nodiscard]] double label(const S& sde, double t) const {
    if (!between_levels && !rounded_labels) return static_cast<double>(training_level(sde, t));
    const double position = std::fmax(0.0, level_position(sde, t)), nearest = std::round(position);
    return rounded_labels || std::abs(position - nearest) < 1e-9 ? nearest : position;
  }
  /// Throws Error as label does.
  template <DiscreteSde S>
  [[nodiscard]] ScoreForm score_form(const S& sde, double t) const {
    if (!between_levels && !rounded_labels) t = sde.training_time(training_level(sde, t));
    return detail::prediction_form(prediction, training_marginal(sde, t), t);
  }
};

/// The default predicts the noise.
using NoisePredictionAtLevel = PredictionAtLevel;

/// The network is conditioned on the index of a level, 0 for the most noise; its output is the
/// score.
struct ScoreAtLevel {
  static constexpr bool at_levels = true;
  bool between_levels = false;  ///< accepts times between levels, rounded to the nearest

  /// Throws Error for a time outside the levels and, unless between_levels is set, for one between
  /// them.
  template <DiscreteSde S>
  [[nodiscard]] double label(const S& sde, double t) const {
    const double level = between_levels ? std::round(level_position(sde, t))
                                        : static_cast<double>(training_level(sde, t));
    return static_cast<double>(sde.training_steps() - 1) - level;
  }
  /// Throws Error as label does.
  template <DiscreteSde S>
  [[nodiscard]] ScoreForm score_form(const S& sde, double t) const {
    static_cast<void>(label(sde, t));
    return {0, 1};
  }
};

/// A convention of networks trained on discrete levels only.
template <class C>
concept LevelConvention = requires {
  requires C::at_levels;
};

/// Whether a network of this convention can be evaluated at this SDE's times.
template <class C, class S>
inline constexpr bool convention_fits = !LevelConvention<C> || DiscreteSde<S>;

/// The usual convention for an SDE: score_sde's continuous one, EDM's for EdmSde, levels for
/// DdpmSde. Specialize it for user-defined SDEs.
template <Sde S>
struct convention_of {
  using type = std::conditional_t<std::derived_from<S, VeSde>, ScoreAtSigma, NoisePredictionAtTime>;
};
template <>
struct convention_of<EdmSde> {
  using type = EdmPreconditioning;
};
template <>
struct convention_of<DdpmSde> {
  using type = NoisePredictionAtLevel;
};
template <Sde S>
struct convention_of<WithPriorMean<S>> : convention_of<S> {};

/// The convention of networks trained on an SDE's discrete levels: SMLD for VE, else DDPM.
template <Sde S>
using level_convention_of =
    std::conditional_t<std::derived_from<S, VeSde>, ScoreAtLevel, NoisePredictionAtLevel>;

}  // namespace scoresde::nn
