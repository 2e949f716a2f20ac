// SPDX-License-Identifier: MIT
/// ChangeOfSde: a score model of one linear SDE as a score model of another, by change of
/// variables.
///
///   x = α x₀ + σ z at time t,   y = α' x₀ + σ' z at the time t' of the training SDE with
///   σ'/α' = σ/α   ⇒   ∇log p_t(x) = c ∇log p'_t'(c x),   c = α'/α = σ'/σ
///
/// Karras et al. 2022 (arXiv:2206.00364), eq. 4, for training with α' = 1. Where σ/α is outside the
/// range of training, t' is clamped to that range, and the two ratios differ. Below it c = α'/α:
/// the score of data with the least noise of training. Above it c = σ'/σ: the model predicts the
/// noise of x from its input with the most noise of training. For data N(0, v I) the relative error
/// is (r'² − r²)/(v + r²) below and less than v/r'² above, r = σ/α and r' = σ'/α'.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/scratch_state.hpp>
#include <scoresde/time/log_snr.hpp>

namespace scoresde {

/// Where a model of the training SDE is evaluated for a time of another SDE.
struct ChangedTime {
  double t = 0;          ///< t'
  double scale = 1;      ///< c
  bool clamped = false;  ///< whether σ/α is outside the range of training

  /// The form of the score in (x, F) from that of the model in (c x, F).
  [[nodiscard]] ScoreForm form(ScoreForm trained) const {
    return {scale * scale * trained.state, scale * trained.output};
  }
};

/// The least and the greatest σ/α.
struct NoiseRange {
  double low = 0, high = 0;
};
/// From `first` to T.
template <Sde S>
[[nodiscard]] NoiseRange noise_range(const S& sde, double first) {
  return {std::exp(-0.5 * log_snr(sde, first)), std::exp(-0.5 * log_snr(sde, sde.t_max()))};
}

/// Throws Error unless the model was trained at times from 0 ≤ `first` to T > `first`.
template <Sde Training>
void require_first_time(const Training& training, double first) {
  require(first >= 0 && first < training.t_max(), "change of SDE: the first time of training is ",
          first, "; it must be at least 0 and below the last, ", training.t_max());
}

/// The time of the training SDE for time t of the target; `first` is the least one of training.
template <Sde Training, Sde Target>
[[nodiscard]] ChangedTime changed_time(const Training& training, double first, const Target& target,
                                       double t) {
  const MarginalProb own = target.marginal_prob(t);
  const double wanted = log_snr(target, t);
  const double lowest = log_snr(training, training.t_max()), highest = log_snr(training, first);
  const double slack = 1e-12 * (1 + std::abs(wanted));
  const bool above = wanted < lowest - slack;
  const bool below = wanted > highest + slack;
  ChangedTime changed{.t = nearest_time_of_log_snr(training, wanted, first),
                      .clamped = above || below};
  const MarginalProb trained = training.marginal_prob(changed.t);
  changed.scale = above ? trained.std / own.std : trained.mean / own.mean;
  return changed;
}

/// Models the concepts that `M`, a score model of the training SDE, models, as a score model of the
/// target. x is copied where c is not 1. Refers to the model, which must outlive it. Not
/// thread-safe.
template <class M, Sde Training, Sde Target>
class ChangeOfSde {
 public:
  /// `first`: the least time of training. Throws Error for one outside [0, T).
  ChangeOfSde(M& model, Training training, Target target, double first)
      : model_(&model), training_(std::move(training)), target_(std::move(target)), first_(first) {
    require_first_time(training_, first_);
  }
  /// Of a model trained from t_min.
  ChangeOfSde(M& model, Training training, Target target)
      : ChangeOfSde(model, training, std::move(target), training.t_min()) {}

  [[nodiscard]] const Target& sde() const { return target_; }
  [[nodiscard]] ChangedTime changed(double t) const {
    return changed_time(training_, first_, target_, t);
  }
  [[nodiscard]] ScoreForm score_form(double t) const {
    const ChangedTime at = changed(t);
    return at.form(model_->score_form(at.t));
  }

  template <class X>
  requires ScoreModel<M, X>
  void evaluate(const X& x, double t, X& output) {
    const ChangedTime at = counted(changed(t), extents(x).samples);
    model_->evaluate(scaled(x, at.scale), at.t, output);
  }
  template <class X>
  requires PerSampleScoreModel<M, X>
  void evaluate(const X& x, std::span<const double> times, X& output) {
    change_each(times);
    model_->evaluate(scaled(x), std::span<const double>(times_), output);
  }

  /// out ← vᵀ ∂F/∂x.
  template <class X>
  requires DifferentiableScoreModel<M, X>
  void vjp(const X& x, double t, const X& v, X& out) {
    const ChangedTime at = counted(changed(t), extents(x).samples);
    model_->vjp(scaled(x, at.scale), at.t, v, out);
    if (at.scale != 1) assign(out, {{at.scale, out}});
  }
  template <class X>
  requires PerSampleDifferentiableScoreModel<M, X>
  void vjp(const X& x, std::span<const double> times, const X& v, X& out) {
    change_each(times);
    model_->vjp(scaled(x), std::span<const double>(times_), v, out);
    assign(out, {{scales_, out}});
  }

  /// Samples evaluated so far, a vjp included, and how many of them at a clamped time.
  [[nodiscard]] std::size_t evaluations() const { return evaluations_; }
  [[nodiscard]] std::size_t clamped_evaluations() const { return clamped_; }

 private:
  ChangedTime counted(ChangedTime at, std::size_t samples) {
    evaluations_ += samples;
    if (at.clamped) clamped_ += samples;
    return at;
  }
  /// times_ and scales_ of the samples.
  void change_each(std::span<const double> times) {
    times_.clear();
    scales_.clear();
    for (const double t : times) {
      const ChangedTime at = counted(changed(t), 1);
      times_.push_back(at.t);
      scales_.push_back(at.scale);
    }
  }

  /// factor·x.
  template <class X>
  const X& scaled(const X& x, double factor) {
    if (factor == 1) return x;
    X& copy = scratch_.like(x);
    assign(copy, {{factor, x}});
    return copy;
  }
  /// Each sample times its scale.
  template <class X>
  const X& scaled(const X& x) {
    X& copy = scratch_.like(x);
    assign(copy, {{scales_, x}});
    return copy;
  }

  M* model_;
  Training training_;
  Target target_;
  double first_;
  ScratchState scratch_;
  std::vector<double> times_, scales_;
  std::size_t evaluations_ = 0, clamped_ = 0;
};

}  // namespace scoresde
