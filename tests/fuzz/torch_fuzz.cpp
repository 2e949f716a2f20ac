// SPDX-License-Identifier: MIT
/// Arbitrary bytes as a file of torch.save, zip or legacy: read or rejected with an Error; every
/// tensor is copied, and skipped values are listed. Checksums are ignored, because no mutation
/// would pass them.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <scoresde/io/state_dict.hpp>
#include <scoresde/io/torch_file.hpp>
#include <scoresde/io/zip_archive.hpp>

#include "fuzz/allocation_limit.hpp"

namespace {

void look_at(const scoresde::io::TorchFile& file, const scoresde::io::PickleValue& value,
             int depth) {
  using scoresde::io::PickleKind;
  try {
    if (scoresde::io::TorchFile::is_tensor(value))
      static_cast<void>(file.tensor(value).as<double>());
    else if (depth > 0 && value.is(PickleKind::dict))
      for (std::size_t i = 0; i < value.size() && i < 8; ++i)
        look_at(file, value.value(i), depth - 1);
    else if (depth > 0)
      for (std::size_t i = 0; i < value.size() && i < 8; ++i) look_at(file, value[i], depth - 1);
  } catch (const scoresde::Error&) {
  }
}

/// Allowed bytes of memory per byte of input: 256, and for compressed entries also those of a
/// pickle expanded 64-fold.
std::size_t allowed(std::span<const std::byte> bytes) {
  std::size_t factor = 1;
  try {
    const scoresde::io::ZipArchive archive(bytes);
    archive.for_each_name([&](std::string_view name) {
      if (archive.size_of(name) != archive.packed_size_of(name)) factor = 64;
    });
  } catch (const scoresde::Error&) {
  }
  return 256 * factor;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  scoresde::fuzz::with_limit(size, allowed(bytes), [&] {
    try {
      const scoresde::io::TorchFile file(bytes, scoresde::io::ZipChecksums::ignored);
      look_at(file, file.root(), 4);
      scoresde::io::for_each_skipped(file, [](const std::string&, const std::string&) {});
    } catch (const scoresde::Error&) {
    }
  });
  return 0;
}
