// SPDX-License-Identifier: MIT
/// Device memory of a network: parameters, activations and conditioning.
///
/// A plain C++ header; operations on the memory are compiled in the library.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/device_memory.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::cuda {

/// A zero-initialized buffer of floats in device memory.
class FloatBuffer {
 public:
  /// Throws Error as Context::allocate does.
  FloatBuffer(const Context& context, std::size_t count) : memory_(context, count * sizeof(float)) {
    context.clear(memory_.data(), memory_.bytes());
  }
  [[nodiscard]] const Context& context() const { return memory_.context(); }
  [[nodiscard]] std::size_t size() const { return memory_.bytes() / sizeof(float); }
  /// A device pointer; host code must not dereference it.
  [[nodiscard]] float* data() { return memory_.data<float>(); }
  [[nodiscard]] const float* data() const { return memory_.data<float>(); }
  /// A span of device memory, for interfaces that take spans.
  [[nodiscard]] std::span<float> span() { return {data(), size()}; }
  [[nodiscard]] std::span<const float> span() const { return {data(), size()}; }

 private:
  DeviceMemory memory_;
};

/// Device memory for the conditioning of up to `samples` samples.
class ConditioningBuffer {
 public:
  /// Throws Error as Context::allocate does.
  ConditioningBuffer(const Context& context, std::size_t samples)
      : samples_(samples),
        numbers_(context, 2 * samples * sizeof(double)),
        classes_(context, samples * sizeof(std::uint32_t)) {}

  /// Copies the conditioning from the host. Throws Error during stream capture.
  nn::Conditioning place(const nn::Conditioning& conditioning) {
    double* const numbers = numbers_.data<double>();
    std::uint32_t* const classes = classes_.data<std::uint32_t>();
    return {copied(conditioning.labels, numbers),
            copied(conditioning.output_scale, numbers + samples_),
            copied(conditioning.classes, classes)};
  }

 private:
  template <class T>
  std::span<const T> copied(std::span<const T> from, T* to) const {
    numbers_.context().copy_to_device(to, from.data(), from.size_bytes());
    return {to, from.size()};
  }

  std::size_t samples_;
  DeviceMemory numbers_, classes_;
};

}  // namespace scoresde::cuda
