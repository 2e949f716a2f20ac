// SPDX-License-Identifier: MIT
/// Denoising score matching on discrete noise levels: the objectives of DDPM and SMLD.
///
///   i uniform on 0 … N − 1,   x_i = mean_i·x_0 + std_i·z
///   DDPM:  loss = E[ reduce((F(x_i, i) − z)²) ]                          F the noise
///   SMLD:  loss = E[ σ_i²·reduce((F(x_i, N − 1 − i) + z/σ_i)²) ]         F the score
///
/// Ho et al. 2020 (arXiv:2006.11239), eq. 14; Song and Ermon 2019 (arXiv:1907.05600), eq. 6 with
/// λ(σ) = σ²; Song et al. 2021 (arXiv:2011.13456), eq. 1 and 3. Both are E[ reduce(r²) ] with r =
/// std_i·s + z, for s = −F/std_i and s = F, so one implementation serves both; the SDE determines
/// the levels: DdpmSde or DiscreteVpSde, and DiscreteVeSde.
#pragma once

#include <cstddef>
#include <limits>
#include <span>

#include <scoresde/loss/training_loss.hpp>
#include <scoresde/model/label_convention.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/sde/discrete_sde.hpp>

namespace scoresde {

/// `reduce_mean`: the mean over the elements of a sample instead of half their sum. The loss is
/// always the mean over samples. There is no likelihood weighting, since g is defined for
/// continuous time only.
struct DiscreteScoreMatching {
  static constexpr bool at_levels = true;
  /// The label convention of the networks trained with this loss.
  template <Sde S>
  using Convention = nn::level_convention_of<S>;

  bool reduce_mean = false;
  double min_snr_gamma = std::numeric_limits<double>::infinity();  ///< w = min(γ/SNR, 1)

  /// Throws Error unless γ > 0.
  template <DiscreteSde S>
  void check(const S&) const {
    detail::require_min_snr_gamma(min_snr_gamma);
  }

  /// times[k] is that of level ⌊uN⌋, u the uniform number of element 0 of sample k.
  template <DiscreteSde S>
  void draw_times(const S& sde, NoiseDraw draw, std::span<double> times) const {
    const auto count = static_cast<double>(sde.training_steps());
    for (std::size_t k = 0; k < times.size(); ++k)
      times[k] = sde.training_time(static_cast<std::size_t>(uniform(draw, k, 0) * count));
  }

  /// p(x_t | x_0) and the weight of ‖r‖² at t, for samples of `dim` elements. Throws Error if there
  /// is no level at t.
  template <DiscreteSde S>
  [[nodiscard]] WeightedMarginal weighted_marginal(const S& sde, double t, std::size_t dim) const {
    const double level_time = sde.training_time(training_level(sde, t));
    const MarginalProb p = training_marginal(sde, level_time);
    const double reduced = detail::reduction(reduce_mean, dim);
    return {p, detail::min_snr_factor(p, min_snr_gamma) * reduced};
  }

  /// As in TrainingLoss; `z` is a NoiseDraw, or a state of given normals. Throws Error if extents
  /// differ or there is no level at a time.
  template <DiscreteSde S, class M, State X, class Z>
  double operator()(const S& sde, M& model, const X& x0, const Z& z, LossWorkspace<X>& work,
                    double share = 1) const {
    check(sde);
    return detail::denoising_loss(model, x0, z, work, share, [&, dim = work.shape().dim](double t) {
      return weighted_marginal(sde, t, dim);
    });
  }
};

}  // namespace scoresde
