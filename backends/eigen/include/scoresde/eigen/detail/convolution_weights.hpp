// SPDX-License-Identifier: MIT
/// Gradients of a convolution with respect to its weights and biases.
///
///   dW[o, c, a, b] = Σ_{n, i, j} dy[n, o, i, j] · x̃[n, c, s·i + a, s·j + b]
///
/// dy is transposed to channels-last order; each input value is then broadcast over the output
/// channels. A task is a block of output channels and a range of input channels over the whole
/// batch, so threads share no sums and results do not depend on their number. In float, 3×3
/// convolutions of stride 1 use Winograd's algorithm (winograd_weights.hpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <scoresde/eigen/detail/channels_last.hpp>
#include <scoresde/eigen/detail/convolution.hpp>
#include <scoresde/eigen/detail/elementwise.hpp>
#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/eigen/detail/tile.hpp>
#include <scoresde/eigen/detail/window.hpp>
#include <scoresde/eigen/detail/winograd_weights.hpp>

namespace scoresde::eigen::detail {

/// Packets of output channels per pass: nine taps times this number must fit the registers.
inline constexpr std::size_t channel_packets = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32 ? 2 : 1;

template <class T>
inline constexpr std::size_t channel_block = channel_packets* lanes<T>;

/// Input positions of one pass: tap k of pixel (i, j) of sample n is at start[k] + n·sample + i·row
/// + j·column.
struct TapGrid {
  std::size_t samples, height, width;
  std::ptrdiff_t sample, row, column;
};
template <class T, std::size_t Count>
struct Taps {
  const T* start[Count];
  TapGrid grid;
};

/// sums[k, o] += Σ_pixels taps[k][pixel]·dy[pixel, o] for one block of output channels, of which
/// the first Packets packets are used; over pixels of all samples.
template <class T, std::size_t Count, std::size_t Packets, std::size_t... K>
EIGEN_DONT_INLINE void add_outer_products(const Taps<T, Count>& taps, const T* dy, T* sums,
                                          std::index_sequence<K...>) {
  Packet<T> sum[Count][Packets];
  for (std::size_t j = 0; j < Packets; ++j)
    ((sum[K][j] = packets::ploadu<Packet<T>>(sums + K * channel_block<T> + j * lanes<T>)), ...);
  const TapGrid grid = taps.grid;
  for (std::size_t n = 0; n < grid.samples; ++n)
    for (std::size_t i = 0; i < grid.height; ++i) {
      std::ptrdiff_t at =
          static_cast<std::ptrdiff_t>(n) * grid.sample + static_cast<std::ptrdiff_t>(i) * grid.row;
      for (std::size_t x = 0; x < grid.width; ++x, at += grid.column, dy += channel_block<T>) {
        Packet<T> d[Packets];
        d[0] = packets::ploadu<Packet<T>>(dy);
        if constexpr (Packets == 2) d[1] = packets::ploadu<Packet<T>>(dy + lanes<T>);
        (add_row<T, Packets>(taps.start[K][at], d, sum[K]), ...);
      }
    }
  for (std::size_t j = 0; j < Packets; ++j)
    (packets::pstoreu(sums + K * channel_block<T> + j * lanes<T>, sum[K][j]), ...);
}

template <class T, std::size_t Count>
void add_outer_products(const Taps<T, Count>& taps, const T* dy, T* sums, std::size_t channels) {
  constexpr auto count = std::make_index_sequence<Count>{};
  if (channels <= lanes<T>)
    add_outer_products<T, Count, 1>(taps, dy, sums, count);
  else
    add_outer_products<T, Count, channel_packets>(taps, dy, sums, count);
}

/// Adds the contribution of the bands of some samples to dW for one block of output channels,
/// packed (in, tap, channel_block).
template <class T>
void add_weight_products(const Window& w, const Band<T>& band, const TapGrid& grid, const T* dy,
                         std::size_t channels, T* sums) {
  const auto start = [&](std::size_t k) {
    const std::size_t tap = k % w.taps();
    return band.data + static_cast<std::ptrdiff_t>(k / w.taps()) * band.plane +
           static_cast<std::ptrdiff_t>(tap / w.kernel_w) * band.row +
           static_cast<std::ptrdiff_t>(tap % w.kernel_w);
  };
  const auto pass = [&]<std::size_t Count>(std::integral_constant<std::size_t, Count>,
                                           std::size_t k) {
    Taps<T, Count> taps{{}, grid};
    for (std::size_t i = 0; i < Count; ++i) taps.start[i] = start(k + i);
    add_outer_products<T, Count>(taps, dy, sums + k * channel_block<T>, channels);
  };
  std::size_t k = 0;
  if (w.taps() == 9)
    for (; k < w.depth(); k += 9) pass(std::integral_constant<std::size_t, 9>{}, k);
  for (; k + 8 <= w.depth(); k += 8) pass(std::integral_constant<std::size_t, 8>{}, k);
  for (; k < w.depth(); ++k) pass(std::integral_constant<std::size_t, 1>{}, k);
}

/// The partition of a weight gradient into tasks.
struct WeightTasks {
  Window window;          ///< with the input channels of one task
  std::size_t in_blocks;  ///< tasks per block of output channels
  std::size_t rows;       ///< of a band
  std::size_t samples;    ///< whose bands are processed together
};

/// Small planes of several samples are summed in the registers together; bands of large planes fit
/// the level-2 cache. Each thread gets several tasks, for load balance.
template <class T>
WeightTasks weight_tasks(const Window& w, std::size_t n, std::size_t threads) {
  constexpr std::size_t most_channels = 64, least_channels = 8, cache_bytes = 400 * 1024;
  const std::size_t out_blocks = (w.outputs + channel_block<T> - 1) / channel_block<T>;
  const std::size_t wanted = std::max((w.channels + most_channels - 1) / most_channels,
                                      (2 * threads + out_blocks - 1) / out_blocks);
  const std::size_t width =
      std::min(w.channels, round_up((w.channels + wanted - 1) / wanted, least_channels));
  WeightTasks tasks{w, (w.channels + width - 1) / width, 0, 1};
  tasks.window.channels = width;
  tasks.rows = most_band_rows(tasks.window, sizeof(T));
  const std::size_t bytes =
      sizeof(T) * (band_size(tasks.window, tasks.rows) + tasks.rows * w.out_w * channel_block<T>);
  if (tasks.rows == w.out_h) tasks.samples = std::clamp<std::size_t>(cache_bytes / bytes, 1, n);
  return tasks;
}

/// Sizes of the sums of one task, of the bands and of the transposed dy.
template <class T>
std::size_t weight_sums_size(const WeightTasks& t) {
  return t.window.depth() * channel_block<T>;
}
template <class T>
std::size_t weight_bands_size(const WeightTasks& t) {
  return round_up(t.samples * band_size(t.window, t.rows), cache_line_elements<T>);
}
template <class T>
std::size_t weight_part_size(const WeightTasks& t) {
  return weight_sums_size<T>(t) + weight_bands_size<T>(t) +
         t.samples * t.rows * t.window.out_w * channel_block<T>;
}

template <class T>
std::size_t weight_gradient_scratch(const Window& w, std::size_t n, std::size_t threads) {
  const std::size_t direct =
      threads * weight_part_size<T>(weight_tasks<T>(w, n, threads)) + cache_line_elements<T>;
  if constexpr (winograd::available<T>)
    if (winograd::wins_for_weights(w, n))
      return std::max(direct, winograd::weight_gradient_scratch<T>(w, n, threads));
  return direct;
}

/// The position of a task and its sums.
template <class T>
struct WeightTask {
  const WeightTasks& cut;
  nn::View<const T> x;
  const T* dy;
  std::size_t out, in;  ///< first channels
  Window window;
  T *sums, *bands, *transposed;

