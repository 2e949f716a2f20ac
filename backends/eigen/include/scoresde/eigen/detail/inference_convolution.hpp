// SPDX-License-Identifier: MIT
/// Convolutions for inference, with kernels of any height and width, as products with gathered
/// windows.
///
///   y ← f(W ∗ x + bias)
///
/// The sum over input channels is divided into parts for which a panel of gathered taps stays in
/// the level-1 cache and the weights of all outputs in the level-2 cache. A block of several panels
/// is gathered at a time, so that x is read in long runs. In float, 3×3 kernels of stride 1 use
/// Winograd's algorithm where it is faster (winograd.hpp). A sample's result does not depend on its
/// batch.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>

#include <scoresde/eigen/detail/convolution.hpp>
#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/eigen/detail/product.hpp>
#include <scoresde/eigen/detail/tile.hpp>
#include <scoresde/eigen/detail/window.hpp>
#include <scoresde/eigen/detail/winograd.hpp>
#include <scoresde/nn/graph/inference_ops.hpp>

namespace scoresde::eigen::detail {

/// Whether Winograd's algorithm computes the window.
template <class T>
constexpr bool uses_winograd(const Window& w) {
  if constexpr (winograd::available<T>) return winograd::wins(w);
  return false;
}

/// Rows of the tile: with 16 registers 12 sums, two packets of B and one of A.
inline constexpr std::size_t inference_rows = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32 ? 8 : 6;

/// Calls f with the rows of a tile: those of Winograd's algorithm for kernels that it may compute.
template <class F>
auto with_tile_rows(const nn::RectangularConvolution& op, const F& f) {
  if (op.height == winograd::taps && op.width == winograd::taps && op.stride == 1)
    return f(std::integral_constant<std::size_t, tile_rows>{});
  return f(std::integral_constant<std::size_t, inference_rows>{});
}

/// The parts of the sum: consecutive input channels.
class ChannelParts {
 public:
  explicit constexpr ChannelParts(const Window& w)
      : channels_(w.channels), count_((w.channels + most(w) - 1) / most(w)) {}

  [[nodiscard]] constexpr std::size_t count() const { return count_; }
  [[nodiscard]] constexpr Share part(std::size_t i) const { return share(channels_, count_, i); }
  /// The size of the largest.
  [[nodiscard]] constexpr std::size_t largest() const { return (channels_ + count_ - 1) / count_; }

 private:
  /// 20 KB of a panel.
  static constexpr std::size_t most(const Window& w) {
    return std::max<std::size_t>(1, 320 / w.taps());
  }
  std::size_t channels_, count_;
};

/// The inputs of some rows of y with their padding. A stride s divides the columns of a row into
/// phases: column j is at j / s of phase j mod s, so that neighboring outputs read neighboring
/// values.
template <class T>
struct PhasedBand {
  const T* data;
  std::size_t plane, row, phase;

  [[nodiscard]] std::size_t tap(const Window& w, std::size_t ty, std::size_t tx) const {
    return ty * row + tx % w.stride * phase + tx / w.stride;
  }
};

/// Columns of a phase.
constexpr std::size_t phase_width(const Window& w) {
  return (w.band_width() + w.stride - 1) / w.stride;
}
constexpr std::size_t phased_plane(const Window& w, std::size_t rows) {
  return w.band_height(rows) * w.stride * phase_width(w);
}

/// Writes one row of x̃ in phases.
template <class T>
void copy_phases(const Window& w, const T* from, T* to) {
  if (w.stride == 1) return copy_row(w, from, to, phase_width(w));
  for (std::size_t p = 0; p < w.stride; ++p)
    for (std::size_t j = 0; j < phase_width(w); ++j, ++to) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(j * w.stride + p) - w.pad_w;
      *to = at >= 0 && at < static_cast<std::ptrdiff_t>(w.in_w) ? from[at] : T(0);
    }
}

/// The inputs of output rows [first_row, first_row + rows) for some channels, copied to `memory`; a
/// pointwise window is read in place.
template <class T>
PhasedBand<T> load_phases(const Window& w, const T* x, const Share& channels, std::size_t first_row,
                          std::size_t rows, T* memory) {
  const T* const first = x + channels.begin * w.in_h * w.in_w;
  if (w.pointwise()) return {first + first_row * w.in_w, w.in_h * w.in_w, w.in_w, 0};
  const std::size_t row = w.stride * phase_width(w);
  T* to = memory;
  for (std::size_t c = 0; c < channels.end - channels.begin; ++c)
    for (std::size_t r = 0; r < w.band_height(rows); ++r, to += row) {
      const std::ptrdiff_t y = static_cast<std::ptrdiff_t>(first_row * w.stride + r) - w.pad_h;
      if (y >= 0 && y < static_cast<std::ptrdiff_t>(w.in_h))
        copy_phases(w, first + (c * w.in_h + static_cast<std::size_t>(y)) * w.in_w, to);
      else
        std::fill_n(to, row, T(0));
    }
  return {memory, phased_plane(w, rows), row, phase_width(w)};
}

