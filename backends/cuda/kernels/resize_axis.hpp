// SPDX-License-Identifier: MIT
/// Resizing along one axis by the rules of scoresde/resize.hpp.
///
///   y[o, j, i] ← Σ_k w_k x[o, first + k, i], clipped to [lowest, highest]
///
/// For columns of channels-last images o counts rows of all samples and i channels; for rows o
/// counts samples and i the values of a row. Each thread computes one value.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/bfloat16.hpp>
#include <scoresde/resize.hpp>

#include "kernels/block.hpp"

namespace scoresde::cuda {

/// From and To are float or Bfloat16; sums are as in float.
template <class From, class To>
struct ResizeAxis {
  static constexpr unsigned threads = 256;

  ResizeRule rule;
  std::uint32_t outer, inputs, outputs, inner;
  float lowest, highest;
  const From* x;
  To* y;

  [[nodiscard]] std::uint64_t size() const { return std::uint64_t{outer} * outputs * inner; }
  [[nodiscard]] GridSize grid() const {
    return {static_cast<unsigned>((size() + threads - 1) / threads)};
  }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const std::uint64_t at = std::uint64_t{block.index().x} * threads + block.thread();
    const std::uint64_t line = at / inner, o = line / outputs;
    if (o >= outer) return;
    const ResizeWindow<float> window(rule, inputs, outputs, line % outputs);
    const From* const from = x + o * inputs * inner + at % inner;
    const float value = window([&](std::size_t k) { return to_float(from[k * inner]); });
    y[at] = from_float<To>(value < lowest ? lowest : value > highest ? highest : value);
  }
};

}  // namespace scoresde::cuda
