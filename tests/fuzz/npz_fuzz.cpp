// SPDX-License-Identifier: MIT
/// Arbitrary bytes as an .npz and as a .npy file: read or rejected with an Error; every array can
/// be converted. Checksums are ignored, because no mutation would pass them.
#include <cstddef>
#include <cstdint>
#include <span>

#include <scoresde/io/npz.hpp>

#include "fuzz/allocation_limit.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // deflate expands at most 1032-fold; an array, its copy and its elements as doubles
  scoresde::fuzz::with_limit(size, 16 * 1032, [&] {
    const auto bytes = std::as_bytes(std::span(data, size));
    try {
      static_cast<void>(scoresde::io::parse_npy(bytes).as<double>());
    } catch (const scoresde::Error&) {
    }
    try {
      const scoresde::io::NpzFile file(bytes, scoresde::io::ZipChecksums::ignored);
      for (const auto& name : file.names()) {
        try {
          static_cast<void>(file.array(name).as<double>());
        } catch (const scoresde::Error&) {
        }
      }
    } catch (const scoresde::Error&) {
    }
  });
  return 0;
}