inline constexpr std::size_t block_panels = 8;  ///< gathered at a time
template <class T>
inline constexpr std::size_t block_columns = block_panels* tile_columns<T>;

/// The output pixels of a block: runs of values that are adjacent in a band.
template <class T>
struct BlockRuns {
  struct Run {
    std::size_t offset, column, count;
  };
  std::array<Run, block_columns<T>> run;
  std::size_t size = 0, columns;

  /// Pixels [pixels.begin, pixels.end) of a band.
  BlockRuns(const Window& w, const PhasedBand<T>& band, const Share& pixels)
      : columns(pixels.end - pixels.begin) {
    const bool gaps = w.stride > 1 || band.row != w.out_w;
    for (std::size_t p = pixels.begin; p < pixels.end;) {
      const std::size_t row = p / w.out_w, column = p % w.out_w;
      const std::size_t left = pixels.end - p;
      const std::size_t count = gaps ? std::min(w.out_w - column, left) : left;
      run[size++] = {row * w.stride * band.row + column, p - pixels.begin, count};
      p += count;
    }
  }
};

/// The values of a block at `from`, without gaps: in place or in `line`. Several runs are copied in
/// whole packets, whose excess the next run overwrites: memory after the band and after the line
/// must be readable and writable.
template <class T>
EIGEN_ALWAYS_INLINE const T* joined_runs(const BlockRuns<T>& runs, const T* from, T* line) {
  if (runs.size == 1) return from + runs.run[0].offset;
  for (std::size_t r = 0; r < runs.size; ++r) {
    const T* const first = from + runs.run[r].offset;
    T* const to = line + runs.run[r].column;
    for (std::size_t i = 0; i < runs.run[r].count; i += lanes<T>)
      packets::pstoreu(to + i, packets::ploadu<Packet<T>>(first + i));
  }
  return line;
}

/// Writes one row of each panel of a block, with zeros after the last column.
template <class T>
EIGEN_ALWAYS_INLINE void spread_row(const T* from, std::size_t columns, std::size_t panel_size,
                                    T* to) {
  for (; columns >= tile_columns<T>;
       columns -= tile_columns<T>, from += tile_columns<T>, to += panel_size)
    for (std::size_t i = 0; i < tile_columns<T>; i += lanes<T>)
      packets::pstoreu(to + i, packets::ploadu<Packet<T>>(from + i));
  if (columns > 0) std::fill(std::copy_n(from, columns, to), to + tile_columns<T>, T(0));
}

/// Gathers all taps of `channels` channels of a block: panels of channels·taps × tile_columns.
template <class T>
void gather_block(const Window& w, const PhasedBand<T>& band, const BlockRuns<T>& runs,
                  std::size_t channels, T* line, T* panels) {
  const std::size_t panel_size = channels * w.taps() * tile_columns<T>;
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t ty = 0; ty < w.kernel_h; ++ty)
      for (std::size_t tx = 0; tx < w.kernel_w; ++tx, panels += tile_columns<T>)
        spread_row(joined_runs(runs, band.data + c * band.plane + band.tap(w, ty, tx), line),
                   runs.columns, panel_size, panels);
}

/// All output channels of one panel and one part of the sum: the first part adds the bias, later
/// ones add to y, the last one applies f.
template <std::size_t Rows, class T>
void multiply_part(const Window& w, const T* packed, const T* panel, const Share& channels,
                   const Epilogue<T>& add, std::size_t columns, T* y) {
  const std::size_t plane = w.out_h * w.out_w, depth = channels.end - channels.begin;
  const bool first = channels.begin == 0, last = channels.end == w.channels;
  for (std::size_t channel = 0; channel < w.outputs; channel += Rows) {
    alignas(64) T bias[Rows] = {};
    if (first) gather_bias(add, w, 0, channel, bias);
    T* const out = y + channel * plane;
    multiply_panel<Rows>(
        packed + channel * w.depth() + channels.begin * w.taps() * Rows, panel, depth * w.taps(),
        TileTarget<T>{out, static_cast<std::ptrdiff_t>(plane), std::min(Rows, w.outputs - channel),
                      columns, bias, first ? nullptr : out, T(1), last && add.relu});
  }
}

/// Memory of one thread: its band, a line and the panels of a block; band and line each with room
/// for a packet after the end.
template <class T>
struct InferenceMemory {
  std::size_t band, line, panels;

