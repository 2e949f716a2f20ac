// SPDX-License-Identifier: MIT
/// Reads PNG files.
#pragma once

#include <filesystem>

#include <png.h>

#include <scoresde/io/image_grid.hpp>

#include "support/catch.hpp"

namespace scoresde::test {

/// In the file's own format.
inline io::PngImage read_png(const std::filesystem::path& path) {
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  REQUIRE(png_image_begin_read_from_file(&header, path.c_str()) != 0);
  header.format &= PNG_FORMAT_FLAG_ALPHA | PNG_FORMAT_FLAG_COLOR;
  io::PngImage image{header.height, header.width, PNG_IMAGE_SAMPLE_CHANNELS(header.format), {}};
  image.pixels.resize(PNG_IMAGE_SIZE(header));
  REQUIRE(png_image_finish_read(&header, nullptr, image.pixels.data(), 0, nullptr) != 0);
  return image;
}

}  // namespace scoresde::test
