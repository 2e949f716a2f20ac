// SPDX-License-Identifier: MIT
/// Gradients of 3×3 weights by Winograd's algorithm: the adjoint of the forward pass.
///
///   dg = Gᵀ [ Σ_tiles (A dY Aᵀ) ⊙ (Bᵀ d B) ] G
///
/// Each of the 36 products multiplies a matrix of outputs × tiles by one of tiles × inputs. All
/// sums run over tiles in a fixed order, so results do not depend on the number of threads.
#pragma once

#include <algorithm>
#include <cstddef>

#include <scoresde/eigen/detail/channels_last.hpp>
#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/eigen/detail/tile.hpp>
#include <scoresde/eigen/detail/window.hpp>
#include <scoresde/eigen/detail/winograd.hpp>
#include <scoresde/eigen/detail/winograd_transforms.hpp>

namespace scoresde::eigen::detail::winograd {

/// Whether the gradient is computed this way; with fewer tiles its own transforms would dominate.
constexpr bool wins_for_weights(const Window& w, std::size_t n) {
  return fits(w) && n * Tiling(w).in_sample >= 4;
}

/// The partition of the work, and the memory sizes in elements.
template <class T>
struct WeightCut {
  std::size_t tiles;     ///< per round: as many as keep their transforms in the level-3 cache
  std::size_t rounds;    ///< for all samples
  std::size_t chunks;    ///< of a panel's tiles, each transformed by one thread
  std::size_t blocks;    ///< of tile_rows outputs, computed by one thread
  std::size_t in_step;   ///< distance of the products of a panel of transformed inputs
  std::size_t out_step;  ///< distance of the products of tile_rows transformed output gradients
  std::size_t in_panels, out_panels;
  std::size_t row;  ///< of pixels in a segment of tiles

  static constexpr std::size_t panel_blocks = panel<T> / tile_rows;
  static constexpr std::size_t block_sums = products * panel<T> * tile_rows;  ///< for one panel

  WeightCut(const Window& w, std::size_t n, std::size_t threads) {
    constexpr std::size_t line = cache_line_elements<T>, cache_bytes = 4 << 20;
    const Tiling tiling(w);
    in_panels = (w.channels + panel<T> - 1) / panel<T>;
    out_panels = (w.outputs + panel<T> - 1) / panel<T>;
    const std::size_t panels = in_panels + out_panels, all = n * tiling.in_sample;
    const std::size_t fit = cache_bytes / (products * panel<T> * panels * sizeof(T));
    tiles = std::min(std::max(fit, round_tiles), all);
    rounds = (all + tiles - 1) / tiles;
    chunks = std::min(tiles, (4 * threads + panels - 1) / panels);
    blocks = in_panels * out_panels < 2 * threads ? 1 : panel_blocks;
    in_step = tiles * panel<T> + line;
    out_step = round_up(tiles * tile_rows, line) + line;
    row = (side * std::min(tiling.across, tiles) + taps - 1) * panel<T>;
  }

