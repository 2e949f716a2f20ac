// SPDX-License-Identifier: MIT
/// 3×3 convolutions of stride 1 in float by Winograd's algorithm.
///
///   M[k] = U[k] V[k],   k = 1 … 36     U from weights, V from inputs (winograd_transforms.hpp)
///
/// A round transforms the inputs of up to 128 tiles, whose products then stay in the level-3 cache.
/// Weights are transformed on the fly, a few outputs at a time: transformed weights are four times
/// as large and would take longer to load than to compute.
#pragma once

#include <algorithm>
#include <cstddef>

#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/eigen/detail/tile.hpp>
#include <scoresde/eigen/detail/window.hpp>
#include <scoresde/eigen/detail/winograd_transforms.hpp>

namespace scoresde::eigen::detail::winograd {

inline constexpr std::size_t round_tiles = 128;  ///< tiles transformed at a time

/// Whether the window has tiles, and enough channels to outweigh the transforms.
constexpr bool fits(const Window& w) {
  constexpr std::size_t least_channels = 16;
  return w.kernel_h == taps && w.kernel_w == taps && w.stride == 1 && w.spread == 1 &&
         w.out_h >= side && w.out_w >= side && w.channels >= least_channels &&
         w.outputs >= least_channels;
}

/// Whether a window is computed by Winograd's algorithm. The condition depends on one sample only,
/// because a sample's result must not depend on its batch. A single tile would leave most of a
/// packet empty.
constexpr bool wins(const Window& w) {
  return fits(w) && w.out_h >= 2 * side && w.out_w >= 2 * side;
}

/// The position of a tile among the outputs.
struct Place {
  std::size_t sample, row, column;
};

/// The tiles of a window, numbered over all samples.
struct Tiling {
  std::size_t across, in_sample;

  explicit constexpr Tiling(const Window& w)
      : across((w.out_w + side - 1) / side), in_sample((w.out_h + side - 1) / side * across) {}
  [[nodiscard]] constexpr Place place(std::size_t tile) const {
    return {tile / in_sample, tile % in_sample / across * side, tile % across * side};
  }
};

/// The partition of the work, and the memory sizes in elements. Products are read with strides; one
/// additional cache line avoids powers of two, for which the streams would map to the same cache
/// sets.
template <class T>
struct Cut {
  std::size_t tiles;          ///< per round
  std::size_t blocks;         ///< of tile_rows outputs, computed together by one thread
  std::size_t input_step;     ///< between products of the transformed inputs of one panel
  std::size_t weight_step;    ///< between products of the transformed weights
  std::size_t segment_pitch;  ///< of the rows in a segment of transformed columns
  std::size_t segments;       ///< of rows in a round, at most

  Cut(const Window& w, std::size_t n, std::size_t threads);

  [[nodiscard]] std::size_t panel_size() const { return products * input_step; }
  [[nodiscard]] std::size_t inputs_size() const {
    return (tiles + panel<T> - 1) / panel<T> * panel_size();
  }
  [[nodiscard]] std::size_t weights_size() const { return products * weight_step; }
  [[nodiscard]] std::size_t part_size() const {
    return std::max(weights_size() + blocks * tile_rows * products * panel<T>,
                    segments * reach * segment_pitch);
  }
};

template <class T>
Cut<T>::Cut(const Window& w, std::size_t n, std::size_t threads) {
  constexpr std::size_t line = cache_line_elements<T>, cache_bytes = 640 * 1024;
  const Tiling tiling(w);
  tiles = std::min(round_tiles, n * tiling.in_sample);
  const std::size_t all = (w.outputs + tile_rows - 1) / tile_rows;
  const std::size_t fit = cache_bytes / (products * tile_rows * w.channels * sizeof(T));
  blocks = std::clamp<std::size_t>(std::min(fit, all / (2 * threads)), 1, 4);
  input_step = w.channels * panel<T> + line;
  weight_step = round_up(blocks * w.channels * tile_rows, line) + line;
  const std::size_t widest = std::min(tiling.across, tiles);
  segment_pitch = round_up(side * widest + side, line);
  segments = tiles / tiling.across + 2;
}

/// Scratch of correlate(): the transformed inputs of a round, zeros, and one part per thread.
template <class T>
std::size_t correlate_scratch(const Window& w, std::size_t n, std::size_t threads) {
  const Cut<T> cut(w, n, threads);
  return cut.inputs_size() + round_up(w.in_w, cache_line_elements<T>) +
         threads * round_up(cut.part_size(), cache_line_elements<T>);
}

/// The inputs: x, and a row of zeros for the rows above and below it.
template <class T>
struct Inputs {
  const Window& w;
  const T* x;
  const T* zeros;
};

/// Bᵀ d along the columns of a segment: `count` adjacent tiles of one channel from `at` on. `to`
/// receives six rows of 4·count + 2 values and two more that are read but not used.
template <class T>
void transform_segment(const Inputs<T>& in, const Place& at, std::size_t channel, std::size_t count,
                       std::size_t pitch, T* to) {
  const Window& w = in.w;
  const T* plane = in.x + (at.sample * w.channels + channel) * w.in_h * w.in_w;
  const auto width = static_cast<std::ptrdiff_t>(side * count + side);
  const std::ptrdiff_t left = static_cast<std::ptrdiff_t>(at.column) - w.pad_w;
  const auto begin = std::clamp<std::ptrdiff_t>(-left, 0, width);
  const auto end =
      std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(w.in_w) - left, begin, width);
  const T* row[reach];
  for (std::size_t i = 0; i < reach; ++i) {
    const std::ptrdiff_t y = static_cast<std::ptrdiff_t>(at.row + i) - w.pad_h;
    const bool inside = y >= 0 && y < static_cast<std::ptrdiff_t>(w.in_h);
    row[i] = (inside ? plane + y * static_cast<std::ptrdiff_t>(w.in_w) : in.zeros) + left;
    std::fill(to + i * pitch, to + i * pitch + begin, T(0));
    std::fill(to + i * pitch + end, to + i * pitch + width, T(0));
  }
  transform_columns(row, static_cast<std::size_t>(begin), static_cast<std::size_t>(end), pitch, to);
}

