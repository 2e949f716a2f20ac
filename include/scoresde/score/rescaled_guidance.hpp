// SPDX-License-Identifier: MIT
/// RescaledGuidance: classifier-free guidance whose output keeps the spread of the conditional one.
///
///   F_w = (1 + w)·F_c − w·F_u,   F = (φ·std(F_c)/std(F_w) + 1 − φ)·F_w
///
/// Lin et al. 2023 (arXiv:2305.08891), section 3.4, eq. 14 to 16: guidance of large weight spreads
/// the output of the network, which overexposes images. std is over the elements of a sample. They
/// use φ = 0.7.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/score/guidance.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/state/elementwise.hpp>
#include <scoresde/state/scratch_state.hpp>

namespace scoresde {
namespace detail {

struct OneElement {
  template <class T>
  T operator()(ElementIndex, T) const {
    return T(1);
  }
};

}  // namespace detail

/// Models ScoreModel and PerSampleScoreModel if both models do; its output has the parameterization
/// of the conditional one. It is not differentiable: the factor depends on x. Refers to both
/// models, which must outlive it. Not thread-safe.
template <class Conditional, class Unconditional>
class RescaledGuidance {
 public:
  /// `rescale` is φ. Throws Error for a φ outside [0, 1], a weight that is not finite and an
  /// interval that ends before it begins.
  RescaledGuidance(Conditional& conditional, Unconditional& unconditional, double weight,
                   double rescale, TimeInterval interval = {})
      : conditional_(&conditional),
        unconditional_(&unconditional),
        guided_(conditional, unconditional, {weight, -weight}, interval),
        rescale_(rescale) {
    require(rescale >= 0 && rescale <= 1, "rescaled guidance: rescale is ", rescale,
            "; it must lie in [0, 1]");
  }

  [[nodiscard]] ScoreForm score_form(double t) const { return conditional_->score_form(t); }

  /// Throws Error if the conditional model's score does not depend on its output.
  template <ElementwiseState X>
  requires detail::ScoreModels<Conditional, Unconditional, X>
  void evaluate(const X& x, double t, X& output) {
    conditional_->evaluate(x, t, output);
    if (!guided_.guides(t)) return;
    spread(output, conditional_spread_);
    X& other = other_.like(x);
    unconditional_->evaluate(x, t, other);
    const std::array<double, 3> c = guided_.coefficients(t);
    assign(output, {{c[0], output}, {c[1], other}, {c[2], x}});
    restore_spread(output, [](std::size_t) { return true; });
  }

  template <ElementwiseState X>
  requires detail::PerSampleScoreModels<Conditional, Unconditional, X>
  void evaluate(const X& x, std::span<const double> times, X& output) {
    conditional_->evaluate(x, times, output);
    const auto guides = [&](std::size_t k) { return guided_.guides(times[k]); };
    bool any = false;
    for (std::size_t k = 0; k < times.size(); ++k) any = any || guides(k);
    if (!any) return;
    spread(output, conditional_spread_);
    X& other = other_.like(x);
    unconditional_->evaluate(x, times, other);
    for (std::vector<double>& row : rows_) row.resize(times.size());
    for (std::size_t k = 0; k < times.size(); ++k) {
      const std::array<double, 3> c = guided_.coefficients(times[k]);
      for (std::size_t j = 0; j < 3; ++j) rows_[j][k] = c[j];
    }
    assign(output, {{rows_[0], output}, {rows_[1], other}, {rows_[2], x}});
    restore_spread(output, guides);
  }

 private:
  /// result[k] ← the standard deviation of the elements of sample k.
  template <class X>
  void spread(const X& x, std::vector<double>& result) {
    const auto [samples, dim] = extents(x);
    X& ones = ones_.like(x);
    backend(x).transform(ones, detail::OneElement{}, x);
    result.resize(samples);
    sums_.resize(samples);
    backend(x).inner(x, ones, sums_);
    backend(x).inner(x, x, result);
    for (std::size_t k = 0; k < samples; ++k) {
      const double mean = sums_[k] / static_cast<double>(dim);
      result[k] = std::sqrt(std::max(0.0, result[k] / static_cast<double>(dim) - mean * mean));
    }
  }

  template <class X, class Guides>
  void restore_spread(X& output, const Guides& guides) {
    spread(output, factors_);
    for (std::size_t k = 0; k < factors_.size(); ++k) {
      const bool scales = guides(k) && factors_[k] > 0;
      factors_[k] = scales ? rescale_ * conditional_spread_[k] / factors_[k] + (1 - rescale_) : 1;
    }
    assign(output, {{factors_, output}});
  }

  Conditional* conditional_;
  Unconditional* unconditional_;
  GuidedScore<Conditional, Unconditional> guided_;
  double rescale_;
  ScratchState other_, ones_;
  std::array<std::vector<double>, 3> rows_;
  std::vector<double> conditional_spread_, sums_, factors_;
};

}  // namespace scoresde
