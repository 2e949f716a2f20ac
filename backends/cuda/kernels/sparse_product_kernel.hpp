// SPDX-License-Identifier: MIT
/// The product of a sparse matrix with every sample of a batch.
///
///   out[k, i] ← Σⱼ M[i, j]·x[k, j]   in double
///
/// A warp sums a row of one sample, each lane every 32nd entry, then over the lanes in a fixed
/// order. Rows of one entry 1 are copies.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/detail/sparse_matrix.hpp>

#include "kernels/block.hpp"

namespace scoresde::cuda {

/// Pointers are device memory; out must not alias x.
template <class T>
struct SparseProduct {
  static constexpr unsigned threads = 256;
  static constexpr unsigned rows_of_block = threads / warp_size;

  detail::SparseMatrix matrix;
  unsigned samples;
  const T* x;
  T* out;

  [[nodiscard]] GridSize grid() const {
    const std::size_t products = std::size_t{samples} * matrix.rows;
    return {static_cast<unsigned>((products + rows_of_block - 1) / rows_of_block)};
  }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const std::size_t product =
        std::size_t{block.index().x} * rows_of_block + block.thread() / warp_size;
    if (product >= std::size_t{samples} * matrix.rows) return;  // all lanes of the warp
    const std::size_t sample = product / matrix.rows, row = product % matrix.rows;
    const T* const from = x + sample * matrix.columns;
    double sum = 0;
    for (std::uint32_t at = matrix.starts[row] + block.lane(); at < matrix.starts[row + 1];
         at += warp_size)
      sum += matrix.values[at] * static_cast<double>(from[matrix.indices[at]]);
    for (unsigned mask = warp_size / 2; mask > 0; mask /= 2) sum += block.shuffle_xor(sum, mask);
    if (block.lane() == 0) out[product] = static_cast<T>(sum);
  }
};

}  // namespace scoresde::cuda
