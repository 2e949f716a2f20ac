// SPDX-License-Identifier: MIT
/// Sums over the threads of a block whose bits depend on nothing but the values.
///
///   warp:  v ← v + v(lane xor 16), then 8, 4, 2, 1        block:  Σ over the warps, in their order
///
/// Addition commutes, so after the exchanges all lanes of a warp hold the same bits; the warps are
/// then added in ascending order by every thread.
#pragma once

#include <scoresde/cuda/kernels/block.hpp>

namespace scoresde::cuda {

/// Σ value over the warp, the same in all its threads.
template <class Block, class T>
SCORESDE_DEVICE T warp_sum(Block& block, T value) {
  for (unsigned mask = warp_size / 2; mask > 0; mask /= 2) value += block.shuffle_xor(value, mask);
  return value;
}

/// Σ value over the block, the same in all its threads. `scratch` holds an element for each warp
/// and is free again when this returns.
template <class Block, class T>
SCORESDE_DEVICE T block_sum(Block& block, T value, typename Block::template Shared<T> scratch) {
  value = warp_sum(block, value);
  if (block.lane() == 0) scratch[block.warp()] = value;
  block.sync();
  T sum = scratch[0];
  for (unsigned warp = 1; warp < block.threads() / warp_size; ++warp) sum += scratch[warp];
  block.sync();
  return sum;
}

}  // namespace scoresde::cuda
