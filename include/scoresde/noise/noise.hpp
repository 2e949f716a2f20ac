// SPDX-License-Identifier: MIT
/// Noise as a value: every normal in the library is a pure function of its name.
///
///   z[k, e] of draw d = lane (e mod 4) of
///     normal4(philox4x32_10({e/4, first_sample + k, d_lo, d_hi}, seed))
///
/// There is no generator state, so results do not depend on threads, batch size, backend or
/// resuming. The stream is float32 by definition; double states hold the promoted values.
/// docs/noise.md specifies the guarantees and publishes the hash.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include <scoresde/fma.hpp>
#include <scoresde/host_device.hpp>
#include <scoresde/noise/normal.hpp>
#include <scoresde/noise/normal_tile.hpp>
#include <scoresde/noise/philox.hpp>

namespace scoresde {

/// What a draw is for: the top byte of its index, which keeps the streams of one seed disjoint.
enum class Purpose : std::uint8_t {
  sampling = 0,
  training_time = 1,
  training_noise = 2,
  dropout = 3,
  data = 4,            ///< shuffling, flips, dequantization
  probe = 5,           ///< Hutchinson trace estimator
  initialization = 6,  ///< network parameters
  brownian = 7,        ///< Brownian tree nodes
  label_dropout = 8,   ///< which samples lose their class label
  held_out = 9         ///< noise and times of a held-out loss
};

/// The name of one N(0, I) tensor; the values are not stored.
struct NoiseDraw {
  std::uint64_t seed = 0;
  std::uint64_t index = 0;  ///< Purpose in the top byte
  std::uint32_t first_sample = 0;
};

/// The name of an unbounded sequence of draws. Sample k of a batch is image first_sample + k.
struct Noise {
  std::uint64_t seed = 0;
  std::uint32_t first_sample = 0;
  Purpose purpose = Purpose::sampling;

  /// Draw `index`, index < 2⁵⁶. Samplers use draw 0 for the prior and count up from 1.
  [[nodiscard]] SCORESDE_HOST_DEVICE constexpr NoiseDraw draw(std::uint64_t index) const {
    return {seed, (std::uint64_t(purpose) << 56) | (index & 0x00ff'ffff'ffff'ffffull),
            first_sample};
  }
};

/// The counter of elements 4·quad … 4·quad + 3 of sample k of the batch.
SCORESDE_HOST_DEVICE constexpr PhiloxBlock noise_counter(NoiseDraw draw, std::uint32_t sample,
                                                         std::uint32_t quad) {
  return {{quad, draw.first_sample + sample, static_cast<std::uint32_t>(draw.index),
           static_cast<std::uint32_t>(draw.index >> 32)}};
}

/// The four random words of these elements.
SCORESDE_HOST_DEVICE constexpr PhiloxBlock noise_words(NoiseDraw draw, std::uint32_t sample,
                                                       std::uint32_t quad) {
  return philox4x32_10(noise_counter(draw, sample, quad), draw.seed);
}

/// The random word of one element.
constexpr std::uint32_t noise_word(NoiseDraw draw, std::size_t sample, std::size_t element) {
  return noise_words(draw, static_cast<std::uint32_t>(sample),
                     static_cast<std::uint32_t>(element / 4))
      .word[element % 4];
}

/// A uniform number in (0, 1) with 32 bits: (word + ½)·2⁻³².
SCORESDE_HOST_DEVICE constexpr double uniform(std::uint32_t word) {
  return (static_cast<double>(word) + 0.5) * 0x1p-32;
}
/// That of one element.
constexpr double uniform(NoiseDraw draw, std::size_t sample, std::size_t element) {
  return uniform(noise_word(draw, sample, element));
}

namespace detail {

/// The elements of a draw that are still to be written, in memory order.
struct NormalCursor {
  NoiseDraw draw;
  std::size_t dim, sample, element, left;

