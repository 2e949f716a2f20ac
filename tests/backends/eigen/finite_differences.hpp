// SPDX-License-Identifier: MIT
/// Shared by the tests of network operations: random values, guarded scratch, central differences.
///
///   ∂L/∂v_i ≈ (L(v + h e_i) − L(v − h e_i)) / 2h,   L = Σ r·y with random r
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/noise/noise.hpp>

namespace scoresde::test {

/// `count` normal values that depend on the seed only.
template <class T>
std::vector<T> random_values(std::size_t count, std::uint64_t seed) {
  std::vector<float> z(count);
  fill_normal(z, NoiseDraw{.seed = seed, .index = 1, .first_sample = 0}, 0, 0);
  return {z.begin(), z.end()};
}

template <class To, class From>
std::vector<To> converted(const std::vector<From>& values) {
  return {values.begin(), values.end()};
}

template <class T>
std::vector<T> not_a_number(std::size_t count) {
  return std::vector<T>(count, std::numeric_limits<T>::quiet_NaN());
}

/// Scratch filled with NaN before a call, with guard elements that a call must not modify.
template <class T>
class GuardedScratch {
 public:
  explicit GuardedScratch(std::size_t count)
      : memory_(count + 2 * border_, std::numeric_limits<T>::quiet_NaN()) {
    std::fill_n(memory_.begin(), border_, guard_);
    std::fill_n(memory_.end() - border_, border_, guard_);
  }
  std::span<T> span() {
    return std::span<T>(memory_).subspan(border_, memory_.size() - 2 * border_);
  }
  bool intact() const {
    const auto is_guard = [](T v) { return v == guard_; };
    return std::all_of(memory_.begin(), memory_.begin() + border_, is_guard) &&
           std::all_of(memory_.end() - border_, memory_.end(), is_guard);
  }

 private:
  static constexpr std::ptrdiff_t border_ = 70;
  static constexpr T guard_ = T(12345.678);
  std::vector<T> memory_;
};

/// ‖a − b‖ / ‖b‖ over all elements; NaN where either has a NaN, so that every comparison fails.
template <class A, class B>
double relative_distance(const std::vector<A>& a, const std::vector<B>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    difference += d * d;
    size += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return std::sqrt(difference) / (size > 0 ? std::sqrt(size) : 1.0);
}

inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

inline std::vector<double> sum_of(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> sum(a);
  for (std::size_t i = 0; i < a.size(); ++i) sum[i] += b[i];
  return sum;
}

/// The gradient of loss() with respect to `v`, which loss() reads.
template <class Loss>
std::vector<double> central_differences(std::vector<double>& v, const Loss& loss) {
  constexpr double h = 1e-4;
  std::vector<double> gradient(v.size());
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double at = v[i];
    v[i] = at + h;
    const double above = loss();
    v[i] = at - h;
    gradient[i] = (above - loss()) / (2 * h);
    v[i] = at;
  }
  return gradient;
}

/// For h = 1e-4, differences of smooth functions of unit scale have a truncation error of about h²
/// = 1e-8 and a rounding error of about 1e-16/h = 1e-12.
inline constexpr double difference_tolerance = 1e-6;

/// The larger of the errors of a gradient that overwrites NaN and of one that is added to values;
/// `run(gradient)` computes it and `expected` is its exact value.
template <class Run>
double gradient_error(const std::vector<double>& expected, const Run& run) {
  std::vector<double> over = not_a_number<double>(expected.size());
  run(nn::Gradient<double>{over.data(), false});
  const std::vector<double> start = random_values<double>(expected.size(), 99);
  std::vector<double> added = start;
  run(nn::Gradient<double>{added.data(), true});
  const double first = relative_distance(over, expected);
  const double second = relative_distance(added, sum_of(start, expected));
  return std::isnan(first) || std::isnan(second) ? std::numeric_limits<double>::infinity()
                                                 : std::max(first, second);
}

}  // namespace scoresde::test
