// SPDX-License-Identifier: MIT
/// Reads WebP images as 8-bit RGB: lossy and lossless; alpha is dropped. RFC 9649, through libwebp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <webp/decode.h>

#include <scoresde/data/rgb_image.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/characters.hpp>
#include <scoresde/io/detail/image_extents.hpp>

namespace scoresde::io {

/// Whether the bytes begin as a WebP file does.
[[nodiscard]] inline bool is_webp(std::span<const std::byte> bytes) {
  const auto begin = characters(bytes.first(bytes.size() < 12 ? 0 : 12));
  return begin.starts_with("RIFF") && begin.ends_with("WEBP");
}

/// The image in the bytes of a WebP file. Throws Error for damaged or truncated files, for
/// animations, and for images beyond the limits.
[[nodiscard]] inline data::RgbImage decode_webp(std::span<const std::byte> bytes,
                                                const data::ImageLimits& limits = {}) {
  require(is_webp(bytes), "webp: it does not begin with RIFF and WEBP");
  const auto* first = reinterpret_cast<const std::uint8_t*>(bytes.data());
  WebPBitstreamFeatures features{};
  require(WebPGetFeatures(first, bytes.size(), &features) == VP8_STATUS_OK,
          "webp: its header is damaged or truncated");
  require(features.has_animation == 0, "webp: it is an animation; it must be one image");
  data::RgbImage image = detail::allocate_image("webp", static_cast<std::size_t>(features.height),
                                                static_cast<std::size_t>(features.width), limits);
  const auto* decoded = WebPDecodeRGBInto(first, bytes.size(), image.pixels.data(),
                                          image.pixels.size(), 3 * features.width);
  require(decoded != nullptr, "webp: its data are damaged or truncated");
  return image;
}

}  // namespace scoresde::io
