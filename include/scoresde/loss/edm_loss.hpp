// SPDX-License-Identifier: MIT
/// The EDM loss: a log-normal noise level, and a network target of variance 1 at every level.
///
///   ln σ ~ N(P_mean, P_std²),   loss = E[ λ(σ)·‖D(x_0 + σz, σ) − x_0‖² ]
///   λ(σ) = (σ² + σ_d²)/(σ σ_d)² = 1/c_out²
///
/// Karras et al. 2022 (arXiv:2206.00364), eq. 2 and table 1. With D = x + σ²s, D − x_0 = σ·r, so
/// λ‖D − x_0‖² = (1 + σ²/σ_d²)·‖r‖² with r = σs + z. For other linear SDEs σ is std/mean, the noise
/// level of x_t/mean, and t is the time at which the SDE reaches it.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>

#include <scoresde/error.hpp>
#include <scoresde/loss/training_loss.hpp>
#include <scoresde/model/label_convention.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/time/log_snr.hpp>

namespace scoresde {

/// The defaults are those of the paper for CIFAR-10.
struct EdmLoss {
  /// The label and scaling convention of the networks trained with this loss.
  template <Sde S>
  using Convention = nn::EdmPreconditioning;

  double p_mean = -1.2, p_std = 1.2;  ///< of ln σ
  double sigma_data = 0.5;            ///< σ_d, the same as in the preconditioning
  bool reduce_mean = false;           ///< mean over the elements of a sample instead of their sum

  /// Throws Error unless all are finite, p_std ≥ 0 and σ_d > 0.
  template <Sde S>
  void check(const S&) const {
    require(std::isfinite(p_mean) && std::isfinite(p_std) && p_std >= 0, "EDM loss: p_mean is ",
            p_mean, " and p_std ", p_std, "; both must be finite and p_std nonnegative");
    require_sigma_data(sigma_data);
  }

  /// The time at which ln σ = p_mean + p_std·z. σ is clamped to the range of [t_min, t_max], since
  /// samplers evaluate no others.
  template <Sde S>
  [[nodiscard]] double time(const S& sde, double z) const {
    return nearest_time_of_log_snr(sde, -2 * (p_mean + p_std * z), sde.t_min());
  }

  /// times[k] from the normal number of element 0 of sample k.
  template <Sde S>
  void draw_times(const S& sde, NoiseDraw draw, std::span<double> times) const {
    check(sde);
    for (std::size_t k = 0; k < times.size(); ++k) {
      float z = 0;
      fill_normal(std::span<float>(&z, 1), draw, k, 0);
      times[k] = time(sde, static_cast<double>(z));
    }
  }

  /// p(x_t | x_0) and the weight of ‖r‖² at t, for samples of `dim` elements.
  template <Sde S>
  [[nodiscard]] WeightedMarginal weighted_marginal(const S& sde, double t, std::size_t dim) const {
    const MarginalProb p = sde.marginal_prob(t);
    const double ratio = p.std / (p.mean * sigma_data);
    return {p, (1 + ratio * ratio) * (reduce_mean ? 1.0 / static_cast<double>(dim) : 1.0)};
  }

  /// As in TrainingLoss; `z` is a NoiseDraw, or a state of given normals. Throws Error if extents
  /// differ.
  template <Sde S, class M, State X, class Z>
  double operator()(const S& sde, M& model, const X& x0, const Z& z, LossWorkspace<X>& work,
                    double share = 1) const {
    check(sde);
    return detail::denoising_loss(model, x0, z, work, share, [&, dim = work.shape().dim](double t) {
      return weighted_marginal(sde, t, dim);
    });
  }
};

}  // namespace scoresde
