// SPDX-License-Identifier: MIT
/// DeviceMemory: an owning buffer in device memory; DeviceCoefficients: a non-owning pointer to
/// doubles.
#pragma once

#include <cstddef>
#include <utility>

#include <scoresde/cuda/context.hpp>

namespace scoresde::cuda {

/// Move-only; uninitialized. Keeps its context's memory pool alive.
class DeviceMemory {
 public:
  /// Throws Error as Context::allocate does.
  DeviceMemory(Context context, std::size_t bytes)
      : context_(std::move(context)), bytes_(bytes), data_(context_.allocate(bytes)) {}
  DeviceMemory(DeviceMemory&& other) noexcept
      : context_(other.context_),
        bytes_(std::exchange(other.bytes_, 0)),
        data_(std::exchange(other.data_, nullptr)) {}
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(context_, other.context_);
    std::swap(bytes_, other.bytes_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~DeviceMemory() { context_.release(data_); }

  [[nodiscard]] const Context& context() const { return context_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// A device address.
  template <class T = void>
  [[nodiscard]] T* data() const {
    return static_cast<T*>(data_);
  }

 private:
  Context context_;
  std::size_t bytes_;
  void* data_;
};

/// Non-owning pointer to device memory that holds a model's conditioning in a captured run.
struct DeviceCoefficients {
  const double* data = nullptr;
};

}  // namespace scoresde::cuda
