// SPDX-License-Identifier: MIT
/// Objective: what a step of training minimizes.
///
///   loss = (1/B) Σₖ lossₖ(θ),   gradient ← gradient + ∇θ loss
///
/// An objective is a value: it evaluates a network through a model of its own and names every
/// random number by TrainingDraws. Score matching is the instance of train/score_matching.hpp.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include <scoresde/loss/training_draws.hpp>
#include <scoresde/model/model_ops.hpp>
#include <scoresde/nn/runtime/network.hpp>

namespace scoresde {

/// The network as an objective evaluates it, and the objective's memory for a batch.
template <class O, class Ops>
using ObjectiveModel = typename O::template Model<Ops>;
template <class O, class Ops>
using ObjectiveWorkspace = typename O::template Workspace<Ops>;

/// O::Loss holds its settings; an ObjectiveWorkspace is made of a batch. forward_backward adds
/// share·∇θ of the mean loss of the batch x0 to `gradient` and returns that mean; `share` is the
/// batch's fraction of a larger one.
template <class O, class Ops>
concept Objective = std::copyable<O> &&
    requires(O& objective, const O& constant, const typename O::Loss& loss,
             nn::Network<Ops>& network, std::span<const typename Ops::Scalar> parameters,
             ObjectiveModel<O, Ops>& model, const typename Ops::State& x0,
             const TrainingDraws& draws, ObjectiveWorkspace<O, Ops>& work, double share,
             std::span<typename Ops::Scalar> gradient, std::span<const std::uint32_t> classes) {
  objective.configure(loss);
  { constant.template model<Ops>(network, parameters) } -> std::same_as<ObjectiveModel<O, Ops>>;
  ObjectiveWorkspace<O, Ops>(x0);
  model.set_classes(classes);
  { constant.forward_backward(model, x0, draws, work, share, gradient) } -> std::same_as<double>;
};

/// The number of classes of the labels that a step takes: those that the objective predicts, where
/// it has label_classes(network), or that the network is conditioned on; 0: there are no labels.
template <class O, class Ops>
[[nodiscard]] std::size_t label_classes(const O& objective, const nn::Network<Ops>& network) {
  if constexpr (requires { objective.label_classes(network); })
    return objective.label_classes(network);
  else
    return network.classes();
}

/// Everything that depends on the time of one sample where the loss is E[ w·‖r‖² ] with the
/// residual r = state·x_t + output·F + z of x_t = mean·x_0 + std·z: a table that a backend can
/// compute a step from, with its own kernels.
struct ResidualTerms {
  double mean, std, state, output, weight;
  double label;        ///< the network is conditioned on it
  double input_scale;  ///< factor of the network's input
};

/// An objective of this form. draw_times names one time per sample.
template <class O>
concept ResidualObjective = requires(const O& objective, const TrainingDraws& draws,
                                     std::span<double> times, double t, std::size_t dim) {
  objective.draw_times(draws, times);
  { objective.terms(t, dim) } -> std::same_as<ResidualTerms>;
  { O::scales_input } -> std::convertible_to<bool>;
};

/// Everything that depends on the time of one sample where the loss is the cross-entropy of the
/// network's logits at x_t = mean·x_0 + std·z.
struct ClassificationTerms {
  double mean, std;
  double label;        ///< the network is conditioned on it
  double input_scale;  ///< factor of the network's input
};

/// An objective of this form. draw_times names one time per sample.
template <class O>
concept CrossEntropyObjective = requires(const O& objective, const TrainingDraws& draws,
                                         std::span<double> times, double t) {
  objective.draw_times(draws, times);
  { objective.terms(t) } -> std::same_as<ClassificationTerms>;
  { O::scales_input } -> std::convertible_to<bool>;
};

}  // namespace scoresde