/// Transforms channels [begin, end) of tiles [first, first + count): for each panel of tiles and
/// each product, `to` receives one row of the panel's tiles per channel.
template <class T>
void transform_inputs(const Inputs<T>& in, const Cut<T>& cut, std::size_t first, std::size_t count,
                      std::size_t begin, std::size_t end, T* segments, T* to) {
  const Tiling tiling(in.w);
  const T* start[round_tiles + 3];
  for (std::size_t channel = begin; channel < end; ++channel) {
    T* segment = segments;
    for (std::size_t t = 0; t < count; segment += reach * cut.segment_pitch) {
      const Place at = tiling.place(first + t);
      const std::size_t run = std::min(tiling.across - at.column / side, count - t);
      transform_segment(in, at, channel, run, cut.segment_pitch, segment);
      for (std::size_t i = 0; i < run; ++i) start[t++] = segment + side * i;
    }
    std::fill_n(start + count, 3, start[count - 1]);  // completes the last four tiles
    for (std::size_t t = 0; t < count; t += 4)
      transform_rows({start[t], start[t + 1], start[t + 2], start[t + 3]}, cut.segment_pitch,
                     cut.input_step,
                     to + t / panel<T> * cut.panel_size() + channel * panel<T> + t % panel<T>);
  }
}

/// The operands of 36 products of depth `depth`: for product k the blocks of tile_rows rows on the
/// left are at left + k·left_step + block·block_step, the panel on the right at right +
/// k·right_step.
template <class T>
struct ProductSource {
  const T* left;
  std::size_t left_step, block_step;
  const T* right;
  std::size_t right_step, depth;
};

/// sums[row, k, column] = Σ_d left[k, d, row] right[k, d, column] + before[row, k, column] for some
/// blocks and the first columns of a panel; `before` may be null or equal to `sums`.
template <class T>
void multiply_products(const ProductSource<T>& from, std::size_t blocks, std::size_t columns,
                       T* sums, const T* before) {
  constexpr T zero[tile_rows] = {};
  constexpr std::size_t row = products * panel<T>;
  for (std::size_t k = 0; k < products; ++k)
    for (std::size_t b = 0; b < blocks; ++b) {
      const std::size_t at = b * tile_rows * row + k * panel<T>;
      multiply_panel(from.left + k * from.left_step + b * from.block_step,
                     from.right + k * from.right_step, from.depth,
                     TileTarget<T>{sums + at, static_cast<std::ptrdiff_t>(row), tile_rows, columns,
                                   zero, before != nullptr ? before + at : nullptr, T(1)});
    }
}

/// Destination of a tile; `pixel` is relative to the first of its plane.
struct Target {
  std::size_t sample, pixel, rows, columns;
};

inline void find_targets(const Window& w, std::size_t first, std::size_t count, Target* to) {
  const Tiling tiling(w);
  for (std::size_t t = 0; t < count; ++t) {
    const Place at = tiling.place(first + t);
    to[t] = {at.sample, at.row * w.out_w + at.column, std::min(side, w.out_h - at.row),
             std::min(side, w.out_w - at.column)};
  }
}

/// y ← (Y + biases + residual)·scale for tiles of one output channel.
template <class T>
struct Store {
  const Window& w;
  const Epilogue<T>& add;
  T* y;

