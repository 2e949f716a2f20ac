// SPDX-License-Identifier: MIT
/// Per-sample sums over elements, in double.
///
///   out[s, k] ← finish(Σ_q quantity_s(k, q))      q: groups of four elements of sample k
///
/// A block sums 2048 groups of one sample; for larger samples a second kernel adds the partial sums
/// in order. Samples of up to 128 groups are summed by one warp each. The order of additions
/// depends only on dim: results are bit-identical in any batch, at any position and in every run.
#pragma once

#include <cstddef>

#include "kernels/block_sum.hpp"
#include "kernels/float4.hpp"

namespace scoresde::cuda {

/// Applied to the sum S: S, √S, √(S/dim).
enum class SumFinish : unsigned { sum, root, root_mean };

SCORESDE_DEVICE inline double finished(double sum, unsigned dim, SumFinish finish) {
  if (finish == SumFinish::sum) return sum;
  return sqrt(finish == SumFinish::root ? sum : sum / static_cast<double>(dim));
}

inline constexpr unsigned chunk_float4s = 2048, warp_float4s = 128;

/// Chunks per sample, at least 1.
constexpr unsigned sum_chunks(Float4Shape shape) {
  return shape.float4s() <= chunk_float4s ? 1 : (shape.float4s() - 1) / chunk_float4s + 1;
}

/// Quantity::sums numbers per sample: quantity(shape, sample, quad, sum) adds the contribution of
/// four elements to each. Chunk c of sum s of sample k is written to
/// out[(s·samples + k)·chunks + c]; `finish` is applied if there is only one chunk.
template <class Quantity>
struct SumKernel {
  static constexpr unsigned threads = 256;

  Float4Shape shape;
  unsigned chunks;
  Quantity quantity;
  SumFinish finish;
  double* out;

  [[nodiscard]] GridSize grid() const {
    constexpr unsigned warps = threads / warp_size;
    return {.x = by_warps() ? (shape.samples + warps - 1) / warps : shape.samples * chunks};
  }
  [[nodiscard]] unsigned shared_bytes() const { return shared_size<double>(threads / warp_size); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    if (by_warps())
      sum_by_warp(block);
    else
      sum_by_block(block);
  }

 private:
  [[nodiscard]] SCORESDE_HOST_DEVICE bool by_warps() const {
    return shape.float4s() <= warp_float4s;
  }

  template <class Block>
  SCORESDE_DEVICE void sum_by_warp(Block& block) const {
    const unsigned sample = block.index().x * (threads / warp_size) + block.warp();
    if (sample >= shape.samples) return;
    double sum[Quantity::sums] = {};
    for (unsigned at4 = block.lane(); at4 < shape.float4s(); at4 += warp_size)
      quantity(shape, sample, at4, sum);
    for (unsigned s = 0; s < Quantity::sums; ++s) {
      const double total = warp_sum(block, sum[s]);
      if (block.lane() == 0)
        out[std::size_t{s} * shape.samples + sample] = finished(total, shape.dim, finish);
    }
  }

  template <class Block>
  SCORESDE_DEVICE void sum_by_block(Block& block) const {
    auto scratch = block.template shared<double>(threads / warp_size);
    const unsigned sample = block.index().x / chunks, chunk = block.index().x % chunks;
    const unsigned begin = chunk * chunk_float4s, left = shape.float4s() - begin;
    const unsigned end = begin + (left < chunk_float4s ? left : chunk_float4s);
    double sum[Quantity::sums] = {};
    for (unsigned at4 = begin + block.thread(); at4 < end; at4 += threads)
      quantity(shape, sample, at4, sum);
    for (unsigned s = 0; s < Quantity::sums; ++s) {
      const double total = block_sum(block, sum[s], scratch);
      if (block.thread() == 0)
        out[(std::size_t{s} * shape.samples + sample) * chunks + chunk] =
            chunks == 1 ? finished(total, shape.dim, finish) : total;
    }
  }
};

/// out[i] ← finish(Σ_c partial[i·chunks + c]) for i < count.
struct ChunkSumKernel {
  static constexpr unsigned threads = 128;

  const double* partial;
  double* out;
  unsigned count, chunks, dim;
  SumFinish finish;

  [[nodiscard]] GridSize grid() const { return {.x = (count + threads - 1) / threads}; }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const unsigned i = thread_of_row<threads>(block);
    if (i >= count) return;
    double sum = 0;
    for (unsigned c = 0; c < chunks; ++c) sum += partial[std::size_t{i} * chunks + c];
    out[i] = finished(sum, dim, finish);
  }
};

}  // namespace scoresde::cuda
