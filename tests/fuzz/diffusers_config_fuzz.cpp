// SPDX-License-Identifier: MIT
/// Any bytes as a config.json: read or refused with an Error; what is read can be written again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <scoresde/train/diffusers_config.hpp>

#include "fuzz/allocation_limit.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  scoresde::fuzz::with_limit(size, 256, [&] {
    const std::string text(reinterpret_cast<const char*>(data), size);
    try {
      const auto config = scoresde::network_of_diffusers(text);
      if (!(scoresde::network_of_diffusers(scoresde::describe_for_diffusers(config)) == config))
        std::abort();
    } catch (const scoresde::Error&) {
    }
  });
  return 0;
}
