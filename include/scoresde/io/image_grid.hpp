// SPDX-License-Identifier: MIT
/// Images side by side in one 8-bit PNG: gray, RGB, or either with an alpha channel.
///
///   byte = round(255·x) clipped to 0 … 255, x in [0, 1]; centered images are mapped by (x + 1)/2
///
/// Halves are rounded away from zero. Portable Network Graphics, ISO/IEC 15948, through libpng.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <png.h>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>

namespace scoresde::io {

/// The largest number of channels of a PNG: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
inline constexpr std::size_t most_png_channels = 4;

/// An 8-bit image: (height, width, channels), with channels as in a PNG.
struct PngImage {
  std::size_t height = 0, width = 0, channels = 3;
  std::vector<std::uint8_t> pixels;
};

/// The layout of a grid of images.
struct ImageGrid {
  std::size_t channels = 3, height = 32, width = 32;  ///< of one image
  std::size_t columns = 8;
  std::size_t padding = 2;      ///< pixels between images and around them
  std::uint8_t background = 0;  ///< gray level of the padding, which is opaque
  bool centered = true;         ///< images are in [−1, 1] rather than [0, 1]
};

/// round(255·x), clipped; NaN gives 0.
[[nodiscard]] inline std::uint8_t byte_of_unit(double x) {
  if (!(x > 0)) return 0;
  return static_cast<std::uint8_t>(std::lround(255 * std::min(x, 1.0)));
}

/// Arranges `images`, (n, channels, height, width), in rows of `columns` (fewer if n is smaller).
/// Throws Error for no images, a length that is not a multiple of an image's, zero columns, or a
/// number of channels that a PNG does not have.
template <class T>
[[nodiscard]] PngImage lay_out(const ImageGrid& grid, std::span<const T> images) {
  const std::size_t channels = grid.channels;
  require(channels >= 1 && channels <= most_png_channels, "image grid: channels is ", channels,
          "; a PNG has 1 to ", most_png_channels);
  const std::size_t plane = grid.height * grid.width;
  require(plane > 0 && grid.columns > 0, "image grid: image is ", grid.height, " x ", grid.width,
          " in ", grid.columns, " columns; each must be positive");
  require(!images.empty() && images.size() % (channels * plane) == 0, "image grid: ", images.size(),
          " elements; it must be a positive multiple of ", channels * plane);
  const std::size_t count = images.size() / (channels * plane);
  const std::size_t columns = std::min(grid.columns, count);
  const std::size_t rows = (count + columns - 1) / columns;
  PngImage image{rows * (grid.height + grid.padding) + grid.padding,
                 columns * (grid.width + grid.padding) + grid.padding,
                 channels,
                 {}};
  image.pixels.assign(channels * image.height * image.width, grid.background);
  for (std::size_t e = channels - 1; channels % 2 == 0 && e < image.pixels.size(); e += channels)
    image.pixels[e] = 255;
  for (std::size_t e = 0; e < images.size(); ++e) {
    const std::size_t k = e / (channels * plane), channel = e / plane % channels, pixel = e % plane;
    const std::size_t y =
        grid.padding + k / columns * (grid.height + grid.padding) + pixel / grid.width;
    const std::size_t x =
        grid.padding + k % columns * (grid.width + grid.padding) + pixel % grid.width;
    const auto value = static_cast<double>(images[e]);
    image.pixels[channels * (y * image.width + x) + channel] =
        byte_of_unit(grid.centered ? (value + 1) / 2 : value);
  }
  return image;
}

/// Writes an 8-bit PNG atomically. Throws Error when the file cannot be written, for a number of
/// channels that a PNG does not have, and for another number of bytes than that of the pixels.
inline void write_png(const std::filesystem::path& path, const PngImage& image) {
  constexpr std::array<png_uint_32, most_png_channels> formats{PNG_FORMAT_GRAY, PNG_FORMAT_GA,
                                                               PNG_FORMAT_RGB, PNG_FORMAT_RGBA};
  const std::size_t channels = image.channels;
  require(channels >= 1 && channels <= formats.size(), "png ", path.string(), ": channels is ",
          channels, "; it must be 1 to ", formats.size());
  require(image.pixels.size() == channels * image.height * image.width && !image.pixels.empty(),
          "png ", path.string(), ": ", image.pixels.size(), " bytes for ", image.height, " x ",
          image.width, " pixels; it must have ", channels, " for each of at least one");
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(image.width);
  header.height = static_cast<png_uint_32>(image.height);
  header.format = formats[channels - 1];
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(header);
  std::vector<std::byte> bytes(size);
  const int written =
      png_image_write_to_memory(&header, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr);
  require(written != 0, "png ", path.string(), ": ", header.message);
  bytes.resize(size);
  write_file_atomically(path, bytes);
}

/// lay_out and write_png: the images (n, channels, height, width) as one PNG.
template <class T>
void write_image_grid(const std::filesystem::path& path, const ImageGrid& grid,
                      std::span<const T> images) {
  write_png(path, lay_out(grid, images));
}

/// The same for images that are contiguous in host memory: a HostState, a vector, an Eigen array.
template <class Images>
requires requires(const Images& images) { *images.data() + images.size(); }
void write_image_grid(const std::filesystem::path& path, const ImageGrid& grid,
                      const Images& images) {
  using Scalar = std::remove_cvref_t<decltype(*images.data())>;
  write_image_grid(path, grid,
                   std::span<const Scalar>(images.data(), static_cast<std::size_t>(images.size())));
}

}  // namespace scoresde::io
