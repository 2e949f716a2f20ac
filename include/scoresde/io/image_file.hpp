// SPDX-License-Identifier: MIT
/// Reads image files of any supported format, recognized by content: PNG; JPEG and WebP where
/// scoresde::jpeg and scoresde::webp are on.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <scoresde/data/rgb_image.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/characters.hpp>
#include <scoresde/io/mapped_file.hpp>
#include <scoresde/io/png.hpp>
#if defined(SCORESDE_WITH_JPEG)
#include <scoresde/io/jpeg.hpp>
#endif
#if defined(SCORESDE_WITH_WEBP)
#include <scoresde/io/webp.hpp>
#endif

namespace scoresde::io {

/// The image in the bytes of a file. Throws Error for other formats, and as the decoders do.
[[nodiscard]] inline data::RgbImage decode_image(std::span<const std::byte> bytes,
                                                 const data::ImageLimits& limits = {}) {
  if (is_png(bytes)) return decode_png(bytes, limits);
  const std::string_view begin = characters(bytes.first(bytes.size() < 12 ? 0 : 12));
  if (begin.starts_with("\xff\xd8\xff")) {
#if defined(SCORESDE_WITH_JPEG)
    return decode_jpeg(bytes, limits);
#else
    throw Error("it is a JPEG, which needs scoresde::jpeg; this program was built without it");
#endif
  }
  if (begin.starts_with("RIFF") && begin.ends_with("WEBP")) {
#if defined(SCORESDE_WITH_WEBP)
    return decode_webp(bytes, limits);
#else
    throw Error("it is a WebP, which needs scoresde::webp; this program was built without it");
#endif
  }
  throw Error(text("it is not a PNG, JPEG or WebP image; it has ", bytes.size(), " bytes"));
}

/// The image in a file. Throws Error, which names the file, when it cannot be read, and as
/// decode_image does.
[[nodiscard]] inline data::RgbImage read_image(const std::filesystem::path& path,
                                               const data::ImageLimits& limits = {}) {
  const MappedFile file(path);
  try {
    return decode_image(file.bytes(), limits);
  } catch (const Error& failure) {
    throw Error(text("image ", path.string(), ": ", failure.what()));
  }
}

}  // namespace scoresde::io
