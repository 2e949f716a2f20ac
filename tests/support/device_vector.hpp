// SPDX-License-Identifier: MIT
/// A copy of a std::vector on the device, for tests of launchers.
#pragma once

#include <cstddef>
#include <vector>

#include <scoresde/cuda/device_memory.hpp>

namespace scoresde::test {

template <class T>
class DeviceVector {
 public:
  DeviceVector(const cuda::Context& context, const std::vector<T>& values)
      : memory_(context, values.size() * sizeof(T)), size_(values.size()) {
    context.copy_to_device(memory_.data(), values.data(), memory_.bytes());
  }
  [[nodiscard]] T* data() const { return memory_.template data<T>(); }
  /// The contents after all enqueued work.
  [[nodiscard]] std::vector<T> values() const {
    std::vector<T> out(size_);
    memory_.context().copy_to_host(out.data(), memory_.data(), memory_.bytes());
    return out;
  }

 private:
  cuda::DeviceMemory memory_;
  std::size_t size_;
};

}  // namespace scoresde::test
