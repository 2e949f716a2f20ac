// SPDX-License-Identifier: MIT
/// Denoising score matching in continuous time, for any linear SDE.
///
///   t = u(T − ε) + ε,   x_t = mean(t)·x_0 + std(t)·z,   r = std(t)·s(x_t, t) + z
///   loss = E[ w(t)·reduce(r²) ],   w = 1, or g(t)²/std(t)² with likelihood weighting
///
/// Song et al. 2021 (arXiv:2011.13456), eq. 7 with λ(t) = std²; likelihood weighting is λ(t) = g²,
/// Song et al. 2021 (arXiv:2101.09258), theorem 1. The score is the form s = p·x_t + q·F of the raw
/// output F, hence residual and gradient are one linear form per sample each, on every backend:
///
///   r = std·p·x_t + std·q·F + z,   ∂loss/∂F = 2·w·std·q·r · (1/dim or ½) / samples
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>

#include <scoresde/error.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/workspace.hpp>

namespace scoresde {

/// What the loss needs beside x_0 and the model, allocated once for a batch.
template <State X>
class LossWorkspace {
 public:
  explicit LossWorkspace(const X& x) : work_(x) {}

  [[nodiscard]] Extents shape() const { return work_.shape(); }
  /// One time per sample: written by draw_times or by the caller before the loss.
  [[nodiscard]] std::span<double> times() { return work_.row(0); }
  /// Weighted loss of each sample, after the loss.
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

/// Aggregate of the loss's choices. `reduce_mean`: mean over the elements of a sample, else half
/// their sum; over samples it is always the mean.
struct DenoisingScoreMatching {
  bool likelihood_weighting = false;
  bool reduce_mean = false;
  double epsilon = 1e-5;  ///< smallest training time, above 0 where std(0) = 0

  /// t = u(T − ε) + ε. Throws Error unless 0 ≤ ε < T.
  template <Sde S>
  [[nodiscard]] double time(const S& sde, double u) const {
    detail::require(epsilon >= 0 && epsilon < sde.t_max(), "denoising score matching: epsilon is ",
                    epsilon, "; it must lie in [0, ", sde.t_max(), ")");
    return u * (sde.t_max() - epsilon) + epsilon;
  }

  /// times[k] from the uniform number of element 0 of sample k.
  template <Sde S>
  void draw_times(const S& sde, NoiseDraw draw, std::span<double> times) const {
    for (std::size_t k = 0; k < times.size(); ++k) times[k] = time(sde, uniform(draw, k, 0));
  }

  /// The loss at work.times(), averaged over the batch; leaves share·∂loss/∂F in
  /// work.output_gradient(). `z` is a NoiseDraw, or a state of given normals. `share` is the
  /// batch's part of a larger one that is accumulated. Evaluates the model once.
  /// Throws Error when extents differ.
  template <Sde S, class M, State X, class Z>
  double operator()(const S& sde, M& model, const X& x0, const Z& z, LossWorkspace<X>& work,
                    double share = 1) const {
    static_assert(PerSampleScoreModel<M, X>,
                  "denoising score matching needs a score model with evaluate(x, times, output) "
                  "for a time per sample, and score_form(t)");
    const Extents shape = work.shape();
    detail::require(extents(x0) == shape, "denoising score matching: x_0 has ", extents(x0).samples,
                    " samples of dimension ", extents(x0).dim, "; the workspace was made for ",
                    shape.samples, " of ", shape.dim);
    set_coefficients(sde, model, work);
    X& x = work.perturbed();
    X& r = work.output_gradient();
    combine<1>(x, {SampleTerm<X>{work.mean(), &x0}}, work.std(), z);
    model.evaluate(x, std::span<const double>(work.times()), r);
    combine<2>(r, {SampleTerm<X>{work.state_coefficient(), &x}, {work.output_coefficient(), &r}},
               work.one(), z);
    return reduce(work, share);
  }

 private:
  template <class S, class M, class X>
  void set_coefficients(const S& sde, const M& model, LossWorkspace<X>& work) const {
    const auto [samples, dim] = work.shape();
    const double reduction = reduce_mean ? 1.0 / static_cast<double>(dim) : 0.5;
    for (std::size_t k = 0; k < samples; ++k) {
      const double t = work.times()[k];
      const MarginalProb p = sde.marginal_prob(t);
      const ScoreForm form = model.score_form(t);
      work.mean()[k] = p.mean;
      work.std()[k] = p.std;
      work.state_coefficient()[k] = p.std * form.state;
      work.output_coefficient()[k] = p.std * form.output;
      const double ratio = likelihood_weighting ? sde.diffusion(t) / p.std : 1.0;
      work.weight()[k] = ratio * ratio * reduction;
      work.one()[k] = 1;
    }
  }

  /// losses[k] ← weight·‖r‖², r ← ∂loss/∂F; returns the mean of the losses.
  template <class X>
  static double reduce(LossWorkspace<X>& work, double share) {
    X& r = work.output_gradient();
    const std::span<double> losses = work.losses();
    const auto samples = static_cast<double>(losses.size());
    backend(r).inner(r, r, losses);
    double sum = 0;
    for (std::size_t k = 0; k < losses.size(); ++k) {
      sum += losses[k] *= work.weight()[k];
      work.weight()[k] *= 2 * work.output_coefficient()[k] * share / samples;
    }
    combine<1>(r, {SampleTerm<X>{work.weight(), &r}}, {}, NoiseDraw{});
    return sum / samples;
  }

  /// out ← Σ terms + c·z, z a named draw.
  template <std::size_t N, State X>
  static void combine(X& out, std::array<SampleTerm<X>, N> terms, std::span<const double> c,
                      NoiseDraw z) {
    backend(out).assign(out, std::span<const SampleTerm<X>>(terms), SampleNoise{c, z});
  }
  /// The same with given normals.
  template <std::size_t N, State X>
  static void combine(X& out, std::array<SampleTerm<X>, N> terms, std::span<const double> c,
                      const X& z) {
    std::array<SampleTerm<X>, N + 1> all;
    for (std::size_t j = 0; j < N; ++j) all[j] = terms[j];
    all[N] = {c, &z};
    backend(out).assign(out, std::span<const SampleTerm<X>>(all), SampleNoise{});
  }
};

}  // namespace scoresde
