// SPDX-License-Identifier: MIT
/// Convolution, and its gradient with respect to the input, as products over sliding windows.
///
/// In float, 3×3 convolutions of stride 1 use Winograd's algorithm where it is faster
/// (winograd.hpp). The other 3×3 convolutions of stride 1 over rows of complete packets read the
/// padded band in place; all others gather one panel of taps at a time. The im2col matrix is never
/// stored as a whole: a band and a panel stay in the level-2 cache, so x and y are transferred from
/// and to main memory once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/eigen/detail/tile.hpp>
#include <scoresde/eigen/detail/window.hpp>
#include <scoresde/eigen/detail/winograd.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::eigen::detail {

/// Memory order of a weight: element (out, in, tap) is at out·out_step + in·in_step + tap.
struct WeightOrder {
  std::size_t taps, out_step, in_step;
};

constexpr WeightOrder weight_order(const nn::Convolution& op) {
  const std::size_t taps = op.kernel * op.kernel;
  if (op.input_major) return {taps, 1, op.out_channels};
  return {taps, op.in_channels * taps, taps};
}

/// One block of up to tile_rows rows of the packed weights: depth·taps × tile_rows values.
template <class T>
void pack_weight_block(const nn::Convolution& op, const T* weights, std::size_t first,
                       bool transposed, T* packed) {
  const WeightOrder at = weight_order(op);
  const T scale = transposed ? static_cast<T>(op.scale) : T(1);
  const std::size_t rows = transposed ? op.in_channels : op.out_channels;
  const std::size_t depth = transposed ? op.out_channels : op.in_channels;
  const std::size_t row_step = transposed ? at.in_step : at.out_step;
  const std::size_t depth_step = transposed ? at.out_step : at.in_step;
  const auto pack = [&](auto count) {
    for (std::size_t d = 0; d < depth; ++d)
      for (std::size_t tap = 0; tap < at.taps; ++tap, packed += tile_rows) {
        const T* from =
            weights + first * row_step + d * depth_step + (transposed ? at.taps - 1 - tap : tap);
        for (std::size_t r = 0; r < tile_rows; ++r)
          packed[r] = r < count ? scale * from[r * row_step] : T(0);
      }
  };
  if (first + tile_rows <= rows)
    pack(std::integral_constant<std::size_t, tile_rows>{});
  else
    pack(rows - first);
}

/// Packs W for y = W ∗ x as (out / tile_rows, in, tap, tile_rows), with zeros for missing rows; or,
/// with channels exchanged, taps rotated by 180° and the factor of the result, for its transpose.
template <class T>
void pack_weights(const nn::Convolution& op, const T* weights, T* packed, bool transposed,
                  std::size_t threads) {
  const std::size_t rows = transposed ? op.in_channels : op.out_channels;
  const std::size_t depth = op.weight_size() / rows;
  const std::size_t blocks = (rows + tile_rows - 1) / tile_rows;
  for_each_range(threads, blocks, 1 + 16384 / (depth * tile_rows),
                 [&](std::size_t begin, std::size_t end) {
                   for (std::size_t block = begin; block < end; ++block)
                     pack_weight_block(op, weights, block * tile_rows, transposed,
                                       packed + block * depth * tile_rows);
                 });
}

/// Scalars of packed weights with that many rows.
template <class T>
constexpr std::size_t packed_size(std::size_t rows, std::size_t depth) {
  return round_up(round_up(rows, tile_rows) * depth, cache_line_elements<T>);
}
template <class T>
std::size_t packed_size(const Window& w) {
  return packed_size<T>(w.outputs, w.depth());
}

/// Size of a band.
template <class T>
std::size_t correlate_band_size(const Window& w, std::size_t rows) {
  return w.pointwise() ? w.channels * pixel_pitch<T>(w, rows)
                       : round_up(band_size(w, rows), cache_line_elements<T>);
}

/// Scratch of one thread: its band, then its panel.
template <class T>
std::size_t correlate_part_size(const Window& w, std::size_t rows) {
  return correlate_band_size<T>(w, rows) + w.depth() * tile_columns<T>;
}

/// Scratch of a convolution of up to n samples: the packed weights, then the parts of the threads.
template <class T>
std::size_t correlate_scratch(const Window& w, std::size_t n, std::size_t threads) {
  const std::size_t weights = packed_size<T>(w) + cache_line_elements<T>;
  if constexpr (winograd::available<T>)
    if (winograd::wins(w)) return weights + winograd::correlate_scratch<T>(w, n, threads);
  return weights + threads * correlate_part_size<T>(w, most_band_rows(w, sizeof(T)));
}

/// The biases of Rows channels of one sample.
template <class T, std::size_t Rows>
void gather_bias(const Epilogue<T>& add, const Window& w, std::size_t sample, std::size_t channel,
                 T (&values)[Rows]) {
  for (std::size_t r = 0; r < Rows; ++r) {
    const std::size_t c = channel + r;
    values[r] = 0;
    if (c >= w.outputs) continue;
    if (add.bias != nullptr) values[r] += add.bias[c];
    if (add.channel_bias != nullptr) values[r] += add.channel_bias[sample * w.outputs + c];
  }
}

/// All output channels of pixels [first, first + columns) of a band.
template <class T>
struct TileRow {
  const T* packed;
  const Epilogue<T>& add;
  std::size_t sample;
  T* y;
  std::size_t first;  ///< of the pixels in channel 0 of y
  std::size_t columns;

