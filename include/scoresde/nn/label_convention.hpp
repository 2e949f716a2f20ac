// SPDX-License-Identifier: MIT
/// Label conventions: what a network is told about time, and what its output means.
///
///   type                    label                       ∇log p_t(x) ≈
///   PredictionAtTime        999·t                       −F/std(t)
///   ScoreAtSigma            std(t), σ(t) for VE         F
///   KarrasPreconditioned    c_noise, and c_in·x for x   −x/v + α σ_d/(σ √v)·F
///   PredictionAtLevel       i                           −F/√(1 − ᾱ_i)
///   ScoreAtLevel            N − 1 − i                   F
///
/// The two predictions are of the noise, as in the table, or of the data or the velocity, whose
/// forms are score/parameterization.hpp's. The first two are score_sde's continuous conventions for
/// VP, sub-VP and VE: Song et al. 2021 (arXiv:2011.13456), appendix C and G; Karras's is
/// score/preconditioning.hpp. The last two are those of DDPM and SMLD: the label is the number of
/// one of N noise levels, counted from the least noise in the first, from the most in the second.
/// They go with a DiscreteSde alone and refuse times that are no level, for there is nothing that
/// such a network has learned of them.
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
#include <scoresde/sde/karras_sde.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/with_prior_mean.hpp>

namespace scoresde::nn {

namespace detail {

/// The score's form where std is positive. Throws Error where it is not.
[[nodiscard]] inline ScoreForm prediction_form(PredictionType type, const MarginalProb& marginal,
                                               double t) {
  scoresde::detail::require(marginal.std > 0, "score network: std is ", marginal.std, " at time ",
                            t, "; a prediction gives the score where it is positive");
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
    scoresde::detail::require_time("score network", t, sde.t_max());
    return label_scale * t;
  }
  /// Throws Error where std(t) = 0.
  template <Sde S>
  [[nodiscard]] ScoreForm score_form(const S& sde, double t) const {
    return detail::prediction_form(prediction, sde.marginal_prob(t), t);
  }
};

/// Its default: the noise.
using NoisePredictionAtTime = PredictionAtTime;

/// The network is told std(t), which is σ(t) for VE, and gives the score itself.
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

/// The network is told c_noise, gets c_in·x and gives Karras's F.
struct KarrasPreconditioned {
  double sigma_data = 0.5;  ///< positive: standard deviation of the data's elements

  void validate() const { scoresde::detail::require_sigma_data(sigma_data); }
  /// Throws Error where std(t) = 0, and so do the others.
  template <Sde S>
  [[nodiscard]] double label(const S& sde, double t) const {
    return karras_coefficients(sde.marginal_prob(t), sigma_data).noise;
  }
  template <Sde S>
  [[nodiscard]] double input_scale(const S& sde, double t) const {
    return karras_coefficients(sde.marginal_prob(t), sigma_data).in;
  }
  template <Sde S>
  [[nodiscard]] ScoreForm score_form(const S& sde, double t) const {
    return karras_score_form(sde.marginal_prob(t), sigma_data);
  }
};

/// The network is conditioned on the number of a level, from 0 for the least noise, and predicts
/// the noise, the data or the velocity.
struct PredictionAtLevel {
  static constexpr bool at_levels = true;
  /// Takes times between levels as well, as score_sde and the authors of DPM-Solver do: the label
  /// is then a fraction, and the marginal training_marginal(t).
  bool between_levels = false;
  /// Takes times between levels with the label of the nearest level and the std of the time, as
  /// diffusers' schedulers do with σ of Karras et al.
  bool rounded_labels = false;
  PredictionType prediction = PredictionType::noise;

  /// Throws Error for a time outside the levels and, unless between_levels or rounded_labels, for
  /// one between them.
  template <DiscreteSde S>
  [[nodiscard]] double label(const S& sde, double t) const {
    if (rounded_labels) return std::round(std::fmax(0.0, level_position(sde, t)));
    if (!between_levels) return static_cast<double>(training_level(sde, t));
    return std::fmax(0.0, level_position(sde, t));
  }
  /// Throws Error as label does.
  template <DiscreteSde S>
  [[nodiscard]] ScoreForm score_form(const S& sde, double t) const {
    if (!between_levels && !rounded_labels) t = sde.training_time(training_level(sde, t));
    return detail::prediction_form(prediction, training_marginal(sde, t), t);
  }
};

/// Its default: the noise.
using NoisePredictionAtLevel = PredictionAtLevel;

/// The network is told the number of a level, from 0 for the most noise, and gives the score.
struct ScoreAtLevel {
  static constexpr bool at_levels = true;
  bool between_levels = false;  ///< takes times between levels as their nearest one

  /// Throws Error for a time outside the levels and, unless between_levels, for one between them.
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

/// A convention of networks that know discrete levels alone.
template <class C>
concept LevelConvention = requires {
  requires C::at_levels;
};

/// Whether a network of this convention can be asked for this SDE's times.
template <class C, class S>
inline constexpr bool convention_fits = !LevelConvention<C> || DiscreteSde<S>;

/// The usual convention for an SDE: score_sde's continuous one, Karras's for KarrasSde, levels for
/// DdpmSde. Specialise it for an SDE of your own.
template <Sde S>
struct convention_of {
  using type = std::conditional_t<std::derived_from<S, VeSde>, ScoreAtSigma, NoisePredictionAtTime>;
};
template <>
struct convention_of<KarrasSde> {
  using type = KarrasPreconditioned;
};
template <>
struct convention_of<DdpmSde> {
  using type = NoisePredictionAtLevel;
};
template <Sde S>
struct convention_of<WithPriorMean<S>> : convention_of<S> {};

/// The convention of networks trained on an SDE's discrete levels: SMLD's for VE, else DDPM's.
template <Sde S>
using level_convention_of =
    std::conditional_t<std::derived_from<S, VeSde>, ScoreAtLevel, NoisePredictionAtLevel>;

}  // namespace scoresde::nn
