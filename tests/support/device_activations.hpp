// SPDX-License-Identifier: MIT
/// Activations and parameters on a device, and the same values in double for comparison.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <scoresde/nn/graph/ops.hpp>

#include "support/channels_last.hpp"
#include "support/device_vector.hpp"
#include "support/shared_context.hpp"

namespace scoresde::test {

/// Activations and their copy on the device.
template <class T>
struct Input : Activations<T> {
  DeviceVector<T> device;
  Input(const nn::Shape& s, std::uint64_t seed, double mean = 0)
      : Activations<T>(s, seed, mean), device(context(), this->memory) {}
  [[nodiscard]] nn::View<const T> on_device() const { return {device.data(), this->shape}; }
};

/// Memory that a launcher writes or accumulates into, and the result of the double operation.
template <class T>
struct Output {
  nn::Shape shape;
  Target<T> target;
  DeviceVector<T> device;
  std::vector<double> expected;

  explicit Output(const nn::Shape& s, bool accumulate = false)
      : shape(s),
        target(s, accumulate),
        device(context(), target.memory),
        expected(target.before) {}
  [[nodiscard]] T* data() const { return device.data(); }
  [[nodiscard]] nn::View<T> on_device() const { return {data(), shape}; }
  [[nodiscard]] nn::Gradient<T> gradient() const { return {data(), target.accumulate}; }
  /// For the double operation, whose target already holds the initial contents.
  [[nodiscard]] nn::Gradient<double> wide() { return {expected.data(), true}; }
  [[nodiscard]] nn::View<double> view() { return {expected.data(), shape}; }
  [[nodiscard]] double error() const {
    return relative_distance(from_channels_last(device.values(), shape), expected);
  }
};

/// Parameters or their gradients: in float on the device and in double.
struct Parameters {
  std::vector<float> values;
  std::vector<double> wide;
  DeviceVector<float> device;
  Parameters(std::size_t count, std::uint64_t seed)
      : values(random_values<float>(count, seed)),
        wide(values.begin(), values.end()),
        device(context(), values) {}
  [[nodiscard]] double error() const { return relative_distance(device.values(), wide); }
};

}  // namespace scoresde::test
