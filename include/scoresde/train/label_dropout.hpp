// SPDX-License-Identifier: MIT
/// Label dropout: some samples of a batch are trained without their class.
///
///   label[k] = no_class where u[k] < rate, else class[k],   u[k] ~ U(0, 1)
///
/// Ho and Salimans 2022 (arXiv:2207.12598), algorithm 1: one network then models both scores needed
/// by classifier-free guidance (score/guidance.hpp). 0.1 and 0.2 are the paper's best rates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <scoresde/error.hpp>
#include <scoresde/loss/training_draws.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/noise/noise.hpp>

namespace scoresde {

/// Writes the classes of a batch by the equation above, for a network of `count` classes; u[k] is
/// the uniform number of element 0 of sample k of the draw. Throws Error unless there is one class,
/// or no_class, per sample, and none for an unconditional network.
inline void drop_labels(std::span<const std::uint32_t> classes, std::size_t count, double rate,
                        const TrainingDraws& draws, std::span<std::uint32_t> conditioning) {
  const std::size_t wanted = count > 0 ? conditioning.size() : 0;
  require(classes.size() == wanted, "training: ", classes.size(), " classes for ",
          conditioning.size(), " images; a network of ", count, " classes requires ", wanted);
  for (const std::uint32_t c : classes)
    require(c < count || c == nn::no_class, "training: a class is ", c, "; it must be below ",
            count, " or no_class");
  const NoiseDraw draw = draws.label_dropout();
  for (std::size_t k = 0; k < classes.size(); ++k)
    conditioning[k] = uniform(draw, k, 0) < rate ? nn::no_class : classes[k];
}

}  // namespace scoresde
