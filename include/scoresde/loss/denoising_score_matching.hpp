// SPDX-License-Identifier: MIT
/// Denoising score matching in continuous time, for any linear SDE.
///
///   t = u(T − ε) + ε,   x_t = mean(t)·x_0 + std(t)·z,   r = std(t)·s(x_t, t) + z
///   loss = E[ w(t)·reduce(r²) ],   w = 1, or g(t)²/std(t)² with likelihood weighting
///
/// Song et al. 2021 (arXiv:2011.13456), eq. 7 with λ(t) = std²; likelihood weighting is λ(t) = g²,
/// Song et al. 2021 (arXiv:2101.09258), theorem 1. loss/training_loss.hpp defines residual and
/// gradient.
#pragma once

#include <cstddef>
#include <limits>
#include <span>

#include <scoresde/error.hpp>
#include <scoresde/loss/training_loss.hpp>
#include <scoresde/model/label_convention.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/sde/sde.hpp>

namespace scoresde {

/// `reduce_mean`: the mean over the elements of a sample instead of half their sum. The loss is
/// always the mean over samples.
struct DenoisingScoreMatching {
  /// The label convention of the networks trained with this loss.
  template <Sde S>
  using Convention = typename nn::convention_of<S>::type;

  bool likelihood_weighting = false;
  bool reduce_mean = false;
  double epsilon = 1e-5;  ///< smallest training time; must be positive if std(0) = 0
  double min_snr_gamma = std::numeric_limits<double>::infinity();  ///< w times min(γ/SNR, 1)

  /// Throws Error unless 0 ≤ ε < T and γ > 0.
  template <Sde S>
  void check(const S& sde) const {
    require(epsilon >= 0 && epsilon < sde.t_max(), "denoising score matching: epsilon is ", epsilon,
            "; it must lie in [0, ", sde.t_max(), ")");
    detail::require_min_snr_gamma(min_snr_gamma);
  }

  /// u(T − ε) + ε. Throws Error as check does.
  template <Sde S>
  [[nodiscard]] double time(const S& sde, double u) const {
    check(sde);
    return u * (sde.t_max() - epsilon) + epsilon;
  }

  /// times[k] from the uniform number of element 0 of sample k.
  template <Sde S>
  void draw_times(const S& sde, NoiseDraw draw, std::span<double> times) const {
    for (std::size_t k = 0; k < times.size(); ++k) times[k] = time(sde, uniform(draw, k, 0));
  }

  /// p(x_t | x_0) and the weight of ‖r‖² at t, for samples of `dim` elements.
  template <Sde S>
  [[nodiscard]] WeightedMarginal weighted_marginal(const S& sde, double t, std::size_t dim) const {
    const MarginalProb p = sde.marginal_prob(t);
    const double ratio = likelihood_weighting ? sde.diffusion(t) / p.std : 1.0;
    const double weight = ratio * ratio * detail::min_snr_factor(p, min_snr_gamma);
    return {p, weight * detail::reduction(reduce_mean, dim)};
  }

  /// As in TrainingLoss; `z` is a NoiseDraw, or a state of given normals. Throws Error if extents
  /// differ.
  template <Sde S, class M, State X, class Z>
  double operator()(const S& sde, M& model, const X& x0, const Z& z, LossWorkspace<X>& work,
                    double share = 1) const {
    return detail::denoising_loss(model, x0, z, work, share, [&, dim = work.shape().dim](double t) {
      return weighted_marginal(sde, t, dim);
    });
  }
};

}  // namespace scoresde
