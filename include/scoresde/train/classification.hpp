// SPDX-License-Identifier: MIT
/// Classification: the objective that trains a noise-conditional classifier.
///
///   x_t = mean(t)·x_0 + std(t)·z,   t = t_min + u^ρ·(T − t_min),   u ~ U(0, 1)
///   loss = E[ −log softmax(ℓ(x_t, t))_c ]
///
/// Dhariwal and Nichol 2021 (arXiv:2105.05233), section 4.1, and Song et al. 2021
/// (arXiv:2011.13456), appendix I.1, with ρ = 1. A larger ρ spends more of the training at low
/// noise, where the class can be seen.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/loss/training_draws.hpp>
#include <scoresde/model/classifier_network.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/score/classifier_gradient.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/backend.hpp>
#include <scoresde/train/objective.hpp>

namespace scoresde {

/// The settings of the loss.
struct CrossEntropy {
  bool noised = true;     ///< otherwise t = 0 and x_t = x_0, for a classifier of clean images alone
  double time_power = 1;  ///< ρ of the times, positive
};

/// Models Objective and CrossEntropyObjective. The labels of a batch are the classes to predict,
/// one per sample.
template <Sde S, class C = typename nn::convention_of<S>::type>
class Classification {
 public:
  using Loss = CrossEntropy;
  static constexpr bool scales_input = requires(const C& convention, const S& sde) {
    convention.input_scale(sde, 0.0);
  };

  /// A classifier and the classes of its batch.
  template <class Ops>
  class Model : public nn::ClassifierNetwork<Ops, S, C> {
   public:
    using nn::ClassifierNetwork<Ops, S, C>::ClassifierNetwork;
    /// The values must outlive the evaluations.
    void set_classes(std::span<const std::uint32_t> classes) { labels_ = classes; }
    [[nodiscard]] std::span<const std::uint32_t> labels() const { return labels_; }

   private:
    std::span<const std::uint32_t> labels_;
  };

  /// The memory for a batch in addition to the model's.
  template <class Ops>
  struct Workspace {
    explicit Workspace(const typename Ops::State& x)
        : perturbed(backend(x).make_like(x)),
          times(extents(x).samples),
          means(extents(x).samples),
          stds(extents(x).samples) {}
    typename Ops::State perturbed;
    std::vector<double> times, means, stds, logits{};
  };

  Classification(S sde, C convention = {})  // NOLINT(google-explicit-constructor)
      : sde_(std::move(sde)), convention_(std::move(convention)) {}

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const C& convention() const { return convention_; }
  /// Throws Error for a time power that is not positive or not finite.
  void configure(const CrossEntropy& loss) {
    require(std::isfinite(loss.time_power) && loss.time_power > 0, "classification: time_power is ",
            loss.time_power, "; it must be positive and finite");
    loss_ = loss;
  }

  /// The number of classes that labels may name: that of the logits.
  template <class Ops>
  [[nodiscard]] std::size_t label_classes(const nn::Network<Ops>& network) const {
    return network.output_shape().size();
  }

  template <class Ops>
  [[nodiscard]] Model<Ops> model(nn::Network<Ops>& network,
                                 std::span<const typename Ops::Scalar> parameters) const {
    return {network, parameters, sde_, convention_};
  }

  /// As in Objective. Throws Error unless every sample has a class.
  template <class M, class W, State X>
  double forward_backward(M& model, const X& x0, const TrainingDraws& draws, W& work, double share,
                          std::span<typename M::Scalar> gradient) const {
    const std::size_t samples = extents(x0).samples, classes = model.classes();
    require(model.labels().size() == samples, "classification: ", model.labels().size(),
            " labels for ", samples, " samples; there must be one per sample");
    perturb(x0, draws, work);
    model.set_dropout(draws.dropout());
    work.logits.resize(samples * classes);
    model.logits(work.perturbed, std::span<const double>(work.times), work.logits);
    double loss = 0;
    for (std::size_t k = 0; k < samples; ++k)
      loss +=
          cross_entropy(std::span(work.logits).subspan(k * classes, classes), model.labels()[k]);
    for (double& value : work.logits) value *= share / static_cast<double>(samples);
    model.backward(work.logits, gradient);
    return loss / static_cast<double>(samples);
  }

  /// One time per sample of a batch, as forward_backward draws them.
  void draw_times(const TrainingDraws& draws, std::span<double> times) const {
    for (std::size_t k = 0; k < times.size(); ++k)
      times[k] = loss_.noised ? sde_.t_min() + quantile(uniform(draws.time(), k, 0)) *
                                                   (sde_.t_max() - sde_.t_min())
                              : 0;
  }
  /// Of a sample at time t.
  [[nodiscard]] ClassificationTerms terms(double t) const {
    const MarginalProb p = marginal(t);
    double scale = 1;
    if constexpr (scales_input) scale = convention_.input_scale(sde_, t);
    return {p.mean, p.std, convention_.label(sde_, t), scale};
  }

 private:
  [[nodiscard]] double quantile(double u) const {
    return loss_.time_power == 1 ? u : std::pow(u, loss_.time_power);
  }
  [[nodiscard]] MarginalProb marginal(double t) const {
    return loss_.noised ? sde_.marginal_prob(t) : MarginalProb{1, 0};
  }
  template <class X, class W>
  void perturb(const X& x0, const TrainingDraws& draws, W& work) const {
    draw_times(draws, work.times);
    for (std::size_t k = 0; k < work.times.size(); ++k) {
      const MarginalProb p = marginal(work.times[k]);
      work.means[k] = p.mean;
      work.stds[k] = p.std;
    }
    assign(work.perturbed, {{work.means, x0}}, {work.stds, draws.noise()});
  }

  S sde_;
  C convention_;
  CrossEntropy loss_{};
};

}  // namespace scoresde
