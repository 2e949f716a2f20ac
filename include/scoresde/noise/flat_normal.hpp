// SPDX-License-Identifier: MIT
/// Normals of a draw in the order of memory, across the borders of samples.
///
///   z[i] = element (first + i) mod dim of sample ⌊(first + i)/dim⌋
///
/// Points of low dimension use a word or two of many counters; drawing them together lets the
/// compiler vectorise across samples. The bits are those of fill_normal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <scoresde/noise/noise.hpp>

namespace scoresde {

namespace detail {

/// Pieces of memory that lie within one quad each, drawn side by side.
class QuadTile {
 public:
  static constexpr std::size_t capacity = 64;

  /// Takes at most `at_most` elements of a sample, up to the end of a quad; returns how many.
  std::size_t take(std::size_t sample, std::size_t element, std::size_t at_most) {
    sample_[size_] = static_cast<std::uint32_t>(sample);
    quad_[size_] = static_cast<std::uint32_t>(element / 4);
    lane_[size_] = static_cast<std::uint32_t>(element % 4);
    count_[size_] = static_cast<std::uint32_t>(std::min(4 - element % 4, at_most));
    return count_[size_++];
  }

  [[nodiscard]] bool full() const { return size_ == capacity; }

  /// Writes the normals of the pieces taken, one piece after the other; returns their end.
  float* write(NoiseDraw draw, float* z) {
    for (std::size_t i = 0; i < size_; ++i) {
      const PhiloxBlock b = noise_words(draw, sample_[i], quad_[i]);
      for (std::size_t j = 0; j < 4; ++j) word_[j][i] = b.word[j];
    }
    for (std::size_t j = 0; j < 4; j += 2)
      for (std::size_t i = 0; i < size_; ++i)
        box_muller(word_[j][i], word_[j + 1][i], normal_[j][i], normal_[j + 1][i]);
    for (std::size_t i = 0; i < size_; ++i)
      for (std::size_t j = 0; j < count_[i]; ++j) *z++ = normal_[lane_[i] + j][i];
    size_ = 0;
    return z;
  }

 private:
  alignas(64) std::uint32_t sample_[capacity], quad_[capacity], lane_[capacity], count_[capacity];
  alignas(64) std::uint32_t word_[4][capacity];
  alignas(64) float normal_[4][capacity];
  std::size_t size_ = 0;
};

}  // namespace detail

/// Fills z with the elements of the draw from flat index `first` on, for samples of `dim` elements.
inline void fill_normal_flat(std::span<float> z, NoiseDraw draw, std::size_t dim,
                             std::size_t first) {
  constexpr std::size_t low_dimension = 64;
  detail::QuadTile tile;
  float* out = z.data();
  float* const end = out + z.size();
  std::size_t taken = 0;
  for (std::size_t sample = first / dim, element = first % dim; taken < z.size();) {
    const std::size_t left = std::min(z.size() - taken, dim - element);
    if (dim >= low_dimension) {
      fill_normal({out, left}, draw, sample, element);
      out += left;
      taken += left;
      element += left;
    } else {
      const std::size_t count = tile.take(sample, element, left);
      taken += count;
      element += count;
      if (tile.full()) out = tile.write(draw, out);
    }
    if (element == dim) element = 0, ++sample;
  }
  if (out != end) tile.write(draw, out);
}

}  // namespace scoresde
