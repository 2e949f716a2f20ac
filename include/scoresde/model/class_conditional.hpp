// SPDX-License-Identifier: MIT
/// ClassConditional: a class-conditional score network with fixed classes.
///
///   F(x, t) = F_θ(x, t, y),   y the class of each sample, or none
///
/// Ho and Salimans 2022 (arXiv:2207.12598), section 3: one network is both the conditional and the
/// unconditional model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/score/score_model.hpp>

namespace scoresde::nn {

/// Has the interface of `Model`, a ScoreNetwork or another model with set_classes, and holds a
/// reference to it: several ClassConditionals may share one network, one evaluation at a time. Not
/// thread-safe.
template <class Model>
class ClassConditional {
 public:
  /// `classes` holds the class, or no_class, of each sample of later states. Throws Error when it
  /// is empty; each evaluation throws Error for a class that the network does not have.
  ClassConditional(Model& model, std::vector<std::uint32_t> classes)
      : model_(&model), classes_(std::move(classes)) {
    scoresde::require(!classes_.empty(),
                      "class conditional: `classes` is empty; it must hold one class per sample");
  }
  /// The same class for all of `samples` samples.
  ClassConditional(Model& model, std::size_t samples, std::uint32_t label)
      : ClassConditional(model, std::vector<std::uint32_t>(samples, label)) {}

  [[nodiscard]] ScoreForm score_form(double t) const { return model_->score_form(t); }
  [[nodiscard]] std::span<const std::uint32_t> classes() const { return classes_; }

  /// As `Model`. Also throws Error unless x has one sample per class.
  template <class X>
  requires ScoreModel<Model, X>
  void evaluate(const X& x, double t, X& output) {
    with_classes([&] { model_->evaluate(x, t, output); });
  }
  template <class X>
  requires PerSampleScoreModel<Model, X>
  void evaluate(const X& x, std::span<const double> times, X& output) {
    with_classes([&] { model_->evaluate(x, times, output); });
  }
  template <class X>
  requires DifferentiableScoreModel<Model, X>
  void vjp(const X& x, double t, const X& v, X& out) {
    with_classes([&] { model_->vjp(x, t, v, out); });
  }
  template <class X>
  requires PerSampleDifferentiableScoreModel<Model, X>
  void vjp(const X& x, std::span<const double> times, const X& v, X& out) {
    with_classes([&] { model_->vjp(x, times, v, out); });
  }
  template <class X, class T>
  requires DifferentiableScoreModel<Model, X>
  void evaluate_with_vjp(const X& x, T t, const X& v, X& output, X& out) {
    with_classes([&] { scoresde::evaluate_with_vjp(*model_, x, t, v, output, out); });
  }

 private:
  /// Sets the model's classes for one call and resets them afterwards, also when the call throws.
  template <class Call>
  void with_classes(const Call& call) {
    struct Reset {
      Model& model;
      ~Reset() { model.set_classes({}); }
    } const reset{*model_};
    model_->set_classes(classes_);
    call();
  }

  Model* model_;
  std::vector<std::uint32_t> classes_;
};

}  // namespace scoresde::nn
