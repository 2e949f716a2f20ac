// SPDX-License-Identifier: MIT
/// Arbitrary bytes as a safetensors file: read or rejected with an Error; every tensor can be
/// converted.
#include <cstddef>
#include <cstdint>
#include <vector>

#include <scoresde/io/safetensors.hpp>

#include "fuzz/allocation_limit.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  scoresde::fuzz::with_limit(size, 256, [&] {
    const auto* first = reinterpret_cast<const std::byte*>(data);
    try {
      const auto file = scoresde::io::detail::parse_safetensors({first, first + size});
      for (const auto& [name, tensor] : file.tensors) {
        static_cast<void>(tensor.as<double>());
        static_cast<void>(tensor.as<std::int64_t>());
      }
    } catch (const scoresde::Error&) {
    }
  });
  return 0;
}
