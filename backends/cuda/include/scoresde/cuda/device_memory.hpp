// SPDX-License-Identifier: MIT
/// DeviceMemory: bytes on a device, owned; DeviceNumbers: numbers there, borrowed.
#pragma once

#include <cstddef>
#include <utility>

#include <scoresde/cuda/context.hpp>

namespace scoresde::cuda {

/// Move-only; its contents are undefined until written. Memory of a context outlives every handle
/// of it that the owner has dropped.
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

/// Numbers that work finds on the device: what a model is told of a step, in a captured run.
struct DeviceNumbers {
  const double* data = nullptr;
};

}  // namespace scoresde::cuda