  template <class Multiply>
  void operator()(const Window& w, const Multiply& multiply) const {
    const std::size_t plane = w.out_h * w.out_w;
    for (std::size_t channel = 0; channel < w.outputs; channel += tile_rows) {
      alignas(64) T bias[tile_rows];
      gather_bias(add, w, sample, channel, bias);
      const std::size_t at = first + channel * plane;
      multiply(packed + channel * w.depth(),
               TileTarget<T>{y + at, static_cast<std::ptrdiff_t>(plane),
                             std::min(tile_rows, w.outputs - channel), columns, bias,
                             add.residual != nullptr ? add.residual + at : nullptr, add.scale});
    }
  }
};

/// A tile that reads its windows from the band in place.
template <class T, std::ptrdiff_t Taps>
void multiply_in_place(const Window& w, const Band<T>& band, std::size_t first,
                       const TileRow<T>& row) {
  const auto start = [&](std::size_t pixel) {
    return band.data + static_cast<std::ptrdiff_t>(pixel / w.out_w) * band.row +
           static_cast<std::ptrdiff_t>(pixel % w.out_w);
  };
  const TileSource<T, 1> one{{start(first)}, w.channels, band.plane, band.row};
  if (row.columns > lanes<T>) {
    const T* second = Taps == 1 ? one.start[0] + lanes<T> : start(first + lanes<T>);
    const TileSource<T, 2> two{{one.start[0], second}, w.channels, band.plane, band.row};
    row(w, [&](const T* a, const TileTarget<T>& target) {
      multiply_tile<T, 2, Taps>(a, two, target);
    });
    return;
  }
  row(w,
      [&](const T* a, const TileTarget<T>& target) { multiply_tile<T, 1, Taps>(a, one, target); });
}

/// All tiles of `count` pixels of a band; the first is written to `out` in channel 0.
template <class T>
void correlate_band(const Window& w, const Band<T>& band, TileRow<T> row, std::size_t count,
                    T* panel) {
  const bool in_place =
      w.kernel_h == 3 && w.kernel_w == 3 && w.stride == 1 && w.out_w % lanes<T> == 0;
  const std::size_t first = row.first;
  for (std::size_t p = 0; p < count; p += tile_columns<T>) {
    row.first = first + p;
    row.columns = std::min(tile_columns<T>, count - p);
    if (w.pointwise()) {
      multiply_in_place<T, 1>(w, band, p, row);
    } else if (in_place) {
      multiply_in_place<T, 3>(w, band, p, row);
    } else {
      pack_panel(w, band, p, row.columns, panel);
      row(w, [&](const T* a, const TileTarget<T>& target) {
        multiply_panel(a, panel, w.depth(), target);
      });
    }
  }
}

/// y ← (sums over windows + biases + residual)·scale.
template <class T>
void correlate(const Window& w, const T* packed, const T* x, const Epilogue<T>& add, T* y,
               std::size_t n, std::size_t threads, T* scratch) {
  if constexpr (winograd::available<T>)
    if (winograd::wins(w)) return winograd::correlate(w, packed, x, add, y, n, threads, scratch);
  const std::size_t rows = band_rows(w, n, threads, sizeof(T));
  const std::size_t bands = (w.out_h + rows - 1) / rows;
  const std::size_t part_size = correlate_part_size<T>(w, rows);
  for_each_item(threads, n * bands, [&](std::size_t worker, std::size_t item) {
    T* memory = scratch + worker * part_size;
    const std::size_t sample = item / bands, first_row = item % bands * rows;
    const std::size_t count = std::min(rows, w.out_h - first_row);
    const T* from = x + sample * w.channels * w.in_h * w.in_w;
    const Band<T> band = w.pointwise() ? load_pixels(w, from, first_row, count, memory)
                                       : load_band(w, from, first_row, count, memory);
    const std::size_t first = sample * w.outputs * w.out_h * w.out_w + first_row * w.out_w;
    correlate_band<T>(w, band, {packed, add, sample, y, first, 0}, count * w.out_w,
                      memory + correlate_band_size<T>(w, rows));
  });
}

/// y ← (W ∗ x + biases + residual)·scale; x and y are (n, c, h, w). The weights are packed here
/// unless `packed` has them already.
template <class T>
void convolution_forward(const nn::Convolution& op, nn::View<const T> x,
                         const nn::LayerParameters<T>& layer, const Epilogue<T>& add, T* y,
                         std::size_t threads, T* scratch) {
  const Window w = forward_window(op, x.shape);
  T* memory = cache_line(scratch);
  const T* packed = layer.prepared;
  if (packed == nullptr) {
    pack_weights(op, layer.weights, memory, false, threads);
    packed = memory;
    memory += packed_size<T>(w);
  }
  correlate(w, packed, x.data, add, y, x.shape.n, threads, memory);
}

/// dx from dy.
template <class T>
void convolution_input_gradient(const nn::Convolution& op, const nn::Shape& x, const T* weights,
                                const T* dy, nn::Gradient<T> dx, std::size_t threads, T* scratch) {
  const Window w = backward_window(op, x);
  T* packed = cache_line(scratch);
  pack_weights(op, weights, packed, true, threads);
  const Epilogue<T> add{nullptr, nullptr, dx.accumulate ? dx.data : nullptr, T(1)};
  correlate(w, packed, dy, add, dx.data, x.n, threads, packed + packed_size<T>(w));
}

}  // namespace scoresde::eigen::detail
