// SPDX-License-Identifier: MIT
/// Deterministic warp and block sums: the order of additions is fixed.
///
///   warp:  v ← v + v(lane xor 16), then 8, 4, 2, 1        block:  Σ over warps, ascending
///
/// Addition commutes, so all lanes of a warp end with bit-identical sums; every thread then adds
/// the warps' sums in ascending order.
#pragma once

#include "kernels/block.hpp"

namespace scoresde::cuda {

/// Σ value over the warp, returned to all its threads.
template <class Block, class T>
SCORESDE_DEVICE T warp_sum(Block& block, T value) {
  for (unsigned mask = warp_size / 2; mask > 0; mask /= 2) value += block.shuffle_xor(value, mask);
  return value;
}

/// Σ value over the block, returned to all its threads. `scratch` holds one element per warp and
/// may be reused on return.
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
