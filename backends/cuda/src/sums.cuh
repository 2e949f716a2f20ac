// SPDX-License-Identifier: MIT
/// Sums per sample, over one chunk or many.
#pragma once

#include <cstddef>

#include <scoresde/cuda/kernels/sum_kernel.hpp>

#include "enqueue.cuh"

namespace scoresde::cuda {

/// Bytes of scratch that enqueue_sum takes for `sums` numbers per sample.
inline std::size_t sum_bytes(QuadShape shape, unsigned sums) {
  const unsigned chunks = sum_chunks(shape);
  const std::size_t rows = std::size_t{sums} * shape.samples;
  return rows * (chunks + (chunks > 1)) * sizeof(double);
}

/// Puts the sums into the stream; returns where they will lie in the scratch, sum s of sample k at
/// s·samples + k.
template <class Quantity>
const double* enqueue_sum(const Context& context, QuadShape shape, const Quantity& quantity,
                          SumFinish finish, double* scratch) {
  const unsigned chunks = sum_chunks(shape);
  enqueue(context, SumKernel<Quantity>{shape, chunks, quantity, finish, scratch}, "a sum");
  if (chunks == 1) return scratch;
  const unsigned rows = Quantity::sums * shape.samples;
  double* const out = scratch + std::size_t{rows} * chunks;
  enqueue(context, ChunkSumKernel{scratch, out, rows, chunks, shape.dim, finish}, "a sum of sums");
  return out;
}

}  // namespace scoresde::cuda
