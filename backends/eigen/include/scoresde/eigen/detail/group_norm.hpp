// SPDX-License-Identifier: MIT
/// Group normalization, optionally followed by SiLU, and its gradient.
///
///   x̂ = (x − μ)·r,  r = 1/√(var + ε),  z = γ x̂ + β,  y = z or z σ(z)
///   dx = r (γ dz − mean(γ dz) − x̂ mean(γ dz · x̂)),  means over the group
///
/// Wu & He 2018, "Group Normalization". The variance is that of the group (divided by its size), in
/// two passes, so that a large mean causes no loss of accuracy.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <scoresde/eigen/detail/activation.hpp>
#include <scoresde/eigen/detail/elementwise.hpp>
#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::eigen::detail {

/// Extents of a group: its channels and their pixels.
struct GroupExtent {
  std::size_t groups, channels, pixels;
  [[nodiscard]] constexpr std::size_t size() const { return channels * pixels; }
};

constexpr GroupExtent group_extent(const nn::GroupNorm& norm, const nn::Shape& x) {
  return {norm.groups, x.c / norm.groups, x.pixels()};
}

template <class T>
struct GroupStatistics {
  T mean, reciprocal_deviation;
};

/// Σ f(x) in double, from partial sums of 1024 elements in T.
template <class T, class F>
double chunked_sum(const T* x, std::size_t count, const F& f) {
  constexpr std::size_t chunk = 1024;
  double total = 0;
  for (std::size_t i = 0; i < count; i += chunk)
    total += static_cast<double>(sum<T>(std::min(chunk, count - i), f, x + i));
  return total;
}

/// μ and 1/√(var + ε). The first element is subtracted before the mean is computed.
template <class T>
GroupStatistics<T> group_statistics(const T* x, std::size_t count, double epsilon) {
  const auto size = static_cast<double>(count);
  const Vec<T> pivot(x[0]);
  const double mean =
      static_cast<double>(x[0]) + chunked_sum(x, count, [&](Vec<T> v) { return v - pivot; }) / size;
  const auto center = static_cast<T>(mean);
  const double offset = mean - static_cast<double>(center);
  const double square = chunked_sum(x, count,
                                    [c = Vec<T>(center)](Vec<T> v) {
                                      const Vec<T> difference = v - c;
                                      return difference * difference;
                                    }) /
                        size;
  return {center, static_cast<T>(1 / std::sqrt(square - offset * offset + epsilon))};
}

/// (x − mean)·scale + shift, the normalization of one channel.
template <class T>
struct Affine {
  Vec<T> mean, scale, shift;
  Vec<T> operator()(Vec<T> x) const { return (x - mean) * scale + shift; }
};

/// y and the interleaved statistics (μ, r) of every sample and group.
template <class T>
void group_norm_forward(const nn::GroupNorm& norm, nn::View<const T> x, const T* gamma,
                        const T* beta, T* y, T* statistics, std::size_t threads) {
  const GroupExtent extent = group_extent(norm, x.shape);
  for_each_range(threads, x.shape.n * norm.groups, 1 + 8192 / extent.size(),
                 [&](std::size_t begin, std::size_t end) {
                   for (std::size_t i = begin; i < end; ++i) {
                     const T* from = x.data + i * extent.size();
                     const auto [mean, reciprocal] =
                         group_statistics(from, extent.size(), norm.epsilon);
                     statistics[2 * i] = mean;
                     statistics[2 * i + 1] = reciprocal;
                     for (std::size_t c = 0; c < extent.channels; ++c) {
                       const std::size_t channel = i % norm.groups * extent.channels + c;
                       const T scale = gamma[channel] * reciprocal, shift = beta[channel];
                       const Affine<T> affine{mean, scale, shift};
                       const nn::Gradient<T> out{y + i * extent.size() + c * extent.pixels, false};
                       const T* in = from + c * extent.pixels;
                       if (norm.silu)
                         transform<T>(
                             extent.pixels, out, [&](Vec<T> v) { return silu(affine(v)); }, in);
                       else
                         transform<T>(extent.pixels, out, affine, in);
                     }
                   }
                 });
}

