// SPDX-License-Identifier: MIT
/// Average pooling, its gradient, and max pooling.
///
///   y[i, j] = Σ x[r, s]/count(i, j) over the pixels (r, s) of window (i, j) that lie inside x
///   dx[r, s] = Σ dy[i, j]/count(i, j) over the windows that contain (r, s)
///   max pooling: y[i, j] = max x[r, s] over the pixels of window (i, j) that lie inside x
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>

#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/eigen/detail/tile.hpp>
#include <scoresde/nn/graph/inference_ops.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::eigen::detail {

/// Calls body(i, j, rows, columns) for every window of one image of `height` × `width` pixels.
template <class Body>
void for_each_window(const nn::AveragePool& op, std::size_t height, std::size_t width,
                     const nn::Shape& y, const Body& body) {
  for (std::size_t i = 0; i < y.h; ++i)
    for (std::size_t j = 0; j < y.w; ++j) body(i, j, op.rows(i, height), op.columns(j, width));
}

/// The windows of stride 1 that lie inside the image from left to right: those of columns [begin,
/// end) of y.
inline nn::AveragePool::Range whole_columns(const nn::AveragePool& op, std::size_t width,
                                            const nn::Shape& y) {
  const std::size_t begin = std::min(op.pad, y.w);
  const std::size_t end = width + op.pad + 1 < op.width ? 0 : width + op.pad + 1 - op.width;
  return {begin, std::clamp(end, begin, y.w)};
}

/// One row of y by `join(value, pixel)`, of packets or scalars, over the pixels of each window, row
/// after row, from `start`. Windows of stride 1 inside the image are computed a packet at a time,
/// each in the same order; the last packet overlaps the one before it.
template <class T, class Join>
void pool_row(const nn::AveragePool& op, nn::AveragePool::Range rows, const T* from,
              std::size_t width, const nn::Shape& y, T start, const Join& join, T* to) {
  auto whole = op.stride == 1 ? whole_columns(op, width, y) : nn::AveragePool::Range{0, 0};
  if (whole.size() < lanes<T>) whole.end = whole.begin;
  for (std::size_t j = whole.begin; j < whole.end; j += lanes<T>) {
    j = std::min(j, whole.end - lanes<T>);
    auto value = packets::pset1<Packet<T>>(start);
    for (std::size_t r = rows.begin; r < rows.end; ++r)
      for (std::size_t s = 0; s < op.width; ++s)
        value = join(value, packets::ploadu<Packet<T>>(from + r * width + s + j - op.pad));
    packets::pstoreu(to + j, value);
  }
  for (std::size_t j = 0; j < y.w; ++j) {
    if (j == whole.begin) j = whole.end;
    if (j == y.w) break;
    const auto columns = op.columns(j, width);
    T value = start;
    for (std::size_t r = rows.begin; r < rows.end; ++r)
      for (std::size_t s = columns.begin; s < columns.end; ++s)
        value = join(value, from[r * width + s]);
    to[j] = value;
  }
}

/// The joins of pooling, of packets and of scalars. The larger value is not a number if either is
/// not a number.
struct Sum {
  template <class P>
  EIGEN_ALWAYS_INLINE P operator()(const P& a, const P& b) const {
    return packets::padd(a, b);
  }
};
struct Larger {
  template <class P>
  EIGEN_ALWAYS_INLINE P operator()(const P& a, const P& b) const {
    return packets::pmax<Eigen::PropagateNaN>(a, b);
  }
};

/// Calls body(from, to) for every plane.
template <class T, class Body>
void for_each_pooled_plane(const nn::AveragePool& op, nn::View<const T> x, nn::View<T> y,
                           std::size_t threads, const Body& body) {
  const std::size_t grain = 1 + 8192 / (y.shape.pixels() * op.height * op.width);
  for_each_range(threads, x.shape.n * x.shape.c, grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t plane = begin; plane < end; ++plane)
      body(x.data + plane * x.shape.pixels(), y.data + plane * y.shape.pixels());
  });
}

