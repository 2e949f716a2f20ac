// SPDX-License-Identifier: MIT
/// TrainingLoss: the interface of losses, and the residual that all losses here share.
///
///   x_t = mean·x_0 + std·z,   r = std·s(x_t, t) + z,   loss = E[ w(t)·‖r‖² ]
///
/// Vincent 2011; Song et al. 2021 (arXiv:2011.13456), eq. 7. Losses differ in the distribution of t
/// and in w. The score is s = p·x_t + q·F with the model's output F, so residual and gradient are
/// one linear form per sample each, on every backend:
///
///   r = std·p·x_t + std·q·F + z,   ∂loss/∂F = 2·w·std·q·r / samples
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>

#include <scoresde/error.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/workspace.hpp>

namespace scoresde {

/// The memory of a loss in addition to x_0 and the model, allocated once per batch size.
template <State X>
class LossWorkspace {
 public:
  explicit LossWorkspace(const X& x) : work_(x) {}

  [[nodiscard]] Extents shape() const { return work_.shape(); }
  /// One time per sample: written by draw_times or by the caller before the loss.
  [[nodiscard]] std::span<double> times() { return work_.row(0); }
  /// The weighted loss of each sample, after the loss.
  [[nodiscard]] std::span<double> losses() { return work_.row(1); }
  /// x_t, after the loss.
  [[nodiscard]] X& perturbed() { return work_[0]; }
  /// F, then r, and after the loss ∂loss/∂F.
  [[nodiscard]] X& output_gradient() { return work_[1]; }

  [[nodiscard]] std::span<double> mean() { return work_.row(2); }
  [[nodiscard]] std::span<double> std() { return work_.row(3); }
  [[nodiscard]] std::span<double> state_coefficient() { return work_.row(4); }
  [[nodiscard]] std::span<double> output_coefficient() { return work_.row(5); }
  [[nodiscard]] std::span<double> weight() { return work_.row(6); }
  [[nodiscard]] std::span<double> one() { return work_.row(7); }

 private:
  Workspace<X, 2> work_;
};

/// check(sde) throws Error if the loss does not support the SDE with its options; draw_times
/// generates the times of a batch; the call evaluates the model once at work.times() and returns
/// the mean loss of the batch, leaving share·∂loss/∂F in work.output_gradient(). `share` is the
/// batch's fraction of a larger one that is accumulated. A loss that trains only on the levels of a
/// DiscreteSde defines `static constexpr bool at_levels = true`.
template <class L, class S, class M, class X>
concept TrainingLoss = requires(const L& loss, const S& sde, M& model, const X& x0, NoiseDraw draw,
                                std::span<double> times, LossWorkspace<X>& work, double share) {
  loss.check(sde);
  loss.draw_times(sde, draw, times);
  { loss(sde, model, x0, draw, work, share) } -> std::same_as<double>;
};

/// p(x_t | x_0) and w at one time.
struct WeightedMarginal {
  MarginalProb p;
  double weight = 1;
};

/// A loss of the form E[ w(t)·‖r‖² ]: with weighted_marginal(sde, t, dim), for samples of `dim`
/// elements, a backend can compute it with its own kernels.
template <class L, class S>
concept WeightedResidualLoss = requires(const L& loss, const S& sde, double t, std::size_t dim) {
  { loss.weighted_marginal(sde, t, dim) } -> std::same_as<WeightedMarginal>;
};

/// The coefficients of residual, loss and gradient of one sample: mean, std, std·p, std·q and w.
struct DenoisingCoefficients {
  double mean, std, state, output, weight;
};

/// Those of a model with the score form `form` at the loss's marginal and weight.
[[nodiscard]] inline DenoisingCoefficients denoising_coefficients(const WeightedMarginal& at,
                                                                  const ScoreForm& form) {
  return {at.p.mean, at.p.std, at.p.std * form.state, at.p.std * form.output, at.weight};
}

namespace detail {

/// min(γ/SNR, 1) with SNR = (mean/std)²: min-SNR-γ for the weight 1 of ‖r‖². Hang et al. 2023
/// (arXiv:2303.09556), section 3.4.
[[nodiscard]] inline double min_snr_factor(MarginalProb p, double gamma) {
  const double ratio = p.std / p.mean;
  return std::fmin(1.0, gamma * ratio * ratio);
}

/// losses[k] ← weight·‖r‖², r ← share·∂loss/∂F; returns the mean of the losses.
template <State X>
double reduce_residual(LossWorkspace<X>& work, double share) {
  X& r = work.output_gradient();
  const std::span<double> losses = work.losses();
  const auto samples = static_cast<double>(losses.size());
  backend(r).inner(r, r, losses);
  double sum = 0;
  for (std::size_t k = 0; k < losses.size(); ++k) {
    sum += losses[k] *= work.weight()[k];
    work.weight()[k] *= 2 * work.output_coefficient()[k] * share / samples;
  }
  assign(r, {{work.weight(), r}});
  return sum / samples;
}

/// The loss at work.times(); marginal_of(t) returns a WeightedMarginal. `z` is a NoiseDraw, or a
/// state of given normals. Throws Error if extents differ.
template <class M, State X, class Z, class MarginalOf>
double denoising_loss(M& model, const X& x0, const Z& z, LossWorkspace<X>& work, double share,
                      const MarginalOf& marginal_of) {
  static_assert(PerSampleScoreModel<M, X>,
                "denoising score matching requires a score model with evaluate(x, times, output) "
                "for a time per sample, and score_form(t)");
  const Extents shape = work.shape();
  require(extents(x0) == shape, "denoising score matching: x_0 has ", extents(x0).samples,
          " samples of dimension ", extents(x0).dim, "; the workspace has ", shape.samples,
          " samples of dimension ", shape.dim);
  for (std::size_t k = 0; k < shape.samples; ++k) {
    const double t = work.times()[k];
    const DenoisingCoefficients c = denoising_coefficients(marginal_of(t), model.score_form(t));
    work.mean()[k] = c.mean;
    work.std()[k] = c.std;
    work.state_coefficient()[k] = c.state;
    work.output_coefficient()[k] = c.output;
    work.weight()[k] = c.weight;
    work.one()[k] = 1;
  }
  X& x = work.perturbed();
  X& r = work.output_gradient();
  assign(x, {{work.mean(), x0}}, {work.std(), z});
  model.evaluate(x, std::span<const double>(work.times()), r);
  assign(r, {{work.state_coefficient(), x}, {work.output_coefficient(), r}}, {work.one(), z});
  return reduce_residual(work, share);
}

/// The factor of ‖r‖² in the two per-sample reductions of score_sde.
[[nodiscard]] inline double reduction(bool reduce_mean, std::size_t dim) {
  return reduce_mean ? 1.0 / static_cast<double>(dim) : 0.5;
}

inline void require_min_snr_gamma(double gamma) {
  require(gamma > 0, "denoising score matching: min_snr_gamma is ", gamma,
          "; it must be positive (infinity disables it)");
}

}  // namespace detail
}  // namespace scoresde
