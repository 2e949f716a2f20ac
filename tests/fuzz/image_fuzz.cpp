// SPDX-License-Identifier: MIT
/// Arbitrary bytes as a PNG, JPEG or WebP file: decoded to an image of the extents in its header,
/// or rejected with an Error; never more pixels than the limit.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include <scoresde/io/image_file.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr scoresde::data::ImageLimits limits{.pixels = 1 << 16};
  try {
    const auto image = scoresde::io::decode_image(std::as_bytes(std::span(data, size)), limits);
    if (image.pixels.size() != 3 * image.height * image.width ||
        image.height * image.width > limits.pixels)
      std::abort();
  } catch (const scoresde::Error&) {
  }
  return 0;
}