template <class T>
void average_pool(const nn::AveragePool& op, nn::View<const T> x, nn::View<T> y,
                  std::size_t threads) {
  const std::size_t height = x.shape.h, width = x.shape.w;
  const auto whole = op.stride == 1 ? whole_columns(op, width, y.shape) : nn::AveragePool::Range{};
  for_each_pooled_plane<T>(op, x, y, threads, [&](const T* from, T* to) {
    for (std::size_t i = 0; i < y.shape.h; ++i, to += y.shape.w) {
      const auto rows = op.rows(i, height);
      pool_row<T>(op, rows, from, width, y.shape, T(0), Sum{}, to);
      for (std::size_t j = 0; j < y.shape.w; ++j)
        if (j < whole.begin || j >= whole.end)
          to[j] /= static_cast<T>(rows.size() * op.columns(j, width).size());
      const T count = static_cast<T>(rows.size() * op.width);
      for (std::size_t j = whole.begin; j < whole.end; ++j) to[j] /= count;
    }
  });
}

/// to ← max(to, from).
template <class T>
void join_row(const T* from, std::size_t width, T* to) {
  std::size_t s = 0;
  for (; s + lanes<T> <= width; s += lanes<T>)
    packets::pstoreu(
        to + s, Larger{}(packets::ploadu<Packet<T>>(to + s), packets::ploadu<Packet<T>>(from + s)));
  for (; s < width; ++s) to[s] = Larger{}(to[s], from[s]);
}

/// values[j] ← the maximum of values[j … j + window − 1] for j < count; memory must be readable and
/// writable for a packet and a window after that.
template <class T>
void slide_maximum(std::size_t window, std::size_t count, T* values) {
  for (std::size_t j = 0; j < count; j += lanes<T>) {
    auto value = packets::ploadu<Packet<T>>(values + j);
    for (std::size_t s = 1; s < window; ++s)
      value = Larger{}(value, packets::ploadu<Packet<T>>(values + j + s));
    packets::pstoreu(values + j, value);
  }
}

/// The maxima of columns over some rows, then of windows: each row is read once.
template <class T>
void max_pool(const nn::MaxPool& op, nn::View<const T> x, nn::View<T> y, std::size_t threads) {
  constexpr std::size_t most = 1024;
  constexpr T least = -std::numeric_limits<T>::infinity();
  const nn::AveragePool& windows = op.windows;
  const std::size_t height = x.shape.h, width = x.shape.w;
  const std::size_t padded = width + 2 * windows.pad;
  const std::size_t used = padded + windows.width + lanes<T>;
  for_each_pooled_plane<T>(windows, x, y, threads, [&](const T* from, T* to) {
    T columns[most];
    for (std::size_t i = 0; i < y.shape.h; ++i, to += y.shape.w) {
      const auto rows = windows.rows(i, height);
      if (used > most) {
        pool_row<T>(windows, rows, from, width, y.shape, least, Larger{}, to);
        continue;
      }
      std::fill_n(columns, used, least);
      for (std::size_t r = rows.begin; r < rows.end; ++r)
        join_row(from + r * width, width, columns + windows.pad);
      slide_maximum(windows.width, padded, columns);
      for (std::size_t j = 0; j < y.shape.w; ++j) to[j] = columns[j * windows.stride];
    }
  });
}

/// dx has the planes of dy and the extents of `x`.
template <class T>
void average_pool_gradient(const nn::AveragePool& op, nn::View<const T> dy, const nn::Shape& x,
                           nn::Gradient<T> dx, std::size_t threads) {
  const std::size_t planes = dy.shape.n * dy.shape.c;
  const std::size_t grain = 1 + 8192 / (x.pixels() + dy.shape.pixels() * op.height * op.width);
  for_each_range(threads, planes, grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t plane = begin; plane < end; ++plane) {
      const T* const from = dy.data + plane * dy.shape.pixels();
      T* const to = dx.data + plane * x.pixels();
      if (!dx.accumulate) std::fill_n(to, x.pixels(), T(0));
      for_each_window(
          op, x.h, x.w, dy.shape, [&](std::size_t i, std::size_t j, auto rows, auto columns) {
            const T share = from[i * dy.shape.w + j] / static_cast<T>(rows.size() * columns.size());
            for (std::size_t r = rows.begin; r < rows.end; ++r)
              for (std::size_t s = columns.begin; s < columns.end; ++s) to[r * x.w + s] += share;
          });
    }
  });
}

}  // namespace scoresde::eigen::detail
