// SPDX-License-Identifier: MIT
/// Transposes planes to channels-last order, for sums over pixels.
#pragma once

#include <cstddef>

#include <scoresde/eigen/detail/tile.hpp>

namespace scoresde::eigen::detail {

#if defined(__GNUC__) && !defined(__clang__)
// Vector types lose their aliasing attribute as template arguments; PacketBlock does not need it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"
#endif

/// to[pixel, c] ← x[c, pixel] for c < Width, zero for c ≥ `channels`. Width is a multiple of the
/// number of lanes.
template <class T, std::size_t Width>
void transpose_channels(const T* x, std::size_t plane, std::size_t channels, std::size_t pixels,
                        T* to) {
  constexpr std::size_t side = lanes<T>;
  for (std::size_t c = 0; c < Width; c += side) {
    std::size_t p = 0;
    for (; c + side <= channels && p + side <= pixels; p += side) {
      packets::PacketBlock<Packet<T>, static_cast<int>(lanes<T>)> block;
      for (std::size_t r = 0; r < side; ++r)
        block.packet[r] = packets::ploadu<Packet<T>>(x + (c + r) * plane + p);
      packets::ptranspose(block);
      for (std::size_t r = 0; r < side; ++r)
        packets::pstoreu(to + (p + r) * Width + c, block.packet[r]);
    }
    for (; p < pixels; ++p)
      for (std::size_t r = 0; r < side; ++r)
        to[p * Width + c + r] = c + r < channels ? x[(c + r) * plane + p] : T(0);
  }
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

}  // namespace scoresde::eigen::detail
