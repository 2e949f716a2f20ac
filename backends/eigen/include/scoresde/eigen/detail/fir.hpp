// SPDX-License-Identifier: MIT
/// Separable FIR filters with upsampling by zeros and downsampling.
///
///   x̃[i·up + before] = x[i], 0 elsewhere;   y[o] = Σⱼ taps[count − 1 − j] x̃[o·down + j]
///
/// along rows, then along columns. Karras et al. 2020 (arXiv:1912.04958), appendix B, use it with
/// the taps of Zhang 2019 (arXiv:1904.11486); Song et al. 2021 (arXiv:2011.13456), appendix H.
#pragma once

#include <algorithm>
#include <cstddef>

#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::eigen::detail {

/// Length of the padded row from which `length` values of y are computed.
inline std::size_t padded_length(const nn::Fir& op, std::size_t length) {
  return (length - 1) * op.down + op.count;
}

/// Scratch of one thread in scalars: a plane filtered along its rows, and one padded row.
inline std::size_t fir_scratch(const nn::Fir& op, const nn::Shape& x, const nn::Shape& y) {
  const std::size_t widest = std::max(op.up, op.down);
  return std::max(x.h, y.h) * y.w + (y.w + 1) * widest + op.count;
}

/// One row: `from` has n values, `to` has m.
template <class T>
void fir_row(const nn::Fir& op, const T* from, std::size_t n, T* to, std::size_t m, T* padded) {
  const std::size_t length = padded_length(op, m);
  std::fill_n(padded, length, T(0));
  for (std::size_t i = 0; i < n; ++i) {
    const auto at = static_cast<std::ptrdiff_t>(i * op.up) + op.pad_before;
    if (at >= 0 && at < static_cast<std::ptrdiff_t>(length)) padded[at] = from[i];
  }
  std::fill_n(to, m, T(0));
  for (std::size_t j = 0; j < op.count; ++j) {
    const T tap = static_cast<T>(op.taps[op.count - 1 - j]);
    const T* here = padded + j;
    if (op.down == 1)
      for (std::size_t o = 0; o < m; ++o) to[o] += tap * here[o];
    else
      for (std::size_t o = 0; o < m; ++o) to[o] += tap * here[o * op.down];
  }
}

/// Row o of y from the n rows of a plane already filtered along its rows.
template <class T>
void fir_column(const nn::Fir& op, const T* plane, std::size_t n, std::size_t width, std::size_t o,
                T* row) {
  for (std::size_t j = 0; j < op.count; ++j) {
    const auto at = static_cast<std::ptrdiff_t>(o * op.down + j) - op.pad_before;
    const auto up = static_cast<std::ptrdiff_t>(op.up);
    if (at < 0 || at % up != 0 || at / up >= static_cast<std::ptrdiff_t>(n)) continue;
    const T tap = static_cast<T>(op.taps[op.count - 1 - j]);
    const T* from = plane + static_cast<std::size_t>(at / up) * width;
    for (std::size_t i = 0; i < width; ++i) row[i] += tap * from[i];
  }
}

template <class T>
void fir_plane(const nn::Fir& op, const T* from, const nn::Shape& in, nn::Gradient<T> y,
               const nn::Shape& out, T* filtered) {
  T* padded = filtered + std::max(in.h, out.h) * out.w;
  for (std::size_t i = 0; i < in.h; ++i)
    fir_row(op, from + i * in.w, in.w, filtered + i * out.w, out.w, padded);
  if (!y.accumulate) std::fill_n(y.data, out.pixels(), T(0));
  for (std::size_t o = 0; o < out.h; ++o)
    fir_column(op, filtered, in.h, out.w, o, y.data + o * out.w);
}

/// y ← or += the filter applied to every plane of x; `shape` is that of y.
template <class T>
void fir(const nn::Fir& op, nn::View<const T> x, const nn::Shape& shape, nn::Gradient<T> y,
         std::size_t threads, T* scratch) {
  const std::size_t planes = shape.n * shape.c, part = fir_scratch(op, x.shape, shape);
  const std::size_t groups = 1 + planes * shape.pixels() / 16384;
  for_each_item(threads, groups, [&](std::size_t worker, std::size_t group) {
    T* filtered = scratch + worker * part;
    const Share mine = share(planes, groups, group);
    for (std::size_t plane = mine.begin; plane < mine.end; ++plane)
      fir_plane(op, x.data + plane * x.shape.pixels(), x.shape,
                {y.data + plane * shape.pixels(), y.accumulate}, shape, filtered);
  });
}

}  // namespace scoresde::eigen::detail
