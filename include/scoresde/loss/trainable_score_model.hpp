// SPDX-License-Identifier: MIT
/// TrainableScoreModel: a score model with trainable parameters.
///
///   gradient ← gradient + Σₖ vₖᵀ ∂F(xₖ, tₖ)/∂θ
///
/// for the batch of the last evaluation with a time per sample. Parameters and gradient are flat
/// buffers with the same layout.
#pragma once

#include <concepts>
#include <span>

#include <scoresde/noise/noise.hpp>
#include <scoresde/score/score_model.hpp>

namespace scoresde {

/// evaluate(x, times, output), then backward(v, gradient) with v of the extents of x. x must not
/// change between the two. set_dropout names the masks of subsequent evaluations.
template <class M, class X>
concept TrainableScoreModel = PerSampleScoreModel<M, X> &&
    requires(M& model, const M& constant, const X& v, std::span<typename M::Scalar> gradient,
             NoiseDraw dropout) {
  { constant.parameters() } -> std::convertible_to<std::span<const typename M::Scalar>>;
  { model.set_dropout(dropout) } -> std::same_as<void>;
  { model.backward(v, gradient) } -> std::same_as<void>;
};

}  // namespace scoresde
