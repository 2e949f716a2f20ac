// SPDX-License-Identifier: MIT
/// Gradients of a convolution with respect to its weights and biases.
///
///   dW[o, c, a, b] = Σ_{n, i, j} dy[n, o, i, j] · x̃[n, c, s·i + a, s·j + b]
///
/// dy is transposed so that the output channels of a pixel lie side by side; each input value is
/// then broadcast against them. Every thread sums its own samples into its own dW, and those are
/// added in the order of threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include <scoresde/eigen/convolution.hpp>
#include <scoresde/eigen/elementwise.hpp>
#include <scoresde/eigen/parallel.hpp>
#include <scoresde/eigen/tile.hpp>
#include <scoresde/eigen/window.hpp>

namespace scoresde::eigen::detail {

/// Packets of output channels that one pass handles: nine taps times these must fit the registers.
inline constexpr std::size_t channel_packets = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32 ? 2 : 1;

template <class T>
inline constexpr std::size_t channel_block = channel_packets* lanes<T>;

/// Where the inputs of one pass lie: pixel (i, j) and offset k at start + offset[k] + i·row +
/// j·column.
template <class T, std::size_t Count>
struct Taps {
  const T* start[Count];
  std::size_t height, width;
  std::ptrdiff_t row, column;
};

/// sums[k, o] += Σ_pixels taps[k][pixel]·dy[pixel, o] for one block of output channels, of which
/// the first Packets packets are wanted.
template <class T, std::size_t Count, std::size_t Packets, std::size_t... K>
EIGEN_DONT_INLINE void add_outer_products(const Taps<T, Count>& taps, const T* dy, T* sums,
                                          std::index_sequence<K...>) {
  Packet<T> sum[Count][Packets];
  for (std::size_t j = 0; j < Packets; ++j)
    ((sum[K][j] = packets::ploadu<Packet<T>>(sums + K * channel_block<T> + j * lanes<T>)), ...);
  for (std::size_t i = 0; i < taps.height; ++i) {
    std::ptrdiff_t at = static_cast<std::ptrdiff_t>(i) * taps.row;
    for (std::size_t x = 0; x < taps.width; ++x, at += taps.column, dy += channel_block<T>) {
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

#if defined(__GNUC__) && !defined(__clang__)
// Vector types lose their aliasing attribute as template arguments; PacketBlock does not need it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"
#endif

/// dy of a band, transposed: to[pixel, o], o < channel_block, channels beyond the last zero.
template <class T>
void transpose_channels(const T* dy, std::size_t plane, std::size_t channels, std::size_t pixels,
                        T* to) {
  constexpr std::size_t side = lanes<T>;
  for (std::size_t c = 0; c < channel_block<T>; c += side) {
    std::size_t p = 0;
    for (; c + side <= channels && p + side <= pixels; p += side) {
      packets::PacketBlock<Packet<T>, static_cast<int>(lanes<T>)> block;
      for (std::size_t r = 0; r < side; ++r)
        block.packet[r] = packets::ploadu<Packet<T>>(dy + (c + r) * plane + p);
      packets::ptranspose(block);
      for (std::size_t r = 0; r < side; ++r)
        packets::pstoreu(to + (p + r) * channel_block<T> + c, block.packet[r]);
    }
    for (; p < pixels; ++p)
      for (std::size_t r = 0; r < side; ++r)
        to[p * channel_block<T> + c + r] = c + r < channels ? dy[(c + r) * plane + p] : T(0);
  }
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/// Adds one band's part of dW for one block of output channels, packed (in, tap, channel_block).
template <class T>
void add_weight_products(const Window& w, const Band<T>& band, std::size_t rows, const T* dy,
                         std::size_t channels, T* sums) {
  const auto column = static_cast<std::ptrdiff_t>(w.stride);
  const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(w.stride) * band.row;
  if (w.kernel == 3) {
    Taps<T, 9> taps{{}, rows, w.out_w, row, column};
    for (std::size_t c = 0; c < w.channels; ++c, sums += 9 * channel_block<T>) {
      for (std::ptrdiff_t k = 0; k < 9; ++k)
        taps.start[k] =
            band.data + static_cast<std::ptrdiff_t>(c) * band.plane + k / 3 * band.row + k % 3;
      add_outer_products<T, 9>(taps, dy, sums, channels);
    }
    return;
  }
  constexpr std::size_t group = 8;
  const auto start = [&](std::size_t k) {
    const std::size_t tap = k % w.taps();
    return band.data + static_cast<std::ptrdiff_t>(k / w.taps()) * band.plane +
           static_cast<std::ptrdiff_t>(tap / w.kernel) * band.row +
           static_cast<std::ptrdiff_t>(tap % w.kernel);
  };
  std::size_t k = 0;
  for (; k + group <= w.depth(); k += group, sums += group * channel_block<T>) {
    Taps<T, group> taps{{}, rows, w.out_w, row, column};
    for (std::size_t i = 0; i < group; ++i) taps.start[i] = start(k + i);
    add_outer_products<T, group>(taps, dy, sums, channels);
  }
  for (; k < w.depth(); ++k, sums += channel_block<T>)
    add_outer_products<T, 1>({{start(k)}, rows, w.out_w, row, column}, dy, sums, channels);
}

template <class T>
std::size_t packed_gradient_size(const Window& w) {
  return round_up(w.outputs, channel_block<T>) * w.depth();
}

/// Scratch of one thread: its dW, its band, dy transposed.
template <class T>
std::size_t weight_part_size(const Window& w, std::size_t rows) {
  return packed_gradient_size<T>(w) + round_up(band_size(w, rows), cache_line_elements<T>) +
         rows * w.out_w * channel_block<T>;
}

template <class T>
std::size_t weight_gradient_scratch(const Window& w, std::size_t threads) {
  return threads * weight_part_size<T>(w, most_band_rows(w, sizeof(T))) + cache_line_elements<T>;
}

/// The sum of all threads' dW, added to the caller's.
template <class T>
void reduce_weight_gradient(const nn::Convolution& op, const Window& w, const T* partial,
                            std::size_t parts, std::size_t part_size, std::size_t threads, T* dw) {
  const WeightOrder at = weight_order(op);
  const T scale = static_cast<T>(op.scale);
  for_each_range(threads, w.channels, 1 + 16384 / (w.outputs * w.taps() + 1),
                 [&](std::size_t begin, std::size_t end) {
                   for (std::size_t o = 0; o < w.outputs; ++o) {
                     const std::size_t block = o / channel_block<T> * w.depth() * channel_block<T>;
                     for (std::size_t c = begin; c < end; ++c)
                       for (std::size_t tap = 0; tap < w.taps(); ++tap) {
                         const T* from = partial + block + (c * w.taps() + tap) * channel_block<T> +
                                         o % channel_block<T>;
                         T sum = 0;
                         for (std::size_t part = 0; part < parts; ++part)
                           sum += from[part * part_size];
                         dw[at(o, c, tap)] += scale * sum;
                       }
                   }
                 });
}

/// dW += from x and dy.
template <class T>
void convolution_weight_gradient(const nn::Convolution& op, nn::View<const T> x, const T* dy, T* dw,
                                 std::size_t threads, T* scratch) {
  const Window w = forward_window(op, x.shape);
  const std::size_t n = x.shape.n, plane = w.out_h * w.out_w;
  const std::size_t rows = band_rows(w, n, threads, sizeof(T));
  const std::size_t bands = (w.out_h + rows - 1) / rows;
  const std::size_t part_size = weight_part_size<T>(w, rows);
  const std::size_t parts = std::min(threads, n * bands);
  T* partial = cache_line(scratch);
  for_each_part(parts, [&](std::size_t part) {
    T* sums = partial + part * part_size;
    T* memory = sums + packed_gradient_size<T>(w);
    T* transposed = memory + round_up(band_size(w, rows), cache_line_elements<T>);
    std::fill_n(sums, packed_gradient_size<T>(w), T(0));
    const Share items = share(n * bands, parts, part);
    for (std::size_t item = items.begin; item < items.end; ++item) {
      const std::size_t sample = item / bands, first_row = item % bands * rows;
      const std::size_t count = std::min(rows, w.out_h - first_row);
      const Band<T> band =
          load_band(w, x.data + sample * w.channels * w.in_h * w.in_w, first_row, count, memory);
      for (std::size_t o = 0; o < w.outputs; o += channel_block<T>) {
        transpose_channels(dy + (sample * w.outputs + o) * plane + first_row * w.out_w, plane,
                           w.outputs - o, count * w.out_w, transposed);
        add_weight_products(w, band, count, transposed, w.outputs - o, sums + o * w.depth());
      }
    }
  });
  reduce_weight_gradient(op, w, partial, parts, part_size, threads, dw);
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
