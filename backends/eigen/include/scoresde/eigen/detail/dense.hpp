// SPDX-License-Identifier: MIT
/// Dense layers: y[n] = W x[n] + b with W (out, in), and their gradients.
#pragma once

#include <algorithm>
#include <cstddef>

#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/eigen/detail/product.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::eigen::detail {

/// Number of elements of one sample.
constexpr std::size_t features(const nn::Shape& shape) { return shape.c * shape.h * shape.w; }

/// Number of threads that pays off for a product of this many multiplications.
constexpr std::size_t product_parts(std::size_t threads, std::size_t rows, std::size_t work) {
  return std::min({threads, (rows + tile_rows - 1) / tile_rows, 1 + work / 500'000});
}

template <class T>
std::size_t dense_part_size(std::size_t rows, std::size_t depth, std::size_t parts) {
  return product_scratch<T>((rows + parts - 1) / parts, depth);
}

/// A product whose rows are divided among threads.
template <class T>
void divided_product(std::size_t rows, std::size_t columns, std::size_t depth,
                     const Matrix<const T>& a, const Matrix<const T>& b, const Matrix<T>& c,
                     bool accumulate, std::size_t threads, T* scratch) {
  const std::size_t parts = product_parts(threads, rows, rows * columns * depth);
  const std::size_t part_size = dense_part_size<T>(rows, depth, parts);
  for_each_part(parts, [&](std::size_t part) {
    const Share s = share(rows, parts, part);
    product<T>(s.end - s.begin, columns, depth, {a.data + s.begin * a.row, a.row, a.column}, b,
               {c.data + s.begin * c.row, c.row, c.column}, accumulate, scratch + part * part_size);
  });
}

/// Sufficient for y, dx and dW with any number of threads.
template <class T>
std::size_t dense_scratch(const nn::Shape& x, const nn::Shape& y, std::size_t threads) {
  const std::size_t in = features(x), out = features(y);
  const auto most = [&](std::size_t rows, std::size_t depth) {
    return product_scratch<T>(rows, depth) +
           threads * (product_scratch<T>(1, depth) + tile_rows * depth);
  };
  return std::max({most(out, in), most(in, out), most(out, x.n)});
}

template <class T>
void dense_forward(nn::View<const T> x, const T* weights, const T* bias, nn::View<T> y,
                   std::size_t threads, T* scratch) {
  const std::size_t in = features(x.shape), out = features(y.shape), n = x.shape.n;
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t o = 0; o < out; ++o) y.data[k * out + o] = bias != nullptr ? bias[o] : T(0);
  divided_product<T>(out, n, in, {weights, in, 1}, {x.data, 1, in}, {y.data, 1, out}, true, threads,
                     scratch);
}

/// dx, dW +=, dbias +=; each may be null.
template <class T>
void dense_backward(nn::View<const T> x, const T* weights, nn::View<const T> dy, nn::Gradient<T> dx,
                    T* dweights, T* dbias, std::size_t threads, T* scratch) {
  const std::size_t in = features(x.shape), out = features(dy.shape), n = x.shape.n;
  if (dx.data != nullptr)
    divided_product<T>(in, n, out, {weights, 1, in}, {dy.data, 1, out}, {dx.data, 1, in},
                       dx.accumulate, threads, scratch);
  if (dweights != nullptr)
    divided_product<T>(out, in, n, {dy.data, 1, out}, {x.data, in, 1}, {dweights, in, 1}, true,
                       threads, scratch);
  if (dbias != nullptr)
    for (std::size_t k = 0; k < n; ++k)
      for (std::size_t o = 0; o < out; ++o) dbias[o] += dy.data[k * out + o];
}

}  // namespace scoresde::eigen::detail