  [[nodiscard]] PhiloxBlock counter() const {
    return noise_counter(draw, static_cast<std::uint32_t>(sample),
                         static_cast<std::uint32_t>(element / 4));
  }
  /// The number of these elements in the current sample.
  [[nodiscard]] std::size_t run() const { return std::min(left, dim - element); }
  /// The number of these elements in the current counter, whose lane element % 4 comes next.
  [[nodiscard]] std::size_t piece() const { return std::min(run(), 4 - element % 4); }
  void pass(std::size_t count) {
    left -= count;
    element += count;
    if (element == dim) element = 0, ++sample;
  }
};

/// Writes the normals of one counter; returns the end of the output.
SCORESDE_ALWAYS_INLINE float* write_piece(NormalCursor& cursor, float* z) {
  const auto [w] = philox4x32_10(cursor.counter(), cursor.draw.seed);
  float normal[4];
  box_muller(w[0], w[1], normal[0], normal[1]);
  box_muller(w[2], w[3], normal[2], normal[3]);
  const std::size_t lane = cursor.element % 4, count = cursor.piece();
  cursor.pass(count);
  return std::copy_n(normal + lane, count, z);
}

/// The same for up to 64 counters, which may span samples.
SCORESDE_ALWAYS_INLINE float* write_pieces(NormalCursor& cursor, float* z) {
  NormalTile tile;
  std::size_t lane[NormalTile::counters], count[NormalTile::counters], pieces = 0;
  for (; pieces < NormalTile::counters && cursor.left > 0; ++pieces) {
    tile.set(pieces, cursor.counter());
    lane[pieces] = cursor.element % 4;
    count[pieces] = cursor.piece();
    cursor.pass(count[pieces]);
  }
  // Each piece is copied as four floats; the next piece overwrites those beyond its count.
  float normal[NormalTile::size + 4], packed[NormalTile::size + 4];
  std::fill_n(normal + NormalTile::size, 4, 0.0f);
  tile.write(cursor.draw.seed, normal);
  std::size_t end = 0;
  for (std::size_t i = 0; i < pieces; end += count[i++])
    std::copy_n(normal + 4 * i + lane[i], 4, packed + end);
  return std::copy_n(packed, end, z);
}

/// The same for 256 elements of one sample, the first in lane 0.
SCORESDE_ALWAYS_INLINE float* write_tile(NormalCursor& cursor, float* z) {
  NormalTile tile;
  tile.set_row(cursor.counter());
  tile.write(cursor.draw.seed, z);
  cursor.pass(NormalTile::size);
  return z + NormalTile::size;
}

/// Writes all remaining elements to z.
[[gnu::noinline]] inline void write_normals(NormalCursor cursor, float* z) {
  // For so few counters, a tile costs more than writing them one by one.
  const bool few = cursor.left <= 8 * std::min<std::size_t>(cursor.dim, 4);
  with_hardware_fma([few, cursor, z]() mutable {
    while (cursor.left > 0)
      z = few                                                           ? write_piece(cursor, z)
          : cursor.element % 4 == 0 && cursor.run() >= NormalTile::size ? write_tile(cursor, z)
                                                                        : write_pieces(cursor, z);
  });
}

}  // namespace detail

/// Writes elements first_element, first_element + 1, … of sample k of the draw into `z`.
inline void fill_normal(std::span<float> z, NoiseDraw draw, std::size_t sample,
                        std::size_t first_element) {
  constexpr std::size_t endless = std::numeric_limits<std::size_t>::max();
  detail::write_normals({draw, endless, sample, first_element, z.size()}, z.data());
}

/// Writes the draw into `z` from flat index `first` on, for samples of `dim` elements: z[i] is
/// element (first + i) mod dim of sample ⌊(first + i)/dim⌋.
inline void fill_normal_flat(std::span<float> z, NoiseDraw draw, std::size_t dim,
                             std::size_t first) {
  detail::write_normals({draw, dim, first / dim, first % dim, z.size()}, z.data());
}

}  // namespace scoresde