  /// Adds the rows [row, row + rows) of samples [sample, sample + samples).
  void add(std::size_t sample, std::size_t samples, std::size_t row, std::size_t rows) const {
    const std::size_t plane = window.out_h * window.out_w, pixels = rows * window.out_w;
    const std::size_t step =
        window.pointwise() ? x.shape.c * x.shape.pixels() : band_size(window, rows);
    Band<T> first{};
    for (std::size_t n = 0; n < samples; ++n) {
      const T* from = x.data + ((sample + n) * x.shape.c + in) * x.shape.pixels();
      const Band<T> band = load_band(window, from, row, rows, bands + n * step);
      if (n == 0) first = band;
      transpose_channels<T, channel_block<T>>(
          dy + ((sample + n) * window.outputs + out) * plane + row * window.out_w, plane,
          window.outputs - out, pixels, transposed + n * pixels * channel_block<T>);
    }
    const auto stride = static_cast<std::ptrdiff_t>(window.stride);
    const TapGrid grid{
        samples, rows, window.out_w, static_cast<std::ptrdiff_t>(step), stride * first.row, stride};
    add_weight_products(window, first, grid, transposed, window.outputs - out, sums);
  }

  void operator()() const {
    std::fill_n(sums, window.depth() * channel_block<T>, T(0));
    for (std::size_t sample = 0; sample < x.shape.n; sample += cut.samples) {
      const std::size_t samples = std::min(cut.samples, x.shape.n - sample);
      for (std::size_t row = 0; row < window.out_h; row += cut.rows)
        add(sample, samples, row, std::min(cut.rows, window.out_h - row));
    }
  }
};

/// dW += scale·sums for the channels of a task, a few output channels at a time, so that both the
/// sums and dW are accessed contiguously.
template <class T>
void add_weight_gradient(const nn::Convolution& op, const WeightTask<T>& task, T* dw) {
  constexpr std::size_t group = 8;
  const WeightOrder at = weight_order(op);
  const T scale = static_cast<T>(op.scale);
  const std::size_t outputs = std::min(channel_block<T>, task.window.outputs - task.out);
  const auto add = [&](std::size_t o, auto count) {
    T* const to = dw + (task.out + o) * at.out_step + task.in * at.in_step;
    const T* from = task.sums + o;
    for (std::size_t c = 0; c < task.window.channels; ++c)
      for (std::size_t tap = 0; tap < at.taps; ++tap, from += channel_block<T>)
        for (std::size_t j = 0; j < count; ++j)
          to[j * at.out_step + c * at.in_step + tap] += scale * from[j];
  };
  std::size_t o = 0;
  for (; o + group <= outputs; o += group) add(o, std::integral_constant<std::size_t, group>{});
  if (o < outputs) add(o, outputs - o);
}

/// dW += the gradient from x and dy.
template <class T>
void convolution_weight_gradient(const nn::Convolution& op, nn::View<const T> x, const T* dy, T* dw,
                                 std::size_t threads, T* scratch) {
  const Window w = forward_window(op, x.shape);
  if constexpr (winograd::available<T>)
    if (winograd::wins_for_weights(w, x.shape.n))
      return winograd::weight_gradient(w, x.data, dy, static_cast<T>(op.scale), dw, x.shape.n,
                                       threads, scratch);
  const WeightTasks cut = weight_tasks<T>(w, x.shape.n, threads);
  const std::size_t out_blocks = (w.outputs + channel_block<T> - 1) / channel_block<T>;
  const std::size_t part_size = weight_part_size<T>(cut);
  T* parts = cache_line(scratch);
  for_each_item(threads, out_blocks * cut.in_blocks, [&](std::size_t worker, std::size_t item) {
    T* sums = parts + worker * part_size;
    T* bands = sums + weight_sums_size<T>(cut);
    const std::size_t in = item % cut.in_blocks * cut.window.channels;
    WeightTask<T> task{cut,        x,    dy,    item / cut.in_blocks * channel_block<T>, in,
                       cut.window, sums, bands, bands + weight_bands_size<T>(cut)};
    task.window.channels = std::min(cut.window.channels, w.channels - in);
    task();
    add_weight_gradient(op, task, dw);
  });
}

/// dbias[c] += scale·Σ_n Σ_pixels dy, dchannel_bias[n, c] = scale·Σ_pixels dy; either may be null.
/// `sums` holds n·c values.
template <class T>
void convolution_bias_gradient(nn::View<const T> dy, T scale, T* dbias,
                               nn::Gradient<T> dchannel_bias, std::size_t threads, T* sums) {
  if (dbias == nullptr && dchannel_bias.data == nullptr) return;
  const std::size_t planes = dy.shape.n * dy.shape.c, pixels = dy.shape.pixels();
  for_each_range(threads, planes, 1 + 32768 / pixels, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) sums[i] = scale * sum(pixels, dy.data + i * pixels);
  });
  for (std::size_t i = 0; i < planes; ++i) {
    if (dbias != nullptr) dbias[i % dy.shape.c] += sums[i];
    if (dchannel_bias.data != nullptr)
      dchannel_bias.data[i] = sums[i] + (dchannel_bias.accumulate ? dchannel_bias.data[i] : T(0));
  }
}

}  // namespace scoresde::eigen::detail
