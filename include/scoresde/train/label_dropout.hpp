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

#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/noise/noise.hpp>

namespace scoresde {

/// Writes the labels of the equation above, one per class; u[k] is the uniform number of element 0
/// of sample k of the draw.
inline void drop_labels(std::span<const std::uint32_t> classes, double rate, NoiseDraw draw,
                        std::span<std::uint32_t> conditioning) {
  for (std::size_t k = 0; k < classes.size(); ++k)
    conditioning[k] = uniform(draw, k, 0) < rate ? nn::no_class : classes[k];
}

}  // namespace scoresde
