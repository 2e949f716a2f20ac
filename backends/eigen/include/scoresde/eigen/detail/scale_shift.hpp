// SPDX-License-Identifier: MIT
/// Scales and shifts per sample and channel, and their gradients.
///
///   y[n, c] = x[n, c]·(1 + s[n, c]) + b[n, c]
///   dx = dy·(1 + s),   ds = Σ over pixels of dy·x,   db = Σ over pixels of dy
///
/// Perez et al. 2018, arXiv:1709.07871, equation 2; Nichol and Dhariwal 2021, arXiv:2102.09672,
/// section 3.2, for the form 1 + s.
#pragma once

#include <cstddef>

#include <scoresde/eigen/detail/elementwise.hpp>
#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::eigen::detail {

/// Calls visit(first element of the plane, index of the scale, index of the shift) for each sample
/// and channel of x; scales and shifts are (n, 2c).
template <class Visit>
void for_each_plane(const nn::Shape& x, std::size_t threads, const Visit& visit) {
  const std::size_t grain = 1 + 8192 / x.pixels();
  for_each_range(threads, x.n * x.c, grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t plane = begin; plane < end; ++plane) {
      const std::size_t scale = plane / x.c * 2 * x.c + plane % x.c;
      visit(plane * x.pixels(), scale, scale + x.c);
    }
  });
}

template <class T>
void scale_shift(nn::View<const T> x, const T* modulation, T* y, std::size_t threads) {
  for_each_plane(x.shape, threads, [&](std::size_t at, std::size_t scale, std::size_t shift) {
    transform<T>(
        x.shape.pixels(), {y + at, false},
        [s = Vec<T>(1 + modulation[scale]), b = Vec<T>(modulation[shift])](Vec<T> v) {
          return v * s + b;
        },
        x.data + at);
  });
}

template <class T>
void scale_shift_backward(nn::View<const T> x, const T* modulation, const T* dy, nn::Gradient<T> dx,
                          nn::Gradient<T> dmodulation, std::size_t threads) {
  const std::size_t pixels = x.shape.pixels();
  for_each_plane(x.shape, threads, [&](std::size_t at, std::size_t scale, std::size_t shift) {
    if (dmodulation.data != nullptr) {
      T& ds = dmodulation.data[scale];
      T& db = dmodulation.data[shift];
      const T product = sum<T>(
          pixels, [](Vec<T> a, Vec<T> b) { return a * b; }, dy + at, x.data + at);
      ds = dmodulation.accumulate ? ds + product : product;
      db = dmodulation.accumulate ? db + sum(pixels, dy + at) : sum(pixels, dy + at);
    }
    if (dx.data != nullptr)
      transform<T>(
          pixels, {dx.data + at, dx.accumulate},
          [s = Vec<T>(1 + modulation[scale])](Vec<T> d) { return d * s; }, dy + at);
  });
}

}  // namespace scoresde::eigen::detail
