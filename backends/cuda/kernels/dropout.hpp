// SPDX-License-Identifier: MIT
/// Inverted dropout with the library's counter-based noise, channels-last.
///
///   y ← or += x/(1 − rate) where uniform(draw, n, e) ≥ rate, else 0        e = (c·H + h)·W + w
///
/// Srivastava et al. 2014. The mask is indexed by (C, H, W) independently of the memory layout, so
/// it is the same in every backend. A Philox counter covers four consecutive pixels of a channel: a
/// thread processes a 128-bit vector of channels at four pixels, and uses every generated word if
/// the number of pixels is a multiple of four.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/detail/device_draw.hpp>
#include <scoresde/nn/graph/ops.hpp>

#include "kernels/block.hpp"
#include "kernels/vec128.hpp"

namespace scoresde::cuda {

/// The smallest word with (word + ½)·2⁻³² ≥ rate; 2³² if there is none.
[[nodiscard]] inline std::uint64_t dropout_threshold(double rate) {
  const double words = rate * 0x1p32;
  auto word = static_cast<std::uint64_t>(words);
  if (static_cast<double>(word) + 0.5 < words) ++word;
  return word;
}

template <class T>
struct Dropout {
  static constexpr unsigned threads = 256;
  static constexpr unsigned at4 = 4;  ///< pixels per thread, elements per counter

  std::uint32_t samples, pixels, channels;
  bool whole;
  std::uint64_t threshold;
  float scale;
  detail::DeviceDraw draw;
  const T* x;
  nn::Gradient<T> y;

  /// `rate` must be in [0, 1).
  [[nodiscard]] static Dropout of(const nn::Shape& s, bool whole, double rate,
                                  const detail::DeviceDraw& draw, const T* x, nn::Gradient<T> y) {
    return {static_cast<std::uint32_t>(s.n),
            static_cast<std::uint32_t>(s.pixels()),
            static_cast<std::uint32_t>(s.c),
            whole,
            dropout_threshold(rate),
            static_cast<float>(1 / (1 - rate)),
            draw,
            x,
            y};
  }
  [[nodiscard]] GridSize grid() const {
    return {(float4s() * vecs<T>(channels) + threads - 1) / threads, samples};
  }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const std::uint32_t i = thread_of_row<threads>(block);
    const std::uint32_t across = vecs<T>(channels), n = block.index().y;
    if (i / across >= float4s()) return;
    const std::uint32_t first = i / across * at4, channel = i % across * lanes<T>;
    const std::uint32_t left = channels - channel;
    const unsigned count = left < lanes<T> ? left : lanes<T>;
    const NoiseDraw now = draw.now();
    std::uint32_t kept = 0;  // bit 4c + p: channel c of the vector at pixel p
    SCORESDE_UNROLL(lanes<T>)
    for (unsigned c = 0; c < lanes<T>; ++c)
      if (c < count) kept |= kept_pixels(now, n, (channel + c) * pixels + first) << (at4 * c);
    const std::size_t begin = (std::size_t{n} * pixels + first) * channels + channel;
    with_extent(whole, count, [&](auto extent) {
      SCORESDE_UNROLL(at4)
      for (unsigned p = 0; p < at4; ++p) {
        if (first + p >= pixels) break;
        const std::size_t at = begin + std::size_t{p} * channels;
        VecF32<T> value = load(x + at, extent);
        for (unsigned c = 0; c < lanes<T>; ++c)
          value[c] = (kept >> (at4 * c + p) & 1u) != 0 ? value[c] * scale : 0.0f;
        store(y.data + at, value, extent, y.accumulate);
      }
    });
  }

 private:
  SCORESDE_HOST_DEVICE std::uint32_t float4s() const { return (pixels + at4 - 1) / at4; }

  /// Bit p is set if element e + p is kept.
  SCORESDE_DEVICE std::uint32_t kept_pixels(const NoiseDraw& now, std::uint32_t n,
                                            std::uint32_t e) const {
    const unsigned shift = e % 4;
    const PhiloxBlock words = noise_words(now, n, e / 4);
    // VecF32 4 … 7 are lanes 0 … 3 of the next counter.
    const PhiloxBlock next = shift == 0 ? words : noise_words(now, n, e / 4 + 1);
    std::uint32_t kept = 0;
    for (unsigned lane = 0; lane < 2 * at4; ++lane) {
      const std::uint32_t word = lane < 4 ? words.word[lane] : next.word[lane - 4];
      const std::uint32_t bit = word >= threshold ? 1u : 0u;
      kept |= bit << lane;
    }
    return kept >> shift & 0xfu;
  }
};

}  // namespace scoresde::cuda