  [[nodiscard]] std::size_t inputs_size() const { return in_panels * products * in_step; }
  [[nodiscard]] std::size_t outputs_size() const {
    return out_panels * panel_blocks * products * out_step;
  }
  [[nodiscard]] std::size_t kept_sums_size() const {
    return rounds > 1 ? in_panels * out_panels * panel_blocks * block_sums : 0;
  }
  [[nodiscard]] std::size_t part_size() const { return std::max(reach * row, blocks * block_sums); }
};

template <class T>
std::size_t weight_gradient_scratch(const Window& w, std::size_t n, std::size_t threads) {
  const WeightCut<T> cut(w, n, threads);
  return cut.inputs_size() + cut.outputs_size() + cut.kept_sums_size() + threads * cut.part_size() +
         cache_line_elements<T>;
}

/// A map of (sample, channel, row, column).
template <class T>
struct Map {
  const T* data;
  std::size_t channels, height, width;
};

/// Pixels [row, row + rows) × [column, column + columns) of a panel of channels, channels last,
/// with zeros outside the map.
template <class T>
void load_pixels(const Map<T>& map, std::size_t sample, std::size_t channel, std::ptrdiff_t row,
                 std::ptrdiff_t column, std::size_t rows, std::size_t columns, T* to) {
  const auto height = static_cast<std::ptrdiff_t>(map.height);
  const auto width = static_cast<std::ptrdiff_t>(map.width);
  const auto count = static_cast<std::ptrdiff_t>(columns);
  const auto begin = std::clamp<std::ptrdiff_t>(-column, 0, count);
  const auto end = std::clamp<std::ptrdiff_t>(width - column, begin, count);
  constexpr auto pixel = static_cast<std::ptrdiff_t>(panel<T>);
  const T* plane = map.data + (sample * map.channels + channel) * map.height * map.width;
  for (std::size_t i = 0; i < rows; ++i, to += count * pixel) {
    const std::ptrdiff_t y = row + static_cast<std::ptrdiff_t>(i);
    if (y < 0 || y >= height) {
      std::fill(to, to + count * pixel, T(0));
      continue;
    }
    std::fill(to, to + begin * pixel, T(0));
    transpose_channels<T, panel<T>>(plane + y * width + column + begin, map.height * map.width,
                                    map.channels - channel, static_cast<std::size_t>(end - begin),
                                    to + begin * pixel);
    std::fill(to + end * pixel, to + count * pixel, T(0));
  }
}

/// Calls f(i, pixels, row) for tile tiles.begin + i of a panel of channels: `pixels` is the square
/// of `extent` × `extent` pixels that begins `before` pixels before the tile, `row` the distance of
/// its rows.
template <class T, class F>
void for_each_patch(const Window& w, const Map<T>& map, std::size_t channel, const Share& tiles,
                    std::ptrdiff_t before, std::size_t extent, T* memory, const F& f) {
  const Tiling tiling(w);
  for (std::size_t t = tiles.begin; t < tiles.end;) {
    const Place at = tiling.place(t);
    const std::size_t run = std::min(tiling.across - at.column / side, tiles.end - t);
    const std::size_t columns = side * (run - 1) + extent;
    load_pixels(map, at.sample, channel, static_cast<std::ptrdiff_t>(at.row) - before,
                static_cast<std::ptrdiff_t>(at.column) - before, extent, columns, memory);
    for (std::size_t i = 0; i < run; ++i, ++t)
      f(t - tiles.begin, memory + side * i * panel<T>, columns * panel<T>);
  }
}

/// One round: transforms of x and dy, and their products.
template <class T>
struct WeightRound {
  const Window& w;
  const WeightCut<T>& cut;
  Share tiles;
  T *inputs, *outputs;

  /// Work item `item`: a chunk of tiles of a panel of channels, first of x and then of dy.
  void transform(const Map<T>& x, const Map<T>& dy, std::size_t item, T* memory) const {
    const std::size_t channels = item / cut.chunks;
    const Share part = share(tiles.end - tiles.begin, cut.chunks, item % cut.chunks);
    if (channels < cut.in_panels)
      transform_inputs(x, channels, part, memory);
    else
      transform_outputs(dy, channels - cut.in_panels, part, memory);
  }
  /// sums (+)= the products of cut.blocks blocks of outputs from `block` on with a panel of inputs.
  void multiply(std::size_t block, std::size_t in, T* sums, const T* before) const {
    const std::size_t block_size = products * cut.out_step;
    multiply_products<T>(
        {outputs + block * block_size, cut.out_step, block_size,
         inputs + in * products * cut.in_step, cut.in_step, tiles.end - tiles.begin},
        cut.blocks, panel<T>, sums, before);
  }

