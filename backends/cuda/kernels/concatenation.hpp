// SPDX-License-Identifier: MIT
/// Concatenation and splitting of feature maps along channels, channels-last.
///
///   y[r, c] ← a[r, c] for c < first, b[r, c − first] otherwise          r: a pixel of a sample
///   gradient: da[r, c] ← or += dy[r, c], db[r, c] ← or += dy[r, first + c]
///
/// Each thread moves one 128-bit vector of a row of y, or single elements where the boundary
/// between a and b lies within the vector.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/nn/graph/ops.hpp>

#include "kernels/block.hpp"
#include "kernels/vec128.hpp"

namespace scoresde::cuda {

/// Extents of rows of two parts, and the mapping of threads to their 128-bit vectors.
struct JoinedRows {
  std::uint32_t samples, pixels, first, second;

  template <class T>
  [[nodiscard]] GridSize grid(unsigned threads) const {
    return {(pixels * vecs<T>(first + second) + threads - 1) / threads, samples};
  }
  /// Calls body(row, first channel) if the thread has a vector.
  template <class T, unsigned Threads, class Block, class Body>
  SCORESDE_DEVICE void with_vec(const Block& block, const Body& body) const {
    const std::uint32_t i = thread_of_row<Threads>(block), across = vecs<T>(first + second);
    if (i / across < pixels)
      body(std::size_t{block.index().y} * pixels + i / across, i % across * lanes<T>);
  }
  /// Calls body(index in the rows of the first part, first channel, extent) where there is no
  /// second part; `whole`: the rows are 16-byte aligned.
  template <class T, unsigned Threads, class Block, class Body>
  SCORESDE_DEVICE void with_extent_of_vec(const Block& block, bool whole, const Body& body) const {
    with_vec<T, Threads>(block, [&](std::size_t row, std::uint32_t channel) {
      with_extent(whole, end<T>(channel) - channel,
                  [&](auto extent) { body(row, channel, extent); });
    });
  }
  /// One past the last channel of the vector that starts at `channel`.
  template <class T>
  SCORESDE_HOST_DEVICE std::uint32_t end(std::uint32_t channel) const {
    return channel + lanes<T> < first + second ? channel + lanes<T> : first + second;
  }
};

template <class T>
struct Concatenate {
  static constexpr unsigned threads = 256;

  JoinedRows rows;
  bool whole;  ///< rows of both parts are 16-byte aligned
  const T *a, *b;
  T* y;

  [[nodiscard]] GridSize grid() const { return rows.grid<T>(threads); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    rows.with_vec<T, threads>(block, [&](std::size_t row, std::uint32_t channel) {
      const T* const from_a = a + row * rows.first;
      const T* const from_b = b + row * rows.second;
      T* const to = y + row * (rows.first + rows.second);
      if (whole) {
        write_vec(to + channel, read_vec(channel < rows.first ? from_a + channel
                                                              : from_b + (channel - rows.first)));
        return;
      }
      for (std::uint32_t c = channel; c < rows.end<T>(channel); ++c)
        to[c] = c < rows.first ? from_a[c] : from_b[c - rows.first];
    });
  }
};

template <class T>
struct Split {
  static constexpr unsigned threads = 256;

  JoinedRows rows;
  bool whole;
  const T* dy;
  nn::Gradient<T> da, db;

  [[nodiscard]] GridSize grid() const { return rows.grid<T>(threads); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    rows.with_vec<T, threads>(block, [&](std::size_t row, std::uint32_t channel) {
      const T* const from = dy + row * (rows.first + rows.second);
      if (whole)
        put(row, channel, load(from + channel, FullVec{}), FullVec{});
      else
        for (std::uint32_t c = channel; c < rows.end<T>(channel); ++c)
          put(row, c, load(from + c, PartialVec{1}), PartialVec{1});
    });
  }

 private:
  template <class Extent>
  SCORESDE_DEVICE void put(std::size_t row, std::uint32_t c, const VecF32<T>& value,
                           Extent extent) const {
    if (c < rows.first) {
      if (da.data != nullptr) store(da.data + row * rows.first + c, value, extent, da.accumulate);
    } else if (db.data != nullptr) {
      store(db.data + row * rows.second + (c - rows.first), value, extent, db.accumulate);
    }
  }
};

}  // namespace scoresde::cuda