  /// One row of a tile.
  EIGEN_ALWAYS_INLINE void row(const Vec4<T>& sums, std::size_t at, std::size_t columns,
                               T bias) const {
    const Vec4<T> sum = packets::padd(sums, packets::pset1<Vec4<T>>(bias));
    if (columns < side) {
      T values[side];
      packets::pstoreu(values, sum);
      for (std::size_t j = 0; j < columns; ++j)
        y[at + j] = rectified(
            (values[j] + (add.residual != nullptr ? add.residual[at + j] : T(0))) * add.scale,
            add.relu);
      return;
    }
    const Vec4<T> whole = add.residual != nullptr
                              ? packets::padd(sum, packets::ploadu<Vec4<T>>(add.residual + at))
                              : sum;
    packets::pstoreu(y + at,
                     rectified(packets::pmul(whole, packets::pset1<Vec4<T>>(add.scale)), add.relu));
  }

  /// `count` tiles, at most four, from the `rows` written by transform_sums.
  void operator()(const T* rows, const Target* targets, std::size_t count,
                  std::size_t channel) const {
    for (std::size_t i = 0; i < side; ++i) {
      Vec4<T> sums[4];
      gather_rows(rows + i * side * panel<T>, sums);
      for (std::size_t t = 0; t < 4; ++t) {
        if (t >= count || i >= targets[t].rows) continue;
        const std::size_t plane = targets[t].sample * w.outputs + channel;
        row(sums[t], plane * w.out_h * w.out_w + targets[t].pixel + i * w.out_w, targets[t].columns,
            bias(targets[t].sample, channel));
      }
    }
  }

  [[nodiscard]] T bias(std::size_t sample, std::size_t channel) const {
    return (add.bias != nullptr ? add.bias[channel] : T(0)) +
           (add.channel_bias != nullptr ? add.channel_bias[sample * w.outputs + channel] : T(0));
  }
};

/// The outputs of some blocks of tile_rows channels for `count` tiles of a round.
template <class T>
struct Product {
  const Cut<T>& cut;
  const Store<T>& store;
  const T* inputs;  ///< transformed
  const Target* targets;
  std::size_t count;

  void operator()(const T* packed, std::size_t first_block, std::size_t blocks, T* part) const {
    const Window& w = store.w;
    const std::size_t block_size = w.channels * tile_rows;
    for (std::size_t b = 0; b < blocks; ++b)
      transform_weights(packed + (first_block + b) * block_size * taps * taps, w.channels,
                        cut.weight_step, part + b * block_size);
    T* sums = part + cut.weights_size();
    for (std::size_t t = 0; t < count; t += panel<T>) {
      const std::size_t width = std::min(panel<T>, count - t);
      const ProductSource<T> source{part,           cut.weight_step,
                                    block_size,     inputs + t / panel<T> * cut.panel_size(),
                                    cut.input_step, w.channels};
      multiply_products<T>(source, blocks, round_up(width, lanes<T>), sums, nullptr);
      for (std::size_t o = 0; o < std::min(blocks * tile_rows, w.outputs - first_block * tile_rows);
           ++o)
        write(sums + o * products * panel<T>, targets + t, width, first_block * tile_rows + o);
    }
  }

 private:
  void write(const T* sums, const Target* to, std::size_t width, std::size_t channel) const {
    alignas(64) T rows[side * side * panel<T>];
    transform_sums(sums, width, rows);
    for (std::size_t t = 0; t < width; t += 4)
      store(rows + t, to + t, std::min<std::size_t>(4, width - t), channel);
  }
};

/// y ← (sums over windows + biases + residual)·scale, with weights from pack_weights.
template <class T>
void correlate(const Window& w, const T* packed, const T* x, const Epilogue<T>& add, T* y,
               std::size_t n, std::size_t threads, T* scratch) {
  constexpr std::size_t channels = 8;  // per work item
  const Cut<T> cut(w, n, threads);
  const std::size_t all = n * Tiling(w).in_sample, blocks = (w.outputs + tile_rows - 1) / tile_rows;
  T* transformed = scratch;
  T* zeros = transformed + cut.inputs_size();
  T* parts = zeros + round_up(w.in_w, cache_line_elements<T>);
  const std::size_t part_size = round_up(cut.part_size(), cache_line_elements<T>);
  std::fill_n(zeros, w.in_w, T(0));
  const Store<T> store{w, add, y};
  Target targets[round_tiles];
  for (std::size_t first = 0; first < all; first += cut.tiles) {
    const std::size_t count = std::min(cut.tiles, all - first);
    find_targets(w, first, count, targets);
    for_each_item(threads, (w.channels + channels - 1) / channels,
                  [&](std::size_t worker, std::size_t item) {
                    transform_inputs(Inputs<T>{w, x, zeros}, cut, first, count, item * channels,
                                     std::min(w.channels, (item + 1) * channels),
                                     parts + worker * part_size, transformed);
                  });
    const Product<T> product{cut, store, transformed, targets, count};
    for_each_item(
        threads, (blocks + cut.blocks - 1) / cut.blocks, [&](std::size_t worker, std::size_t item) {
          product(packed, item * cut.blocks, std::min(cut.blocks, blocks - item * cut.blocks),
                  parts + worker * part_size);
        });
  }
}

}  // namespace scoresde::eigen::detail::winograd