/// Scratch of the gradient: dz of a group per thread, then (dγ, dβ) per sample and channel.
inline std::size_t group_norm_scratch(const nn::GroupNorm& norm, const nn::Shape& x,
                                      std::size_t threads) {
  return threads * group_extent(norm, x).size() + 2 * x.n * x.c;
}

/// Computes dz of one channel; accumulates Σ dz·x̂ and Σ dz.
template <class T>
void channel_gradient(bool silu, const T* x, const T* dy, std::size_t pixels,
                      const GroupStatistics<T>& s, T gamma, T beta, T* dz, T* sums) {
  const Affine<T> affine{s.mean, gamma * s.reciprocal_deviation, beta};
  if (silu)
    transform<T>(
        pixels, {dz, false}, [&](Vec<T> v, Vec<T> d) { return d * silu_slope(affine(v)); }, x, dy);
  else
    std::copy_n(dy, pixels, dz);
  const Vec<T> mean(s.mean);
  sums[0] = s.reciprocal_deviation *
            sum<T>(
                pixels, [&](Vec<T> v, Vec<T> d) { return (v - mean) * d; }, x, dz);
  sums[1] = sum(pixels, dz);
}

template <class T>
void group_norm_input_gradient(const GroupExtent& extent, const T* x, const T* dz, const T* gamma,
                               const T* sums, const GroupStatistics<T>& s, nn::Gradient<T> dx) {
  double product = 0, sum = 0;
  for (std::size_t c = 0; c < extent.channels; ++c) {
    product += static_cast<double>(gamma[c]) * static_cast<double>(sums[2 * c]);
    sum += static_cast<double>(gamma[c]) * static_cast<double>(sums[2 * c + 1]);
  }
  const auto size = static_cast<double>(extent.size());
  const T mean_product = static_cast<T>(product / size) * s.reciprocal_deviation;
  const T mean = static_cast<T>(sum / size);
  for (std::size_t c = 0; c < extent.channels; ++c) {
    const Vec<T> scale(gamma[c] * s.reciprocal_deviation);
    const Vec<T> shift(mean * s.reciprocal_deviation), center(s.mean);
    const Vec<T> slope(mean_product * s.reciprocal_deviation);
    const std::size_t at = c * extent.pixels;
    transform<T>(
        extent.pixels, {dx.data + at, dx.accumulate},
        [&](Vec<T> v, Vec<T> d) { return d * scale - shift - (v - center) * slope; }, x + at,
        dz + at);
  }
}

/// dx, dγ +=, dβ +=; each may be null.
template <class T>
void group_norm_backward(const nn::GroupNorm& norm, nn::View<const T> x, const T* gamma,
                         const T* beta, const T* statistics, const T* dy, nn::Gradient<T> dx,
                         T* dgamma, T* dbeta, std::size_t threads, T* scratch) {
  const GroupExtent extent = group_extent(norm, x.shape);
  T* sums = scratch + threads * extent.size();
  for_each_item(threads, x.shape.n, [&](std::size_t worker, std::size_t sample) {
    T* dz = scratch + worker * extent.size();
    for (std::size_t i = sample * norm.groups; i < (sample + 1) * norm.groups; ++i) {
      const std::size_t channel = i % norm.groups * extent.channels;
      const GroupStatistics<T> s{statistics[2 * i], statistics[2 * i + 1]};
      T* group_sums = sums + 2 * (sample * x.shape.c + channel);
      const std::size_t at = i * extent.size();
      for (std::size_t c = 0; c < extent.channels; ++c)
        channel_gradient(norm.silu, x.data + at + c * extent.pixels, dy + at + c * extent.pixels,
                         extent.pixels, s, gamma[channel + c], beta[channel + c],
                         dz + c * extent.pixels, group_sums + 2 * c);
      if (dx.data != nullptr)
        group_norm_input_gradient(extent, x.data + at, dz, gamma + channel, group_sums, s,
                                  {dx.data + at, dx.accumulate});
    }
  });
  for (std::size_t i = 0; i < x.shape.n * x.shape.c; ++i) {
    if (dgamma != nullptr) dgamma[i % x.shape.c] += sums[2 * i];
    if (dbeta != nullptr) dbeta[i % x.shape.c] += sums[2 * i + 1];
  }
}

}  // namespace scoresde::eigen::detail
