// SPDX-License-Identifier: MIT
/// Convolutions for inference, with kernels of any height and width, as products with gathered
/// windows.
///
///   y ← f(W ∗ x + bias)
///
/// The sum over the windows is divided into parts for which a panel of gathered taps stays in the
/// level-1 cache; the panel is multiplied with all output channels. In float, 3×3 kernels of stride
/// 1 use Winograd's algorithm where it is faster (winograd.hpp). A sample's result does not depend
/// on its batch.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

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

/// The parts [begin, end) of the sum over channels and taps.
class DepthParts {
 public:
  explicit constexpr DepthParts(std::size_t depth)
      : depth_(depth), count_((depth + most - 1) / most) {}

  [[nodiscard]] constexpr std::size_t count() const { return count_; }
  [[nodiscard]] constexpr Share part(std::size_t i) const { return share(depth_, count_, i); }
  /// The size of the largest.
  [[nodiscard]] constexpr std::size_t largest() const { return (depth_ + count_ - 1) / count_; }

 private:
  static constexpr std::size_t most = 320;  ///< 20 KB of a panel
  std::size_t depth_, count_;
};

/// Output pixels of a panel that are adjacent in a row, and their inputs at tap 0: `count` values
/// from `offset` on, at `column` of the panel.
struct PanelRun {
  std::ptrdiff_t offset;
  std::size_t column, count;
};

/// The runs of pixels [first, first + count) of a band.
template <class T>
struct PanelRuns {
  std::array<PanelRun, tile_columns<T>> run;
  std::size_t size = 0, count;

  PanelRuns(const Window& w, const Band<T>& band, std::size_t first, std::size_t pixels)
      : count(pixels) {
    // Rows of a pointwise window follow each other without gaps.
    const std::size_t width = w.pointwise() ? w.out_w * w.out_h : w.out_w;
    const std::size_t longest = w.stride == 1 ? width : 1;
    for (std::size_t i = 0; i < pixels;) {
      const std::size_t row = (first + i) / width, column = (first + i) % width;
      const std::size_t length = std::min({longest, width - column, pixels - i});
      run[size++] = {static_cast<std::ptrdiff_t>(row * w.stride) * band.row +
                         static_cast<std::ptrdiff_t>(column * w.stride),
                     i, length};
      i += length;
    }
  }
};

/// How the rows of a panel are copied: one complete run, runs in whole packets, whose excess the
/// next run overwrites (memory after the band and after the panel must be readable and writable),
/// or single values.
enum class PanelCopy { whole, packets, values };

template <class T, PanelCopy Copy>
EIGEN_ALWAYS_INLINE void copy_panel_row(const PanelRuns<T>& runs, const T* from, T* to) {
  if constexpr (Copy == PanelCopy::whole) {
    const T* const first = from + runs.run[0].offset;
    for (std::size_t i = 0; i < tile_columns<T>; i += lanes<T>)
      packets::pstoreu(to + i, packets::ploadu<Packet<T>>(first + i));
    return;
  }
  for (std::size_t r = 0; r < runs.size; ++r) {
    const PanelRun& run = runs.run[r];
    const T* const first = from + run.offset;
    T* const start = to + run.column;
    if constexpr (Copy == PanelCopy::packets)
      for (std::size_t i = 0; i < run.count; i += lanes<T>)
        packets::pstoreu(start + i, packets::ploadu<Packet<T>>(first + i));
    else
      for (std::size_t i = 0; i < run.count; ++i) start[i] = first[i];
  }
  for (std::size_t i = runs.count; i < tile_columns<T>; ++i) to[i] = T(0);
}

/// Gathers the taps [depth.begin, depth.end) of a panel's pixels.
template <class T, PanelCopy Copy>
void gather_panel(const Window& w, const Band<T>& band, const PanelRuns<T>& runs,
                  const Share& depth, T* panel) {
  std::size_t c = depth.begin / w.taps(), tap = depth.begin % w.taps();
  std::size_t ty = tap / w.kernel_w, tx = tap % w.kernel_w;
  for (std::size_t k = depth.begin; k < depth.end; ++k, panel += tile_columns<T>) {
    copy_panel_row<T, Copy>(runs,
                            band.data + static_cast<std::ptrdiff_t>(c) * band.plane +
                                static_cast<std::ptrdiff_t>(ty) * band.row +
                                static_cast<std::ptrdiff_t>(tx),
                            panel);
    if (++tx < w.kernel_w) continue;
    tx = 0;
    if (++ty < w.kernel_h) continue;
    ty = 0;
    ++c;
  }
}

