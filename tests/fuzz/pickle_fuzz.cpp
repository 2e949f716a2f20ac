// SPDX-License-Identifier: MIT
/// Arbitrary bytes as a pickle: read or rejected with an Error; every value is accessible.
#include <cstddef>
#include <cstdint>
#include <span>

#include <scoresde/io/pickle.hpp>

#include "fuzz/allocation_limit.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  scoresde::fuzz::with_limit(size, 256, [&] {
    try {
      const auto tree = scoresde::io::read_pickle(std::as_bytes(std::span(data, size)));
      for (std::uint32_t i = 0; i < tree.nodes.size(); ++i) {
        const scoresde::io::PickleValue value(tree, i);
        if (value.is(scoresde::io::PickleKind::dict)) {
          static_cast<void>(value.find("model"));
          for (std::size_t k = 0; k < value.size(); ++k)
            static_cast<void>(value.key(k).kind() == value.value(k).kind());
        } else {
          for (std::size_t k = 0; k < value.size(); ++k) static_cast<void>(value[k].kind());
        }
      }
    } catch (const scoresde::Error&) {
    }
  });
  return 0;
}
