// SPDX-License-Identifier: MIT
/// Per-sample, per-channel scale and shift (FiLM), and the terms of their gradients.
///
///   y = x·(1 + s[n, c]) + b[n, c],   dx ← or += dy·(1 + s),   product ← dy·x
///
/// s and b are the first and the last c of 2c values per sample; ds and db are the sums over pixels
/// of the product and of dy. Perez et al. 2018, arXiv:1709.07871, equation 2.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/nn/graph/ops.hpp>

#include "kernels/block.hpp"
#include "kernels/concatenation.hpp"
#include "kernels/vec128.hpp"

namespace scoresde::cuda {

template <class T>
struct ScaleShift {
  static constexpr unsigned threads = 256;

  JoinedRows rows;  ///< of x; second is 0
  bool whole;       ///< rows are 16-byte aligned
  const T *x, *modulation;
  T* y;

  [[nodiscard]] GridSize grid() const { return rows.grid<T>(threads); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const T* const scales = modulation + std::size_t{block.index().y} * 2 * rows.first;
    rows.with_extent_of_vec<T, threads>(
        block, whole, [&](std::size_t row, std::uint32_t channel, auto extent) {
          const std::size_t at = row * rows.first + channel;
          VecF32<T> value = load(x + at, extent);
          const VecF32<T> scale = load(scales + channel, extent);
          const VecF32<T> shift = load(scales + rows.first + channel, extent);
          for (unsigned i = 0; i < lanes<T>; ++i) value[i] = value[i] * (1 + scale[i]) + shift[i];
          store(y + at, value, extent);
        });
  }
};

/// Either output may be null.
template <class T>
struct ScaleShiftGradient {
  static constexpr unsigned threads = 256;

  JoinedRows rows;
  bool whole;
  const T *x, *modulation, *dy;
  nn::Gradient<T> dx;
  T* product;

  [[nodiscard]] GridSize grid() const { return rows.grid<T>(threads); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const T* const scales = modulation + std::size_t{block.index().y} * 2 * rows.first;
    rows.with_extent_of_vec<T, threads>(block, whole,
                                        [&](std::size_t row, std::uint32_t channel, auto extent) {
                                          const std::size_t at = row * rows.first + channel;
                                          const VecF32<T> d = load(dy + at, extent);
                                          if (product != nullptr) {
                                            VecF32<T> value = load(x + at, extent);
                                            for (unsigned i = 0; i < lanes<T>; ++i)
                                              value[i] *= d[i];
                                            store(product + at, value, extent);
                                          }
                                          if (dx.data == nullptr) return;
                                          VecF32<T> value = load(scales + channel, extent);
                                          for (unsigned i = 0; i < lanes<T>; ++i)
                                            value[i] = d[i] * (1 + value[i]);
                                          store(dx.data + at, value, extent, dx.accumulate);
                                        });
  }
};

}  // namespace scoresde::cuda
