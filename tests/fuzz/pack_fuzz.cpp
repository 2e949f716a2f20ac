// SPDX-License-Identifier: MIT
/// Arbitrary bytes as an image pack: all images and labels can be read, or the pack is rejected
/// with an Error. The checksums of header and tables are set to the right values first, because no
/// mutation would pass them.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <scoresde/io/image_pack.hpp>

#include "fuzz/allocation_limit.hpp"

namespace {

namespace pack = scoresde::io::detail;

void set_checksum(std::vector<std::byte>& bytes, std::size_t at, std::span<const std::byte> of) {
  const std::uint32_t checksum = pack::checksum(of);
  std::memcpy(bytes.data() + at, &checksum, sizeof checksum);
}

void set_checksums(std::vector<std::byte>& bytes) {
  if (bytes.size() < pack::pack_header_size) return;
  const auto header = std::span(bytes).first(pack::pack_header_used);
  set_checksum(bytes, pack::pack_header_used, header);
  try {
    const auto read = pack::read_pack_header(bytes);
    if (read.tables() > bytes.size()) return;
    set_checksum(bytes, pack::pack_header_used - 4,
                 std::span(bytes).last(static_cast<std::size_t>(read.tables())));
    set_checksum(bytes, pack::pack_header_used, header);
  } catch (const scoresde::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::byte> bytes(size);
  if (size > 0) std::memcpy(bytes.data(), data, size);
  set_checksums(bytes);
  // Labels, and names of which each byte may be one.
  scoresde::fuzz::with_limit(size, 128, [&] {
    try {
      const scoresde::io::ImagePackView view(bytes);
      static_cast<void>(view.find_damage(0, view.images().size()));
      volatile unsigned sum = 0;
      for (const auto label : view.images().labels) sum = sum + label;
    } catch (const scoresde::Error&) {
    }
  });
  return 0;
}
