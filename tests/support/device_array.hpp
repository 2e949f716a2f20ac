// SPDX-License-Identifier: MIT
/// Copies arrays to device memory and back.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/device_memory.hpp>

namespace scoresde::test {

template <class T>
cuda::DeviceMemory on_device(const cuda::Context& context, const std::vector<T>& values) {
  cuda::DeviceMemory memory(context, values.size() * sizeof(T));
  context.copy_to_device(memory.data(), values.data(), memory.bytes());
  return memory;
}

template <class T>
std::vector<T> on_host(const cuda::DeviceMemory& memory) {
  std::vector<T> values(memory.bytes() / sizeof(T));
  memory.context().copy_to_host(values.data(), memory.data(), memory.bytes());
  return values;
}

/// Device memory with all bytes 0xff, which is a NaN in every floating-point type.
inline cuda::DeviceMemory poisoned_memory(const cuda::Context& context, std::size_t bytes) {
  return on_device(context, std::vector<std::byte>(bytes, std::byte{0xff}));
}
inline std::span<std::byte> bytes_of(const cuda::DeviceMemory& memory) {
  return {memory.data<std::byte>(), memory.bytes()};
}

}  // namespace scoresde::test
