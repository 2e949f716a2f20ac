// SPDX-License-Identifier: MIT
/// Noise as a value: every normal the library draws is a pure function of its name.
///
///   z[k, e] of draw d = lane (e mod 4) of normal4(philox4x32_10({e/4, first_sample + k, d_lo,
///   d_hi}, seed))
///
/// Nothing advances, so nothing can be advanced twice, shared by two threads or differ by batch,
/// backend or resume. The stream is float32 by definition; double states take the promoted value.
/// docs/noise.md tells what is promised and publishes the hash.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <scoresde/noise/normal.hpp>
#include <scoresde/noise/philox.hpp>

namespace scoresde {

/// What a draw is for: the top byte of its index, so that streams of one seed never meet.
enum class Purpose : std::uint8_t {
  sampling = 0,
  training_time = 1,
  training_noise = 2,
  dropout = 3,
  data = 4,            ///< shuffling, flips, dequantisation
  probe = 5,           ///< Hutchinson's trace estimator
  initialization = 6,  ///< parameters of a network
  brownian = 7         ///< nodes of a Brownian tree
};

/// The name of one N(0, I) tensor; it stores none.
struct NoiseDraw {
  std::uint64_t seed = 0;
  std::uint64_t index = 0;  ///< purpose in the top byte
  std::uint32_t first_sample = 0;
};

/// The name of an endless family of draws. Sample k of a batch is picture first_sample + k.
struct Noise {
  std::uint64_t seed = 0;
  std::uint32_t first_sample = 0;
  Purpose purpose = Purpose::sampling;

  /// Draw `index`, index < 2⁵⁶. Samplers use draw 0 for the prior and count up from 1.
  [[nodiscard]] constexpr NoiseDraw draw(std::uint64_t index) const {
    return {seed, (std::uint64_t(purpose) << 56) | (index & 0x00ff'ffff'ffff'ffffull),
            first_sample};
  }
};

/// The four random words that belong to elements 4·quad … 4·quad + 3 of sample k of the batch.
SCORESDE_HOST_DEVICE constexpr PhiloxBlock noise_words(NoiseDraw draw, std::uint32_t sample,
                                                       std::uint32_t quad) {
  return philox4x32_10({{quad, draw.first_sample + sample, static_cast<std::uint32_t>(draw.index),
                         static_cast<std::uint32_t>(draw.index >> 32)}},
                       draw.seed);
}

/// The random word of one element.
constexpr std::uint32_t noise_word(NoiseDraw draw, std::size_t sample, std::size_t element) {
  return noise_words(draw, static_cast<std::uint32_t>(sample),
                     static_cast<std::uint32_t>(element / 4))
      .word[element % 4];
}

/// A uniform number in (0, 1) for one element, with 32 bits: (word + ½)·2⁻³².
constexpr double uniform(NoiseDraw draw, std::size_t sample, std::size_t element) {
  return (static_cast<double>(noise_word(draw, sample, element)) + 0.5) * 0x1p-32;
}

namespace detail {

/// 4·quads normals of one sample from element 4·first_quad on. Structure-of-arrays tiles of 64
/// counters, so that compilers vectorise rounds, logarithm and sine across counters.
inline void normal_quads(NoiseDraw draw, std::uint32_t sample, std::uint32_t first_quad,
                         std::size_t quads, float* z) {
  constexpr std::size_t tile = 64;
  alignas(64) std::uint32_t c0[tile], c1[tile], c2[tile], c3[tile];
  alignas(64) float z0[tile], z1[tile], z2[tile], z3[tile];
  for (std::size_t done = 0; done < quads; done += tile) {
    const std::size_t count = std::min(tile, quads - done);
    for (std::size_t i = 0; i < count; ++i) {
      const PhiloxBlock b =
          noise_words(draw, sample, static_cast<std::uint32_t>(first_quad + done + i));
      c0[i] = b.word[0];
      c1[i] = b.word[1];
      c2[i] = b.word[2];
      c3[i] = b.word[3];
    }
    for (std::size_t i = 0; i < count; ++i) box_muller(c0[i], c1[i], z0[i], z1[i]);
    for (std::size_t i = 0; i < count; ++i) box_muller(c2[i], c3[i], z2[i], z3[i]);
    float* out = z + 4 * done;
    for (std::size_t i = 0; i < count; ++i) {
      out[4 * i] = z0[i];
      out[4 * i + 1] = z1[i];
      out[4 * i + 2] = z2[i];
      out[4 * i + 3] = z3[i];
    }
  }
}

}  // namespace detail

/// Writes elements first_element, first_element + 1, … of sample k of the draw into `z`.
inline void fill_normal(std::span<float> z, NoiseDraw draw, std::size_t sample,
                        std::size_t first_element) {
  const auto k = static_cast<std::uint32_t>(sample);
  std::size_t done = 0;
  const auto partial = [&](std::size_t element, std::size_t count) {
    float quad[4];
    detail::normal_quads(draw, k, static_cast<std::uint32_t>(element / 4), 1, quad);
    std::copy_n(quad + element % 4, count, z.data() + done);
    done += count;
  };
  if (const std::size_t lane = first_element % 4; lane != 0 && !z.empty())
    partial(first_element, std::min(4 - lane, z.size()));
  const std::size_t quads = (z.size() - done) / 4;
  detail::normal_quads(draw, k, static_cast<std::uint32_t>((first_element + done) / 4), quads,
                       z.data() + done);
  done += 4 * quads;
  if (done < z.size()) partial(first_element + done, z.size() - done);
}

}  // namespace scoresde
