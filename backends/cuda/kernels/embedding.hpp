// SPDX-License-Identifier: MIT
/// Embeddings of time labels and classes.
///
///   positional  (sin(t ωᵢ), cos(t ωᵢ)) or (cos, sin),  ωᵢ = 10000^{−i/(h − shift)},
///               i < h = ⌊width/2⌋
///   Fourier     (sin(2π wᵢ ln σ), cos(2π wᵢ ln σ))
///   class       a row of a table; the gradient is summed over samples in order
///
/// Ho et al. 2020, arXiv:2006.11239, appendix B; Tancik et al. 2020, arXiv:2006.10739, eq. 5.
/// Angles are reduced to a fraction of a turn in double, so that labels near 1000 keep their
/// precision. Sines are those of the library's noise: bit-identical on host and device.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/bfloat16.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/noise/normal.hpp>

#include "kernels/block.hpp"

namespace scoresde::cuda {

/// Sine or cosine of 2π·turns.
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float wave_of_turns(double turns, bool cosine) {
  const double fraction = turns - std::floor(turns);
  const auto word = static_cast<std::uint32_t>(static_cast<std::uint64_t>(fraction * 0x1p32));
  float c = 0, s = 0;
  scoresde::cos_sin_of_turn(word, c, s);
  return cosine ? c : s;
}

/// Rows of `width` values, one row per sample; one value per thread.
struct EmbeddingRows {
  static constexpr unsigned threads = 128;

  std::uint32_t samples, width;

  [[nodiscard]] GridSize grid() const { return {(width + threads - 1) / threads, samples}; }
  /// Calls body(sample, value in its row, index of the value) if the thread has a value.
  template <class Block, class Body>
  SCORESDE_DEVICE void with_value(const Block& block, const Body& body) const {
    const std::uint32_t n = block.index().y, i = thread_of_row<threads>(block);
    if (i < width) body(n, i, std::size_t{n} * width + i);
  }
};

template <class T>
struct PositionalEmbedding {
  static constexpr unsigned threads = EmbeddingRows::threads;

  EmbeddingRows rows;
  double step;  ///< ln 10000/(h − shift), 0 for a single frequency
  bool cosines_first;
  const double* labels;
  T* y;

  [[nodiscard]] static PositionalEmbedding of(EmbeddingRows rows, const nn::PositionalEmbedding& op,
                                              const double* labels, T* y) {
    const std::uint32_t half = rows.width / 2;
    return {rows, half > 1 ? std::log(10000.0) / (half - op.shift) : 0.0, op.cosines_first, labels,
            y};
  }
  [[nodiscard]] GridSize grid() const { return rows.grid(); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    rows.with_value(block, [&](std::uint32_t n, std::uint32_t i, std::size_t at) {
      constexpr double turn = 6.283185307179586477;
      const std::uint32_t half = rows.width / 2, k = i < half ? i : i - half;
      const double turns = labels[n] * std::exp(-step * k) / turn;
      const float value = i < 2 * half ? wave_of_turns(turns, (i >= half) != cosines_first) : 0.0f;
      y[at] = from_float<T>(value);
    });
  }
};

template <class T>
struct FourierEmbedding {
  static constexpr unsigned threads = EmbeddingRows::threads;

  EmbeddingRows rows;
  const double* labels;
  const float* frequencies;  ///< width/2 values
  T* y;

  [[nodiscard]] GridSize grid() const { return rows.grid(); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    rows.with_value(block, [&](std::uint32_t n, std::uint32_t i, std::size_t at) {
      const std::uint32_t half = rows.width / 2, k = i < half ? i : i - half;
      const double turns = static_cast<double>(frequencies[k]) * std::log(labels[n]);
      y[at] = from_float<T>(wave_of_turns(turns, i >= half));
    });
  }
};

/// y[n] ← row classes[n] of the table, zeros for nn::no_class.
template <class T>
struct ClassEmbedding {
  static constexpr unsigned threads = EmbeddingRows::threads;

  EmbeddingRows rows;
  const std::uint32_t* classes;
  const float* table;
  T* y;

  [[nodiscard]] GridSize grid() const { return rows.grid(); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    rows.with_value(block, [&](std::uint32_t n, std::uint32_t i, std::size_t at) {
      const std::uint32_t row = classes[n];
      const float value = row == nn::no_class ? 0.0f : table[std::size_t{row} * rows.width + i];
      y[at] = from_float<T>(value);
    });
  }
};

/// dtable[classes[n]] += dy[n]; the threads of a class's first sample add all samples of the class.
template <class T>
struct ClassEmbeddingGradient {
  static constexpr unsigned threads = EmbeddingRows::threads;

  EmbeddingRows rows;
  const std::uint32_t* classes;
  const T* dy;
  float* dtable;

  [[nodiscard]] GridSize grid() const { return rows.grid(); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    rows.with_value(block, [&](std::uint32_t n, std::uint32_t i, std::size_t) {
      const std::uint32_t row = classes[n];
      if (row == nn::no_class) return;
      for (std::uint32_t m = 0; m < n; ++m)
        if (classes[m] == row) return;
      float* const to = dtable + std::size_t{row} * rows.width + i;
      float sum = *to;
      for (std::uint32_t m = n; m < rows.samples; ++m)
        if (classes[m] == row) sum += to_float(dy[std::size_t{m} * rows.width + i]);
      *to = sum;
    });
  }
};

}  // namespace scoresde::cuda
