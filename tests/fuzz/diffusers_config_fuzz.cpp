// SPDX-License-Identifier: MIT
/// Arbitrary bytes as a config.json: read or rejected with an Error; what is read can be written.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include <scoresde/checkpoint/diffusers_config.hpp>

#include "fuzz/allocation_limit.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::optional<scoresde::nn::UNetConfig> config;
  scoresde::fuzz::with_limit(size, 256, [&] {
    try {
      config = scoresde::network_of_diffusers(text);
    } catch (const scoresde::Error&) {
    }
  });
  // Outside the limit: the document written for a network does not depend on the input's size.
  try {
    if (config &&
        !(scoresde::network_of_diffusers(scoresde::describe_for_diffusers(*config)) == *config))
      std::abort();
  } catch (const scoresde::Error&) {
  }
  return 0;
}
