// SPDX-License-Identifier: MIT
/// Arbitrary bytes as an LMDB database: every key and value lies in them, or the database is
/// rejected with an Error.
#include <cstddef>
#include <cstdint>
#include <span>

#include <scoresde/io/lmdb.hpp>

#include "fuzz/allocation_limit.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Each two bytes of a page may be the place of an entry of 32 bytes; vectors grow by doubling.
  scoresde::fuzz::with_limit(size, 64, [&] {
    try {
      const scoresde::io::LmdbView view(std::as_bytes(std::span(data, size)));
      volatile unsigned char sum = 0;
      for (std::size_t i = 0; i < view.size(); ++i) {
        if (!view[i].key.empty()) sum = sum + static_cast<unsigned char>(view[i].key.back());
        if (!view[i].value.empty()) sum = sum + static_cast<unsigned char>(view[i].value.back());
      }
    } catch (const scoresde::Error&) {
    }
  });
  return 0;
}