  InferenceMemory(const Window& w, std::size_t rows)
      : band(w.pointwise() ? 0 : padded(ChannelParts(w).largest() * phased_plane(w, rows))),
        line(padded(block_columns<T>)),
        panels(block_columns<T> * ChannelParts(w).largest() * w.taps()) {}
  [[nodiscard]] std::size_t size() const { return band + line + panels; }

 private:
  static std::size_t padded(std::size_t size) {
    return round_up(size + lanes<T>, cache_line_elements<T>);
  }
};

/// Scratch of a convolution of up to n samples.
template <class T>
std::size_t inference_scratch(const Window& w, std::size_t n, std::size_t threads) {
  const std::size_t line = cache_line_elements<T>;
  if (uses_winograd<T>(w)) return line + winograd::correlate_scratch<T>(w, n, threads);
  return line + threads * InferenceMemory<T>(w, w.out_h).size();
}

/// Output rows that a thread computes at a time: those of a sample, or fewer so that small batches
/// occupy all threads.
inline std::size_t rows_per_item(const Window& w, std::size_t n, std::size_t threads) {
  const std::size_t bands = n % threads == 0 ? 1 : threads;
  return (w.out_h + bands - 1) / bands;
}

/// One band of one sample: `rows` rows of y from `first_row` on.
template <std::size_t Rows, class T>
void convolve_band(const Window& w, const T* packed, const Epilogue<T>& add, const T* x,
                   std::size_t first_row, std::size_t rows, T* y, T* memory) {
  const InferenceMemory<T> sizes(w, rows);
  T* const line = memory + sizes.band;
  T* const panels = line + sizes.line;
  const ChannelParts parts(w);
  const std::size_t pixels = rows * w.out_w, columns = tile_columns<T>;
  const std::size_t blocks = (pixels + block_columns<T> - 1) / block_columns<T>;
  const std::size_t width = round_up((pixels + blocks - 1) / blocks, columns);
  y += first_row * w.out_w;
  for (std::size_t i = 0; i < parts.count(); ++i) {
    const Share channels = parts.part(i);
    const std::size_t depth = (channels.end - channels.begin) * w.taps();
    const PhasedBand<T> band = load_phases(w, x, channels, first_row, rows, memory);
    for (std::size_t p = 0; p < pixels; p += width) {
      const BlockRuns<T> runs(w, band, {p, std::min(p + width, pixels)});
      gather_block(w, band, runs, channels.end - channels.begin, line, panels);
      for (std::size_t j = 0; j < runs.columns; j += columns)
        multiply_part<Rows>(w, packed, panels + j * depth, channels, add,
                            std::min(columns, runs.columns - j), y + p + j);
    }
  }
}

/// y ← f(W ∗ x + bias); x and y are (n, c, h, w). `layer.prepared` has the packed weights.
template <class T>
void inference_convolution(const nn::RectangularConvolution& op, nn::View<const T> x,
                           const nn::LayerParameters<T>& layer, T* y, std::size_t threads,
                           T* scratch) {
  const Window w = forward_window(op, x.shape);
  const Epilogue<T> add{layer.bias, nullptr, nullptr, T(1), op.relu};
  T* const memory = cache_line(scratch);
  if constexpr (winograd::available<T>)
    if (winograd::wins(w))
      return winograd::correlate(w, layer.prepared, x.data, add, y, x.shape.n, threads, memory);
  const std::size_t rows = rows_per_item(w, x.shape.n, threads);
  const std::size_t bands = (w.out_h + rows - 1) / rows;
  const std::size_t part_size = InferenceMemory<T>(w, rows).size();
  with_tile_rows(op, [&](auto tile) {
    for_each_item(threads, x.shape.n * bands, [&](std::size_t worker, std::size_t item) {
      const std::size_t sample = item / bands, row = item % bands * rows;
      convolve_band<tile()>(w, layer.prepared, add, x.data + sample * w.channels * w.in_h * w.in_w,
                            row, std::min(rows, w.out_h - row),
                            y + sample * w.outputs * w.out_h * w.out_w,
                            memory + worker * part_size);
    });
  });
}

/// Scalars of the packed weights.
template <class T>
std::size_t inference_packed_size(const nn::RectangularConvolution& op) {
  return with_tile_rows(op, [&](auto tile) {
    return round_up(round_up(op.out_channels, tile()) * (op.weight_size() / op.out_channels),
                    cache_line_elements<T>);
  });
}

/// Packed weights: (out / Rows, in, tap, Rows), with zeros for missing rows.
template <class T>
void pack_inference_weights(const nn::RectangularConvolution& op, const T* weights, T* packed) {
  const std::size_t depth = op.weight_size() / op.out_channels;
  with_tile_rows(op, [&](auto tile) {
    pack_left<tile()>(Matrix<const T>{weights, depth, 1}, op.out_channels, depth, packed);
  });
}

}  // namespace scoresde::eigen::detail
