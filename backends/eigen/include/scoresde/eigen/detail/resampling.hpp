// SPDX-License-Identifier: MIT
/// Resampling by a factor of two, and concatenation of feature maps along channels.
///
///   upsample:   y[2i + a, 2j + b] = x[i, j]              gradient: sums of 2×2
///   downsample: y[i, j] = ¼ Σ_{a,b} x[2i + a, 2j + b]    gradient: a quarter to each
#pragma once

#include <algorithm>
#include <cstddef>

#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::eigen::detail {

/// large[2i + a, 2j + b] ← or += scale·small[i, j] on every plane of `small`.
template <class T>
void spread_two_by_two(nn::View<const T> small, T scale, nn::Gradient<T> large,
                       std::size_t threads) {
  const std::size_t height = small.shape.h, width = small.shape.w;
  const std::size_t rows = small.shape.n * small.shape.c * height;
  for_each_range(threads, rows, 1 + 8192 / width, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      const T* from = small.data + row * width;
      T* to = large.data + row * 4 * width;
      for (std::size_t a = 0; a < 2; ++a, to += 2 * width)
        if (large.accumulate)
          for (std::size_t j = 0; j < width; ++j) {
            to[2 * j] += scale * from[j];
            to[2 * j + 1] += scale * from[j];
          }
        else
          for (std::size_t j = 0; j < width; ++j) to[2 * j] = to[2 * j + 1] = scale * from[j];
    }
  });
}

/// small[i, j] ← or += scale·Σ large[2i + a, 2j + b]; `shape` is that of small.
template <class T>
void gather_two_by_two(const T* large, T scale, const nn::Shape& shape, nn::Gradient<T> small,
                       std::size_t threads) {
  const std::size_t width = shape.w, rows = shape.n * shape.c * shape.h;
  for_each_range(threads, rows, 1 + 8192 / width, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      const T* above = large + row * 4 * width;
      const T* below = above + 2 * width;
      T* to = small.data + row * width;
      for (std::size_t j = 0; j < width; ++j) {
        const T value =
            scale * ((above[2 * j] + above[2 * j + 1]) + (below[2 * j] + below[2 * j + 1]));
        to[j] = value + (small.accumulate ? to[j] : T(0));
      }
    }
  });
}

/// Extents of two feature maps, or of two parts of one, that are adjacent in each sample.
struct Halves {
  std::size_t n, first, second;
};

/// y[n] ← a[n] followed by b[n].
template <class T>
void concatenate_halves(const Halves& size, const T* a, const T* b, T* y, std::size_t threads) {
  const std::size_t whole = size.first + size.second;
  for_each_range(threads, size.n, 1 + 32768 / whole, [&](std::size_t begin, std::size_t end) {
    for (std::size_t k = begin; k < end; ++k) {
      std::copy_n(a + k * size.first, size.first, y + k * whole);
      std::copy_n(b + k * size.second, size.second, y + k * whole + size.first);
    }
  });
}

template <class T>
void copy_or_add(const T* from, std::size_t count, T* to, bool add) {
  if (add)
    for (std::size_t i = 0; i < count; ++i) to[i] += from[i];
  else
    std::copy_n(from, count, to);
}

/// da[n] and db[n] from the two parts of dy[n].
template <class T>
void split_halves(const Halves& size, const T* dy, nn::Gradient<T> da, nn::Gradient<T> db,
                  std::size_t threads) {
  const std::size_t whole = size.first + size.second;
  for_each_range(threads, size.n, 1 + 32768 / whole, [&](std::size_t begin, std::size_t end) {
    for (std::size_t k = begin; k < end; ++k) {
      const T* from = dy + k * whole;
      if (da.data != nullptr)
        copy_or_add(from, size.first, da.data + k * size.first, da.accumulate);
      if (db.data != nullptr)
        copy_or_add(from + size.first, size.second, db.data + k * size.second, db.accumulate);
    }
  });
}

}  // namespace scoresde::eigen::detail
