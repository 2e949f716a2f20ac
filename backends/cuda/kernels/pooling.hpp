// SPDX-License-Identifier: MIT
/// Average pooling and its gradient, and max pooling, channels-last.
///
///   AveragePool: y[i, j] ← Σ x[r, s]/count(i, j) over the pixels of window (i, j) that lie inside x
///   MaxPool: y[i, j] ← max x[r, s] over the same pixels; not a number if one is not a number
///   AveragePoolGradient: dx[r, s] ← or += Σ dy[i, j]/count(i, j) over the windows that contain it
///
/// Each thread computes one 128-bit vector of channels of a pixel, so the gradient needs no
/// atomics.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/resampling.hpp"

namespace scoresde::cuda {

/// Begin and end of a range of rows or columns.
struct PoolRange {
  std::int32_t begin, end;
  SCORESDE_HOST_DEVICE float size() const { return static_cast<float>(end - begin); }
};

/// 1/(pixels of a window). On the device within 2 ulp: the exact division is a call, for which the
/// gradient spills its sums.
SCORESDE_HOST_DEVICE inline float share_of(PoolRange rows, PoolRange columns) {
  const float count = rows.size() * columns.size();
#if defined(__CUDA_ARCH__)
  return __fdividef(1.0f, count);
#else
  return 1.0f / count;
#endif
}

/// The windows along one direction of nn::AveragePool.
struct PoolWindows {
  std::int32_t window, stride, pad;
  std::int32_t extent, count;  ///< pixels of x and of y

  /// The pixels of x in window i.
  SCORESDE_HOST_DEVICE PoolRange pixels(std::int32_t i) const {
    const std::int32_t begin = i * stride - pad, end = begin + window;
    return {begin > 0 ? begin : 0, end < extent ? end : extent};
  }
  /// The windows that contain pixel r of x.
  SCORESDE_HOST_DEVICE PoolRange windows(std::int32_t r) const {
    const std::int32_t past = r + pad, end = past / stride + 1;
    const std::int32_t begin = past < window ? 0 : (past - window) / stride + 1;
    return {begin, end < count ? end : count};
  }
};

/// Windows of an image: the image of the results, and the windows along both directions.
struct PooledImage {
  SmallImage image;  ///< y's extents
  PoolWindows down, across;

  /// Calls visit(offset in x) for the vectors of all pixels of a window.
  template <class Visit>
  SCORESDE_DEVICE void for_each_pixel(const VecPlace& at, const Visit& visit) const {
    const PoolRange rows = down.pixels(static_cast<std::int32_t>(at.row));
    const PoolRange columns = across.pixels(static_cast<std::int32_t>(at.column));
    const auto height = static_cast<std::size_t>(down.extent),
               width = static_cast<std::size_t>(across.extent);
    for (std::int32_t r = rows.begin; r < rows.end; ++r)
      for (std::int32_t s = columns.begin; s < columns.end; ++s)
        visit(((at.sample * height + static_cast<std::size_t>(r)) * width +
               static_cast<std::size_t>(s)) *
                  image.channels +
              at.channel);
  }
};

template <class T>
struct MaxPool {
  static constexpr unsigned threads = 128;  ///< with 256, ptxas spills to fit more blocks

  PooledImage windows;
  bool whole;
  const T* x;
  T* y;

  [[nodiscard]] GridSize grid() const { return windows.image.template grid<T>(threads); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    windows.image.template with_vec<T, threads>(block, whole, [&](const VecPlace& at, auto extent) {
      VecF32<T> most;
      for (unsigned k = 0; k < lanes<T>; ++k) most[k] = -INFINITY;
      windows.for_each_pixel(at, [&](std::size_t offset) {
        const VecF32<T> value = load(x + offset, extent);
        for (unsigned k = 0; k < lanes<T>; ++k)
          most[k] = value[k] > most[k] || value[k] != value[k] ? value[k] : most[k];
      });
      store(y + windows.image.index(at), most, extent);
    });
  }
};

template <class T>
struct AveragePool {
  static constexpr unsigned threads = 256;

  SmallImage image;  ///< y's extents
  PoolWindows down, across;
  bool whole;
  const T* x;
  T* y;

  [[nodiscard]] GridSize grid() const { return image.grid<T>(threads); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    image.with_vec<T, threads>(block, whole, [&](const VecPlace& at, auto extent) {
      const PoolRange rows = down.pixels(static_cast<std::int32_t>(at.row));
      const PoolRange columns = across.pixels(static_cast<std::int32_t>(at.column));
      const auto height = static_cast<std::size_t>(down.extent),
                 width = static_cast<std::size_t>(across.extent);
      VecF32<T> sum{};
      for (std::int32_t r = rows.begin; r < rows.end; ++r)
        for (std::int32_t s = columns.begin; s < columns.end; ++s) {
          const std::size_t pixel = (at.sample * height + static_cast<std::size_t>(r)) * width +
                                    static_cast<std::size_t>(s);
          add(sum, load(x + pixel * image.channels + at.channel, extent));
        }
      const float share = share_of(rows, columns);
      for (unsigned k = 0; k < lanes<T>; ++k) sum[k] *= share;
      store(y + image.index(at), sum, extent);
    });
  }
};

template <class T>
struct AveragePoolGradient {
  static constexpr unsigned threads = 128;  ///< with 256, ptxas spills to fit more blocks

  SmallImage image;  ///< dx's extents
  PoolWindows down, across;
  bool whole;
  const T* dy;
  nn::Gradient<T> dx;

  [[nodiscard]] GridSize grid() const { return image.grid<T>(threads); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    image.with_vec<T, threads>(block, whole, [&](const VecPlace& at, auto extent) {
      const PoolRange rows = down.windows(static_cast<std::int32_t>(at.row));
      const PoolRange columns = across.windows(static_cast<std::int32_t>(at.column));
      const std::size_t pitch = std::size_t(across.count) * image.channels;
      const T* line =
          dy + (at.sample * std::size_t(down.count) + std::size_t(rows.begin)) * pitch + at.channel;
      VecF32<T> sum{};
      for (std::int32_t i = rows.begin; i < rows.end; ++i, line += pitch) {
        const PoolRange window = down.pixels(i);
        for (std::int32_t j = columns.begin; j < columns.end; ++j) {
          const float share = share_of(window, across.pixels(j));
          const VecF32<T> value = load(line + std::size_t(j) * image.channels, extent);
          for (unsigned k = 0; k < lanes<T>; ++k) sum[k] += share * value[k];
        }
      }
      store(dx.data + image.index(at), sum, extent, dx.accumulate);
    });
  }
};

}  // namespace scoresde::cuda