 private:
  [[nodiscard]] Share numbered(const Share& part) const {
    return {tiles.begin + part.begin, tiles.begin + part.end};
  }
  void transform_inputs(const Map<T>& x, std::size_t channels, const Share& part, T* memory) const {
    T* to = inputs + channels * products * cut.in_step + part.begin * panel<T>;
    for_each_patch(w, x, channels * panel<T>, numbered(part), w.pad_h, reach, memory,
                   [&](std::size_t t, const T* pixels, std::size_t row) {
                     transform_patch(pixels, row, cut.in_step, to + t * panel<T>);
                   });
  }
  void transform_outputs(const Map<T>& dy, std::size_t channels, const Share& part,
                         T* memory) const {
    const std::size_t block_size = products * cut.out_step;
    T* to = outputs + channels * cut.panel_blocks * block_size + part.begin * tile_rows;
    for_each_patch(w, dy, channels * panel<T>, numbered(part), 0, side, memory,
                   [&](std::size_t t, const T* pixels, std::size_t row) {
                     for (std::size_t b = 0; b < cut.panel_blocks; ++b)
                       transform_gradient_patch(pixels + b * tile_rows, row, cut.out_step,
                                                to + b * block_size + t * tile_rows);
                   });
  }
};

/// dW += scale·Gᵀ sums G for `count` outputs from `out` on and a panel of inputs from `in` on.
template <class T>
void add_weight_sums(const Window& w, T scale, const T* sums, std::size_t out, std::size_t count,
                     std::size_t in, T* dw) {
  constexpr std::size_t all_taps = taps * taps;
  const std::size_t outputs = out < w.outputs ? std::min(count, w.outputs - out) : 0;
  const std::size_t inputs = std::min(panel<T>, w.channels - in);
  for (std::size_t o = 0; o < outputs; ++o) {
    alignas(64) T gradient[all_taps * panel<T>];
    transform_weight_sums(sums + o * products * panel<T>, gradient);
    T* to = dw + ((out + o) * w.channels + in) * all_taps;
    for (std::size_t c = 0; c < inputs; ++c, to += all_taps)
      for (std::size_t tap = 0; tap < all_taps; ++tap)
        to[tap] += scale * gradient[tap * panel<T> + c];
  }
}

/// dW += scale·Σ over windows of x and dy; dW is (out, in, 3, 3).
template <class T>
void weight_gradient(const Window& w, const T* x, const T* dy, T scale, T* dw, std::size_t n,
                     std::size_t threads, T* scratch) {
  const WeightCut<T> cut(w, n, threads);
  const std::size_t all = n * Tiling(w).in_sample, part_size = cut.part_size();
  T* inputs = cache_line(scratch);
  T* outputs = inputs + cut.inputs_size();
  T* kept = outputs + cut.outputs_size();
  T* parts = kept + cut.kept_sums_size();
  const Map<T> in_map{x, w.channels, w.in_h, w.in_w}, out_map{dy, w.outputs, w.out_h, w.out_w};
  for (std::size_t round = 0; round < cut.rounds; ++round) {
    const std::size_t first = round * cut.tiles;
    const WeightRound<T> now{w, cut, {first, std::min(first + cut.tiles, all)}, inputs, outputs};
    for_each_item(threads, (cut.in_panels + cut.out_panels) * cut.chunks,
                  [&](std::size_t worker, std::size_t item) {
                    now.transform(in_map, out_map, item, parts + worker * part_size);
                  });
    const bool last = round + 1 == cut.rounds;
    for_each_item(threads, cut.in_panels * cut.out_panels * cut.panel_blocks / cut.blocks,
                  [&](std::size_t worker, std::size_t item) {
                    const std::size_t block = item / cut.in_panels * cut.blocks,
                                      in = item % cut.in_panels;
                    T* const so_far = kept + item * cut.blocks * cut.block_sums;
                    T* const sums = last ? parts + worker * part_size : so_far;
                    now.multiply(block, in, sums, round > 0 ? so_far : nullptr);
                    if (last)
                      add_weight_sums(w, scale, sums, block * tile_rows, cut.blocks * tile_rows,
                                      in * panel<T>, dw);
                  });
  }
}

}  // namespace scoresde::eigen::detail::winograd
