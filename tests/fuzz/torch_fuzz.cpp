// SPDX-License-Identifier: MIT
/// Any bytes as a file of torch.save, zip or legacy: read or refused with an Error; every tensor is
/// copied. Checksums are passed over, since no mutation would survive them.
#include <cstddef>
#include <cstdint>
#include <span>

#include <scoresde/io/torch_file.hpp>

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  scoresde::fuzz::with_limit(size, 256, [&] {
    try {
      const scoresde::io::TorchFile file(std::as_bytes(std::span(data, size)),
                                         scoresde::io::ZipChecksums::ignored);
      look_at(file, file.root(), 4);
    } catch (const scoresde::Error&) {
    }
  });
  return 0;
}
