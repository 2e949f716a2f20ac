// SPDX-License-Identifier: MIT
/// The sliding window of a convolution: the input pixels that contribute to an output pixel.
///
///   y[o, i, j] = Σ_{c, a, b} W[o, c, a, b] · x̃[c, s·i + a, s·j + b]
///
/// x̃ is x padded with zeros. The gradient with respect to x is a window too: over dy, upsampled by
/// the stride with zeros, with W rotated by 180° and its channels exchanged.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <scoresde/eigen/detail/tile.hpp>
#include <scoresde/nn/graph/inference_ops.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::eigen::detail {

struct Window {
  std::size_t channels, in_h, in_w;   ///< of the input
  std::size_t outputs, out_h, out_w;  ///< of the output
  std::size_t kernel_h, kernel_w, stride;
  std::size_t spread;  ///< distance of neighboring inputs: 1, or a gradient's stride
  /// Zeros before the first input of a column and of a row; negative pads crop.
  std::ptrdiff_t pad_h, pad_w;

  [[nodiscard]] constexpr std::size_t taps() const { return kernel_h * kernel_w; }
  [[nodiscard]] constexpr std::size_t depth() const { return channels * taps(); }
  /// No padding is read, and every pixel is read exactly once.
  [[nodiscard]] constexpr bool pointwise() const {
    return taps() == 1 && stride == 1 && spread == 1 && pad_h == 0 && pad_w == 0 && in_h == out_h &&
           in_w == out_w;
  }
  [[nodiscard]] constexpr std::size_t band_height(std::size_t rows) const {
    return (rows - 1) * stride + kernel_h;
  }
  [[nodiscard]] constexpr std::size_t band_width() const { return (out_w - 1) * stride + kernel_w; }
};

/// The window of y = W ∗ x.
constexpr Window forward_window(const nn::Convolution& op, const nn::Shape& x) {
  const nn::Shape y = op.output(x);
  return {op.in_channels,
          x.h,
          x.w,
          op.out_channels,
          y.h,
          y.w,
          op.kernel,
          op.kernel,
          op.stride,
          1,
          static_cast<std::ptrdiff_t>(op.pad_before),
          static_cast<std::ptrdiff_t>(op.pad_before)};
}

/// The window of a convolution for inference.
constexpr Window forward_window(const nn::RectangularConvolution& op, const nn::Shape& x) {
  const nn::Shape y = op.output(x);
  return {op.in_channels,
          x.h,
          x.w,
          op.out_channels,
          y.h,
          y.w,
          op.height,
          op.width,
          op.stride,
          1,
          static_cast<std::ptrdiff_t>(op.pad_rows),
          static_cast<std::ptrdiff_t>(op.pad_columns)};
}

/// The window of dx from dy.
constexpr Window backward_window(const nn::Convolution& op, const nn::Shape& x) {
  const nn::Shape y = op.output(x);
  const std::ptrdiff_t pad =
      static_cast<std::ptrdiff_t>(op.kernel) - 1 - static_cast<std::ptrdiff_t>(op.pad_before);
  return {op.out_channels, y.h,       y.w, op.in_channels, x.h, x.w,
          op.kernel,       op.kernel, 1,   op.stride,      pad, pad};
}

/// The epilogue of a sum over windows: y ← f((sum + biases + residual)·scale), f(v) = max(v, 0)
/// with relu, else v. Each pointer may be null; the residual has the layout of y.
template <class T>
struct Epilogue {
  const T* bias;
  const T* channel_bias;
  const T* residual;
  T scale;
  bool relu = false;
};

/// Rows of a band of output: as many as keep its inputs in the level-2 cache, and few enough to
/// occupy all threads for a small batch. A band is a thread's unit of work.
inline std::size_t band_rows(const Window& w, std::size_t n, std::size_t threads,
                             std::size_t scalar_bytes) {
  constexpr std::size_t cache_bytes = 400 * 1024;
  const std::size_t row_bytes =
      w.channels * w.band_width() * scalar_bytes * std::max<std::size_t>(1, w.stride);
  const std::size_t fit =
      std::max<std::size_t>(1, cache_bytes / std::max<std::size_t>(1, row_bytes));
  const std::size_t bands = n % threads == 0 ? 1 : threads;
  return std::min({w.out_h, fit, (w.out_h + bands - 1) / bands});
}

/// The maximum of band_rows over all batches.
inline std::size_t most_band_rows(const Window& w, std::size_t scalar_bytes) {
  return band_rows(w, 1, 1, scalar_bytes);
}

/// Input pixels of a band in the layout that the tile reads.
template <class T>
struct Band {
  const T* data;
  std::ptrdiff_t plane, row;
};

/// Writes one row of x̃, upsampled and padded, from one row of x.
template <class T>
void copy_row(const Window& w, const T* from, T* to, std::size_t width) {
  std::fill_n(to, width, T(0));
  const auto end = static_cast<std::ptrdiff_t>(width);
  const auto spread = static_cast<std::ptrdiff_t>(w.spread);
  if (w.spread == 1) {
    const std::ptrdiff_t first = std::max<std::ptrdiff_t>(0, w.pad_w);
    const std::ptrdiff_t last = std::min(end, w.pad_w + static_cast<std::ptrdiff_t>(w.in_w));
    if (last > first) std::copy_n(from + (first - w.pad_w), last - first, to + first);
    return;
  }
  for (std::size_t i = 0; i < w.in_w; ++i) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(i) * spread + w.pad_w;
    if (at >= 0 && at < end) to[at] = from[i];
  }
}

