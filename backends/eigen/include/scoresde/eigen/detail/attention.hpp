// SPDX-License-Identifier: MIT
/// Single-head attention over the pixels of each sample, and its gradient.
///
///   S = qᵀk/√c,  P = softmax of each row of S,  y = v Pᵀ          (q, k, v: c × pixels)
///   dV = dy P,  dP = dyᵀ v,  dS = P ∘ (dP − rowsum(P ∘ dP)),  dq = k dSᵀ/√c,  dk = q dS/√c
///
/// Vaswani et al. 2017, eq. (1). The softmax subtracts the maximum of each row first.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <scoresde/eigen/detail/elementwise.hpp>
#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/eigen/detail/product.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::eigen::detail {

/// Scratch of one thread: dS of one sample, then that of a product.
template <class T>
std::size_t attention_part_size(const nn::Shape& q) {
  const std::size_t pixels = q.pixels();
  return pixels * pixels +
         std::max(product_scratch<T>(pixels, q.c), product_scratch<T>(q.c, pixels));
}

/// row ← softmax(scale·row).
template <class T>
void softmax(T* row, std::size_t count, T scale) {
  const T largest = *std::max_element(row, row + count);
  transform<T>(
      count, {row, false},
      [m = Vec<T>(largest), s = Vec<T>(scale)](Vec<T> v) { return exp((v - m) * s); }, row);
  const Vec<T> inverse(T(1) / sum(count, row));
  transform<T>(
      count, {row, false}, [&](Vec<T> v) { return v * inverse; }, row);
}

/// The rows of one sample computed by one thread.
template <class T>
void attend(const T* q, const T* k, const T* v, T* y, T* probabilities, std::size_t channels,
            std::size_t pixels, Share rows, T* scratch) {
  const std::size_t count = rows.end - rows.begin;
  T* p = probabilities + rows.begin * pixels;
  product<T>(count, pixels, channels, {q + rows.begin, 1, pixels}, {k, pixels, 1}, {p, pixels, 1},
             false, scratch);
  const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(channels)));
  for (std::size_t i = 0; i < count; ++i) softmax(p + i * pixels, pixels, scale);
  product<T>(channels, count, pixels, {v, pixels, 1}, {p, 1, pixels}, {y + rows.begin, pixels, 1},
             false, scratch);
}

template <class T>
void attention_forward(nn::View<const T> q, const T* k, const T* v, T* y, T* probabilities,
                       std::size_t threads, T* scratch) {
  const std::size_t n = q.shape.n, c = q.shape.c, pixels = q.shape.pixels();
  const std::size_t bands = n % threads == 0 ? 1 : std::min(threads, pixels);
  for_each_item(threads, n * bands, [&](std::size_t worker, std::size_t item) {
    const std::size_t sample = item / bands, at = sample * c * pixels;
    attend(q.data + at, k + at, v + at, y + at, probabilities + sample * pixels * pixels, c, pixels,
           share(pixels, bands, item % bands), scratch + worker * attention_part_size<T>(q.shape));
  });
}

/// Replaces dP by dS/√c, row by row.
template <class T>
void softmax_gradient(const T* probabilities, T* gradient, std::size_t pixels, T scale) {
  for (std::size_t i = 0; i < pixels; ++i) {
    const T* p = probabilities + i * pixels;
    T* d = gradient + i * pixels;
    const Vec<T> mean(sum<T>(
        pixels, [](Vec<T> a, Vec<T> b) { return a * b; }, p, static_cast<const T*>(d)));
    transform<T>(
        pixels, {d, false},
        [&, s = Vec<T>(scale)](Vec<T> a, Vec<T> b) { return a * (b - mean) * s; }, p,
        static_cast<const T*>(d));
  }
}

/// Gradients of queries, keys and values; each may be skipped.
template <class T>
struct AttentionGradients {
  nn::Gradient<T> q, k, v;
};

template <class T>
void attention_backward(nn::View<const T> q, const T* k, const T* v, const T* probabilities,
                        const T* dy, const AttentionGradients<T>& gradients, std::size_t threads,
                        T* scratch) {
  const std::size_t n = q.shape.n, c = q.shape.c, pixels = q.shape.pixels();
  const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(c)));
  const auto [dq, dk, dv] = gradients;
  for_each_item(threads, n, [&, dq = dq, dk = dk, dv = dv](std::size_t worker, std::size_t sample) {
    T* ds = scratch + worker * attention_part_size<T>(q.shape);
    T* memory = ds + pixels * pixels;
    const std::size_t at = sample * c * pixels;
    const T* p = probabilities + sample * pixels * pixels;
    if (dv.data != nullptr)
      product<T>(c, pixels, pixels, {dy + at, pixels, 1}, {p, pixels, 1}, {dv.data + at, pixels, 1},
                 dv.accumulate, memory);
    if (dq.data == nullptr && dk.data == nullptr) return;
    product<T>(pixels, pixels, c, {dy + at, 1, pixels}, {v + at, pixels, 1}, {ds, pixels, 1}, false,
               memory);
    softmax_gradient(p, ds, pixels, scale);
    if (dq.data != nullptr)
      product<T>(c, pixels, pixels, {k + at, pixels, 1}, {ds, 1, pixels}, {dq.data + at, pixels, 1},
                 dq.accumulate, memory);
    if (dk.data != nullptr)
      product<T>(c, pixels, pixels, {q.data + at, pixels, 1}, {ds, pixels, 1},
                 {dk.data + at, pixels, 1}, dk.accumulate, memory);
  });
}

}  // namespace scoresde::eigen::detail
