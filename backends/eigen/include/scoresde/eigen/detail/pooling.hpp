// SPDX-License-Identifier: MIT
/// Average pooling, and its gradient.
///
///   y[i, j] = Σ x[r, s]/count(i, j) over the pixels (r, s) of window (i, j) that lie inside x
///   dx[r, s] = Σ dy[i, j]/count(i, j) over the windows that contain (r, s)
#pragma once

#include <algorithm>
#include <cstddef>

#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::eigen::detail {

/// Calls body(i, j, rows, columns) for every window of one image of `height` × `width` pixels.
template <class Body>
void for_each_window(const nn::AveragePool& op, std::size_t height, std::size_t width,
                     const nn::Shape& y, const Body& body) {
  for (std::size_t i = 0; i < y.h; ++i)
    for (std::size_t j = 0; j < y.w; ++j) body(i, j, op.rows(i, height), op.columns(j, width));
}

template <class T>
void average_pool(const nn::AveragePool& op, nn::View<const T> x, nn::View<T> y,
                  std::size_t threads) {
  const std::size_t height = x.shape.h, width = x.shape.w, planes = x.shape.n * x.shape.c;
  const std::size_t grain = 1 + 8192 / (y.shape.pixels() * op.height * op.width);
  for_each_range(threads, planes, grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t plane = begin; plane < end; ++plane) {
      const T* const from = x.data + plane * height * width;
      T* const to = y.data + plane * y.shape.pixels();
      for_each_window(op, height, width, y.shape,
                      [&](std::size_t i, std::size_t j, auto rows, auto columns) {
                        T sum = 0;
                        for (std::size_t r = rows.begin; r < rows.end; ++r)
                          for (std::size_t s = columns.begin; s < columns.end; ++s)
                            sum += from[r * width + s];
                        to[i * y.shape.w + j] = sum / static_cast<T>(rows.size() * columns.size());
                      });
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
