// SPDX-License-Identifier: MIT
/// Encodes images as JPEG and WebP files, where their libraries are there, and makes synthetic
/// images.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>

#if defined(SCORESDE_WITH_JPEG)
#include <jpeglib.h>
#endif
#if defined(SCORESDE_WITH_WEBP)
#include <webp/encode.h>
#endif

#include <scoresde/data/rgb_image.hpp>
#include <scoresde/io/image_grid.hpp>

#include "support/temporary_folder.hpp"

namespace scoresde::test {

/// Smooth colors that differ between images.
inline data::RgbImage smooth_image(std::size_t height, std::size_t width, unsigned number = 0) {
  data::RgbImage image{height, width, {}};
  for (std::size_t y = 0; y < height; ++y)
    for (std::size_t x = 0; x < width; ++x)
      for (const std::size_t value :
           {255 * x / width, 255 * y / height, std::size_t{40} * number % 256})
        image.pixels.push_back(static_cast<std::uint8_t>(value));
  return image;
}

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}
inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string png_of(const data::RgbImage& image) {
  const TemporaryFolder folder;
  io::write_png(folder / "x.png", {image.height, image.width, 3, image.pixels});
  return bytes_of(folder / "x.png");
}

#if defined(SCORESDE_WITH_JPEG)
/// Baseline or progressive; gray if `components` is 1 (the pixels are then those of one channel).
inline std::string jpeg_of(const data::RgbImage& image, int quality = 95, bool progressive = false,
                           int components = 3) {
  jpeg_compress_struct encoder{};
  jpeg_error_mgr errors{};
  encoder.err = jpeg_std_error(&errors);
  jpeg_create_compress(&encoder);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&encoder, &memory, &size);
  encoder.image_width = static_cast<JDIMENSION>(image.width);
  encoder.image_height = static_cast<JDIMENSION>(image.height);
  encoder.input_components = components;
  encoder.in_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&encoder);
  jpeg_set_quality(&encoder, quality, TRUE);
  if (progressive) jpeg_simple_progression(&encoder);
  jpeg_start_compress(&encoder, TRUE);
  const std::size_t row = static_cast<std::size_t>(components) * image.width;
  for (std::size_t y = 0; y < image.height; ++y) {
    auto* at = const_cast<std::uint8_t*>(image.pixels.data()) + y * row;
    jpeg_write_scanlines(&encoder, &at, 1);
  }
  jpeg_finish_compress(&encoder);
  jpeg_destroy_compress(&encoder);
  const std::string bytes(reinterpret_cast<const char*>(memory), size);
  std::free(memory);
  return bytes;
}
#endif

#if defined(SCORESDE_WITH_WEBP)
/// Lossless.
inline std::string webp_of(const data::RgbImage& image) {
  std::uint8_t* memory = nullptr;
  const auto width = static_cast<int>(image.width);
  const std::size_t size = WebPEncodeLosslessRGB(
      image.pixels.data(), width, static_cast<int>(image.height), 3 * width, &memory);
  const std::string bytes(reinterpret_cast<const char*>(memory), size);
  WebPFree(memory);
  return bytes;
}
#endif

}  // namespace scoresde::test
