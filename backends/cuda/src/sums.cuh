// SPDX-License-Identifier: MIT
/// Per-sample sums, in one or several chunks.
#pragma once

#include <cstddef>

#include "enqueue.cuh"
#include "kernels/sum_kernel.hpp"

namespace scoresde::cuda {

/// Scratch size in bytes of enqueue_sum for `sums` numbers per sample.
inline std::size_t sum_bytes(Float4Shape shape, unsigned sums) {
  const unsigned chunks = sum_chunks(shape);
  const std::size_t rows = std::size_t{sums} * shape.samples;
  return rows * (chunks + (chunks > 1)) * sizeof(double);
}

/// Enqueues the sums; returns their location in the scratch, sum s of sample k at s·samples + k.
template <class Quantity>
const double* enqueue_sum(const Context& context, Float4Shape shape, const Quantity& quantity,
                          SumFinish finish, double* scratch) {
  const unsigned chunks = sum_chunks(shape);
  enqueue(context, SumKernel<Quantity>{shape, chunks, quantity, finish, scratch}, "a sum");
  if (chunks == 1) return scratch;
  const unsigned rows = Quantity::sums * shape.samples;
  double* const out = scratch + std::size_t{rows} * chunks;
  enqueue(context, ChunkSumKernel{scratch, out, rows, chunks, shape.dim, finish},
          "a sum of partial sums");
  return out;
}

}  // namespace scoresde::cuda
