// SPDX-License-Identifier: MIT
/// ClassifierGradient: the gradient of a noise-conditional classifier as a score model.
///
///   ∇ₓ log p_t(c | x) = (e_c − softmax(ℓ))ᵀ ∂ℓ/∂x,   ℓ = the logits at (x, t)
///
/// Dhariwal and Nichol 2021 (arXiv:2105.05233), section 4; Song et al. 2021 (arXiv:2011.13456), eq.
/// 14. classifier_guidance (score/guidance.hpp) adds it to a score.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/score/score_model.hpp>

namespace scoresde {

/// A classifier of noised data with a gradient. Logits are on the host, that of class c of sample k
/// at k·classes() + c. vjp writes vᵀ ∂ℓ/∂x.
template <class C, class X>
concept Classifier = State<X> &&
    requires(C& classifier, const X& x, double t, std::span<double> logits,
             std::span<const double> v, X& out) {
  { classifier.classes() } -> std::convertible_to<std::size_t>;
  { classifier.logits(x, t, logits) } -> std::same_as<void>;
  { classifier.vjp(x, t, v, out) } -> std::same_as<void>;
};

/// A classifier that takes a time per sample.
template <class C, class X>
concept PerSampleClassifier = Classifier<C, X> &&
    requires(C& classifier, const X& x, std::span<const double> times, std::span<double> logits,
             std::span<const double> v, X& out) {
  { classifier.logits(x, times, logits) } -> std::same_as<void>;
  { classifier.vjp(x, times, v, out) } -> std::same_as<void>;
};

/// Returns −log softmax(ℓ)[label] and replaces the logits by its gradient, softmax(ℓ) − e_label.
/// Not finite for logits that are not. Throws Error for a label that is not below their number.
inline double cross_entropy(std::span<double> logits, std::uint32_t label) {
  require(label < logits.size(), "cross entropy: the label is ", label, "; it must be below ",
          logits.size(), ", the number of classes");
  const double largest = *std::max_element(logits.begin(), logits.end());
  const double own = logits[label] - largest;
  double sum = 0;
  for (double& value : logits) sum += value = std::exp(value - largest);
  for (double& value : logits) value /= sum;
  logits[label] -= 1;
  return std::log(sum) - own;
}

/// Models ScoreModel, and PerSampleScoreModel if the classifier takes a time per sample; F is the
/// gradient itself. Refers to the classifier, which must outlive it. Not thread-safe.
template <class C>
class ClassifierGradient {
 public:
  /// `labels` has the class of each sample. Throws Error for one that the classifier does not have.
  ClassifierGradient(C& classifier, std::vector<std::uint32_t> labels)
      : classifier_(&classifier), labels_(std::move(labels)) {
    for (std::size_t k = 0; k < labels_.size(); ++k)
      require(labels_[k] < classes(), "classifier gradient: the label of sample ", k, " is ",
              labels_[k], "; it must be below ", classes(), ", the number of classes");
  }

  [[nodiscard]] ScoreForm score_form(double) const { return {0, 1}; }

  /// Throws Error for a batch without a label per sample and logits that are not finite.
  template <class X>
  requires Classifier<C, X>
  void evaluate(const X& x, double t, X& output) { gradient(x, t, output); }
  template <class X>
  requires PerSampleClassifier<C, X>
  void evaluate(const X& x, std::span<const double> times, X& output) {
    gradient(x, times, output);
  }

 private:
  [[nodiscard]] std::size_t classes() const { return classifier_->classes(); }

  template <class X, class Time>
  void gradient(const X& x, Time t, X& output) {
    require(extents(x).samples == labels_.size(), "classifier gradient: the state has ",
            extents(x).samples, " samples; there are ", labels_.size(),
            " labels, and one per sample is needed");
    logits_.resize(labels_.size() * classes());
    classifier_->logits(x, t, std::span<double>(logits_));
    for (std::size_t k = 0; k < labels_.size(); ++k) differentiate(k);
    classifier_->vjp(x, t, std::span<const double>(logits_), output);
  }

  /// ℓ ← e_c − softmax(ℓ) of sample k.
  void differentiate(std::size_t k) {
    const std::span<double> row(logits_.data() + k * classes(), classes());
    const double loss = cross_entropy(row, labels_[k]);
    require(std::isfinite(loss), "classifier gradient: a logit of sample ", k, " is not finite");
    for (double& value : row) value = -value;
  }

  C* classifier_;
  std::vector<std::uint32_t> labels_;
  std::vector<double> logits_;
};

}  // namespace scoresde
