// SPDX-License-Identifier: MIT
/// Score models that keep another model's prediction of the data in the range of the data.
///
///   ∇log p_t(x) ≈ (α·θ(x̂₀) − x)/σ²,   x̂₀ the data predicted by the model's score at (x, t)
///   static:   θ(x̂₀) = clip(x̂₀, low, high)
///   dynamic:  θ(x̂₀) = clip(x̂₀, −s, s)·b/s,   s = max(b, q-quantile of |x̂₀| over the sample),
///             at most c
///
/// Saharia et al. 2022 (arXiv:2205.11487), section 2.3, name both, with b = 1 and no c; c is
/// diffusers' sample_max_value. The code of Ho et al. 2020 (arXiv:2006.11239) samples with the
/// static one. Since images cannot lie outside their range, clipping reduces the error of a network
/// with little training. Nothing else in the library clips.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/score/tweedie.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/elementwise.hpp>

namespace scoresde {

/// The range of the data.
struct DataRange {
  double low = -1, high = 1;
};

struct DynamicThreshold {
  double quantile = 0.995;  ///< of |x̂₀| over the elements of a sample
  double bound = 1;         ///< data lie in [−bound, bound]
  /// The upper limit of s; cap = bound is static thresholding.
  double cap = std::numeric_limits<double>::infinity();
};

namespace detail {

/// x̂₀ of sample k as state[k]·x + output[k]·F.
struct DenoisedRows {
  std::vector<double> state, output;

  template <class M, Sde S, class TimeOf>
  void fill(M& model, const S& sde, std::size_t samples, const TimeOf& time_of) {
    state.resize(samples);
    output.resize(samples);
    for (std::size_t k = 0; k < samples; ++k) {
      const double t = time_of(k);
      const ScoreForm form = tweedie_form(sde.marginal_prob(t), model.score_form(t));
      state[k] = form.state;
      output[k] = form.output;
    }
  }
};

/// x̂₀ of one element, clipped.
struct ClipDenoised {
  const double *state, *output;
  DataRange range;

  template <class T>
  T operator()(ElementIndex at, T x, T f) const {
    const auto low = static_cast<T>(range.low), high = static_cast<T>(range.high);
    const T value = static_cast<T>(state[at.sample]) * x + static_cast<T>(output[at.sample]) * f;
    return value < low ? low : (high < value ? high : value);
  }
};

/// An element of x̂₀, clipped to the sample's threshold and rescaled to the bound.
struct ClipToThreshold {
  const double* threshold;
  double bound;

  template <class T>
  T operator()(ElementIndex at, T value) const {
    const auto s = static_cast<T>(threshold[at.sample]);
    const T inside = value < -s ? -s : (s < value ? s : value);
    return inside / s * static_cast<T>(bound);
  }
};

}  // namespace detail

/// Static thresholding. Models ScoreModel, and PerSampleScoreModel if M does, for every state with
/// an elementwise backend; its output F is the clipped prediction of the data. Costs one pass over
/// memory. Refers to `model`, which must outlive it. Not thread-safe.
template <class M, Sde S>
class ClippedDenoiser {
 public:
  /// Throws Error unless low < high.
  ClippedDenoiser(M& model, S sde, DataRange range = {})
      : model_(&model), sde_(std::move(sde)), range_(range) {
    require(range.low < range.high, "clipped denoiser: the range goes from ", range.low, " to ",
            range.high, "; low must be less than high");
  }

  [[nodiscard]] ScoreForm score_form(double t) const { return DenoiserOutput<S>{sde_}(t); }

  template <class X>
  requires ScoreModel<M, X>
  void evaluate(const X& x, double t, X& output) {
    model_->evaluate(x, t, output);
    clip(x, output, [t](std::size_t) { return t; });
  }
  template <class X>
  requires PerSampleScoreModel<M, X>
  void evaluate(const X& x, std::span<const double> times, X& output) {
    model_->evaluate(x, times, output);
    clip(x, output, [times](std::size_t k) { return times[k]; });
  }

 private:
  template <class X, class TimeOf>
  void clip(const X& x, X& output, const TimeOf& time_of) {
    static_assert(
        ElementwiseState<X>,
        "ClippedDenoiser: the state's backend cannot apply a function element by element; it "
        "needs transform(out, f, inputs...) (scoresde/state/elementwise.hpp)");
    rows_.fill(*model_, sde_, extents(x).samples, time_of);
    const detail::ClipDenoised function{rows_.state.data(), rows_.output.data(), range_};
    backend(x).transform(output, function, x, output);
  }

  M* model_;
  S sde_;
  DataRange range_;
  detail::DenoisedRows rows_;
};

/// Dynamic thresholding, sample by sample. Models the same concepts as ClippedDenoiser, for every
/// state whose backend is elementwise and computes quantiles. Refers to `model`, which must outlive
/// it. Not thread-safe.
template <class M, Sde S>
class DynamicallyThresholdedDenoiser {
 public:
  /// Throws Error unless 0 < quantile ≤ 1, bound is positive and finite, and cap ≥ bound.
  DynamicallyThresholdedDenoiser(M& model, S sde, DynamicThreshold threshold = {})
      : model_(&model), sde_(std::move(sde)), options_(threshold) {
    require(threshold.quantile > 0 && threshold.quantile <= 1, "dynamic thresholding: quantile is ",
            threshold.quantile, "; it must lie in (0, 1]");
    require(threshold.bound > 0 && std::isfinite(threshold.bound),
            "dynamic thresholding: bound is ", threshold.bound, "; it must be positive and finite");
    require(threshold.cap >= threshold.bound, "dynamic thresholding: cap is ", threshold.cap,
            "; it must be at least the bound of ", threshold.bound);
  }

  [[nodiscard]] ScoreForm score_form(double t) const { return DenoiserOutput<S>{sde_}(t); }

  template <class X>
  requires ScoreModel<M, X>
  void evaluate(const X& x, double t, X& output) {
    model_->evaluate(x, t, output);
    limit(x, output, [t](std::size_t) { return t; });
  }
  template <class X>
  requires PerSampleScoreModel<M, X>
  void evaluate(const X& x, std::span<const double> times, X& output) {
    model_->evaluate(x, times, output);
    limit(x, output, [times](std::size_t k) { return times[k]; });
  }

 private:
  template <class X, class TimeOf>
  void limit(const X& x, X& output, const TimeOf& time_of) {
    static_assert(ElementwiseState<X> && QuantileState<X>,
                  "DynamicallyThresholdedDenoiser: the state's backend needs transform(out, f, "
                  "inputs...) and absolute_quantile(x, q, per_sample) "
                  "(scoresde/state/elementwise.hpp)");
    rows_.fill(*model_, sde_, extents(x).samples, time_of);
    assign(output, {{rows_.state, x}, {rows_.output, output}});
    thresholds_.resize(extents(x).samples);
    backend(x).absolute_quantile(output, options_.quantile, std::span<double>(thresholds_));
    for (double& s : thresholds_)
      s = std::min(s > options_.bound ? s : options_.bound, options_.cap);
    backend(x).transform(output, detail::ClipToThreshold{thresholds_.data(), options_.bound},
                         output);
  }

  M* model_;
  S sde_;
  DynamicThreshold options_;
  detail::DenoisedRows rows_;
  std::vector<double> thresholds_;
};

}  // namespace scoresde