/// The inputs of output rows [first_row, first_row + rows), copied with their padding to `memory`;
/// a pointwise window has no padding and is read in place.
template <class T>
Band<T> load_band(const Window& w, const T* x, std::size_t first_row, std::size_t rows, T* memory) {
  if (w.pointwise())
    return {x + first_row * w.in_w, static_cast<std::ptrdiff_t>(w.in_h * w.in_w),
            static_cast<std::ptrdiff_t>(w.in_w)};
  const std::size_t height = w.band_height(rows), width = w.band_width();
  const auto spread = static_cast<std::ptrdiff_t>(w.spread);
  T* to = memory;
  for (std::size_t c = 0; c < w.channels; ++c) {
    const T* plane = x + c * w.in_h * w.in_w;
    for (std::size_t r = 0; r < height; ++r, to += width) {
      const std::ptrdiff_t y = static_cast<std::ptrdiff_t>(first_row * w.stride + r) - w.pad_h;
      const bool inside =
          y >= 0 && y % spread == 0 && y / spread < static_cast<std::ptrdiff_t>(w.in_h);
      if (inside)
        copy_row(w, plane + (y / spread) * static_cast<std::ptrdiff_t>(w.in_w), to, width);
      else
        std::fill_n(to, width, T(0));
    }
  }
  return {memory, static_cast<std::ptrdiff_t>(height * width), static_cast<std::ptrdiff_t>(width)};
}

/// Maximum number of elements that load_band writes.
constexpr std::size_t band_size(const Window& w, std::size_t rows) {
  return w.pointwise() ? 0 : w.channels * w.band_height(rows) * w.band_width();
}

/// Distance of the channels in load_pixels: allows reads of complete tiles, and avoids powers of
/// two, for which channels would map to the same cache sets.
template <class T>
constexpr std::size_t pixel_pitch(const Window& w, std::size_t rows) {
  return round_up(rows * w.out_w, tile_columns<T>) + cache_line_elements<T>;
}

/// The inputs of a pointwise window's band, copied so that the channels of a tile are close in
/// memory.
template <class T>
Band<T> load_pixels(const Window& w, const T* x, std::size_t first_row, std::size_t rows,
                    T* memory) {
  const std::size_t count = rows * w.out_w, pitch = pixel_pitch<T>(w, rows);
  for (std::size_t c = 0; c < w.channels; ++c) {
    std::copy_n(x + (c * w.in_h + first_row) * w.in_w, count, memory + c * pitch);
    std::fill(memory + c * pitch + count, memory + (c + 1) * pitch, T(0));
  }
  return {memory, static_cast<std::ptrdiff_t>(pitch), static_cast<std::ptrdiff_t>(w.out_w)};
}

/// One row of a panel: `count` values of one tap, gathered from the pixels' offsets in runs of Run.
template <class T, std::size_t Run>
void copy_runs(const T* from, const std::ptrdiff_t* offset, std::size_t count, T* to) {
  for (std::size_t i = 0; i < count; i += Run)
    std::memcpy(to + i, from + offset[i], Run * sizeof(T));
}

/// Gathers the taps of output pixels [first, first + count) of a band into a panel of depth rows
/// and tile_columns columns, with zeros in the columns from `count` on.
template <class T, std::size_t Run>
void pack_panel_runs(const Window& w, const Band<T>& band, const std::ptrdiff_t* offset,
                     std::size_t count, T* panel) {
  for (std::size_t c = 0; c < w.channels; ++c)
    for (std::size_t ty = 0; ty < w.kernel_h; ++ty)
      for (std::size_t tx = 0; tx < w.kernel_w; ++tx, panel += tile_columns<T>) {
        const T* from = band.data + static_cast<std::ptrdiff_t>(c) * band.plane +
                        static_cast<std::ptrdiff_t>(ty) * band.row +
                        static_cast<std::ptrdiff_t>(tx);
        copy_runs<T, Run>(from, offset, count, panel);
        std::fill(panel + count, panel + tile_columns<T>, T(0));
      }
}

template <class T>
void pack_panel(const Window& w, const Band<T>& band, std::size_t first, std::size_t count,
                T* panel) {
  std::ptrdiff_t offset[tile_columns<T>];
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t y = (first + i) / w.out_w, x = (first + i) % w.out_w;
    offset[i] = static_cast<std::ptrdiff_t>(y * w.stride) * band.row +
                static_cast<std::ptrdiff_t>(x * w.stride);
  }
  const auto in_runs_of = [&](std::size_t run) {
    return w.stride == 1 && w.out_w % run == 0 && first % run == 0 && count % run == 0;
  };
  constexpr std::size_t whole = tile_columns<T>;
  if (in_runs_of(whole)) return pack_panel_runs<T, whole>(w, band, offset, count, panel);
  if (whole > 8 && in_runs_of(8)) return pack_panel_runs<T, 8>(w, band, offset, count, panel);
  if (whole > 4 && in_runs_of(4)) return pack_panel_runs<T, 4>(w, band, offset, count, panel);
  pack_panel_runs<T, 1>(w, band, offset, count, panel);
}

}  // namespace scoresde::eigen::detail