/// All output channels of one panel and one part of the sum: the first part adds the bias, later
/// ones add to y, the last one applies f.
template <class T>
void multiply_part(const Window& w, const T* packed, const T* panel, const Share& depth,
                   const Epilogue<T>& add, std::size_t columns, T* y) {
  const std::size_t plane = w.out_h * w.out_w;
  const bool first = depth.begin == 0, last = depth.end == w.depth();
  for (std::size_t channel = 0; channel < w.outputs; channel += tile_rows) {
    alignas(64) T bias[tile_rows] = {};
    if (first) gather_bias(add, w, 0, channel, bias);
    T* const out = y + channel * plane;
    multiply_panel(packed + channel * w.depth() + depth.begin * tile_rows, panel,
                   depth.end - depth.begin,
                   TileTarget<T>{out, static_cast<std::ptrdiff_t>(plane),
                                 std::min(tile_rows, w.outputs - channel), columns, bias,
                                 first ? nullptr : out, T(1), last && add.relu});
  }
}

/// Memory of one thread: its band, then its panel, each with room for a packet after its end.
template <class T>
std::size_t inference_part_size(const Window& w, std::size_t rows) {
  return round_up(band_size(w, rows) + lanes<T>, cache_line_elements<T>) +
         round_up(DepthParts(w.depth()).largest() * tile_columns<T> + lanes<T>,
                  cache_line_elements<T>);
}

/// Scratch of a convolution of up to n samples.
template <class T>
std::size_t inference_scratch(const Window& w, std::size_t n, std::size_t threads) {
  const std::size_t line = cache_line_elements<T>;
  if (uses_winograd<T>(w)) return line + winograd::correlate_scratch<T>(w, n, threads);
  return line + threads * inference_part_size<T>(w, w.out_h);
}

/// Output rows that a thread computes at a time: those of a sample, or fewer so that small batches
/// occupy all threads.
inline std::size_t inference_rows(const Window& w, std::size_t n, std::size_t threads) {
  const std::size_t bands = n % threads == 0 ? 1 : threads;
  return (w.out_h + bands - 1) / bands;
}

/// The pixels of one band of one sample.
template <class T>
void convolve_band(const Window& w, const Band<T>& band, const T* packed, const Epilogue<T>& add,
                   std::size_t pixels, T* y, T* panel) {
  const DepthParts parts(w.depth());
  for (std::size_t i = 0; i < parts.count(); ++i)
    for (std::size_t p = 0; p < pixels; p += tile_columns<T>) {
      const PanelRuns<T> runs(w, band, p, std::min(tile_columns<T>, pixels - p));
      if (runs.size == 1 && runs.count == tile_columns<T>)
        gather_panel<T, PanelCopy::whole>(w, band, runs, parts.part(i), panel);
      else if (w.pointwise() || w.stride > 1)
        gather_panel<T, PanelCopy::values>(w, band, runs, parts.part(i), panel);
      else
        gather_panel<T, PanelCopy::packets>(w, band, runs, parts.part(i), panel);
      multiply_part(w, packed, panel, parts.part(i), add, runs.count, y + p);
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
  const std::size_t rows = inference_rows(w, x.shape.n, threads);
  const std::size_t bands = (w.out_h + rows - 1) / rows;
  const std::size_t part_size = inference_part_size<T>(w, rows);
  for_each_item(threads, x.shape.n * bands, [&](std::size_t worker, std::size_t item) {
    T* const part = memory + worker * part_size;
    T* const panel = part + round_up(band_size(w, rows) + lanes<T>, cache_line_elements<T>);
    const std::size_t sample = item / bands, row = item % bands * rows;
    const std::size_t count = std::min(rows, w.out_h - row);
    const Band<T> band =
        load_band(w, x.data + sample * w.channels * w.in_h * w.in_w, row, count, part);
    convolve_band(w, band, layer.prepared, add, count * w.out_w,
                  y + (sample * w.outputs * w.out_h + row) * w.out_w, panel);
  });
}

/// Packed weights: (out / tile_rows, in, tap, tile_rows), with zeros for missing rows.
template <class T>
void pack_inference_weights(const nn::RectangularConvolution& op, const T* weights, T* packed) {
  const std::size_t depth = op.weight_size() / op.out_channels;
  pack_left<T>({weights, depth, 1}, op.out_channels, depth, packed);
}

}  // namespace scoresde::eigen::detail
