// SPDX-License-Identifier: MIT
/// Shared by the tests of CUDA kernels: activations of type T in channels-last layout, and the same
/// numbers in double and (N, C, H, W) for the Eigen operations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <scoresde/cuda/bfloat16.hpp>
#include <scoresde/nn/graph/ops.hpp>

#include "backends/eigen/finite_differences.hpp"

namespace scoresde::test {

/// Largest relative distance to the double operation on the same inputs.
template <class T>
inline constexpr double kernel_tolerance = std::is_same_v<T, float> ? 1e-5 : 1e-2;

/// Index in channels-last layout of element i of (N, C, H, W).
inline std::size_t channels_last(const nn::Shape& s, std::size_t i) {
  const std::size_t pixel = i % s.pixels(), channel = i / s.pixels() % s.c;
  return (i / (s.pixels() * s.c) * s.pixels() + pixel) * s.c + channel;
}

template <class T>
std::vector<T> to_channels_last(const std::vector<double>& x, const nn::Shape& s) {
  std::vector<T> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    out[channels_last(s, i)] = cuda::from_float<T>(static_cast<float>(x[i]));
  return out;
}

template <class T>
std::vector<double> from_channels_last(const std::vector<T>& x, const nn::Shape& s) {
  std::vector<double> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    out[i] = static_cast<double>(cuda::to_float(x[channels_last(s, i)]));
  return out;
}

/// Random activations: `memory` for the kernel, `exact` with the same numbers in double.
template <class T>
struct Activations {
  nn::Shape shape;
  std::vector<T> memory;
  std::vector<double> exact;

  /// mean + deviation·normal, rounded to T.
  Activations(const nn::Shape& s, std::uint64_t seed, double mean = 0, double deviation = 1)
      : shape(s), memory(), exact(random_values<double>(s.size(), seed)) {
    for (double& v : exact) v = mean + deviation * v;
    memory = to_channels_last<T>(exact, s);
    exact = from_channels_last(memory, s);
  }
  [[nodiscard]] nn::View<const double> view() const { return {exact.data(), shape}; }
};

/// Memory filled with NaN, which a kernel must overwrite.
template <class T>
std::vector<T> poisoned(std::size_t count) {
  return std::vector<T>(count, cuda::from_float<T>(std::numeric_limits<float>::quiet_NaN()));
}

/// A gradient to overwrite or accumulate into: its contents before the call, and the same in
/// double.
template <class T>
struct Target {
  std::vector<T> memory;
  std::vector<double> before;
  bool accumulate;

  Target(const nn::Shape& s, bool add)
      : memory(poisoned<T>(s.size())), before(s.size()), accumulate(add) {
    if (!add) return;
    const Activations<T> there(s, 77);
    memory = there.memory;
    before = there.exact;
  }
};

}  // namespace scoresde::test
