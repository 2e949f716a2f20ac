// SPDX-License-Identifier: MIT
/// Image grids: rounding, layout, and a PNG round trip.
#include <limits>
#include <vector>

#include <scoresde/io/image_grid.hpp>

#include "support/catch.hpp"
#include "support/png_file.hpp"
#include "support/temporary_folder.hpp"

namespace {

using scoresde::io::byte_of_unit;
using scoresde::io::ImageGrid;
using scoresde::io::lay_out;
using scoresde::io::PngImage;
using scoresde::io::write_image_grid;
using scoresde::test::read_png;
using scoresde::test::TemporaryFolder;

}  // namespace

TEST_CASE("numbers are rounded to the nearest byte and clipped") {
  REQUIRE(byte_of_unit(0.0) == 0);
  REQUIRE(byte_of_unit(1.0) == 255);
  REQUIRE(byte_of_unit(0.5) == 128);  // 127.5 rounds away from zero
  REQUIRE(byte_of_unit(0.499 / 255) == 0);
  REQUIRE(byte_of_unit(0.501 / 255) == 1);
  REQUIRE(byte_of_unit(-3.0) == 0);
  REQUIRE(byte_of_unit(1e300) == 255);
  REQUIRE(byte_of_unit(std::numeric_limits<double>::quiet_NaN()) == 0);
}

TEST_CASE("images are arranged in rows, with padding between and around them") {
  // three images of 1 × 2 pixels in two columns
  const std::vector<double> images{1,  0,  0,  0,  0,  1,  // red, then blue
                                   0,  0,  1,  1,  0,  0,  // green twice
                                   .2, .4, .2, .4, .2, .4};
  const PngImage image = lay_out<double>(
      {.height = 1, .width = 2, .columns = 2, .padding = 1, .background = 9, .centered = false},
      images);
  REQUIRE(image.height == 5);
  REQUIRE(image.width == 7);
  const auto pixel = [&](std::size_t y, std::size_t x) {
    const auto* p = image.pixels.data() + 3 * (y * 7 + x);
    return std::vector<int>{p[0], p[1], p[2]};
  };
  REQUIRE(pixel(1, 1) == std::vector<int>{255, 0, 0});
  REQUIRE(pixel(1, 2) == std::vector<int>{0, 0, 255});
  REQUIRE(pixel(1, 4) == std::vector<int>{0, 255, 0});
  REQUIRE(pixel(1, 5) == std::vector<int>{0, 255, 0});
  REQUIRE(pixel(3, 1) == std::vector<int>{51, 51, 51});
  REQUIRE(pixel(3, 2) == std::vector<int>{102, 102, 102});
  for (std::size_t x = 0; x < 7; ++x) REQUIRE(pixel(0, x) == std::vector<int>{9, 9, 9});
  REQUIRE(pixel(3, 4) == std::vector<int>{9, 9, 9});
}

TEST_CASE("the PNG has the pixels of the layout, centered or not") {
  const TemporaryFolder folder;
  std::vector<float> images(5 * 3 * 6 * 4);
  for (std::size_t e = 0; e < images.size(); ++e) images[e] = float(e % 97) / 96;
  ImageGrid grid{.height = 6, .width = 4, .columns = 3, .centered = false};
  write_image_grid<float>(folder / "unit.png", grid, images);
  const PngImage unit = read_png(folder / "unit.png");
  REQUIRE(unit.height == 2 * 8 + 2);
  REQUIRE(unit.width == 3 * 6 + 2);
  REQUIRE(unit.pixels == lay_out<float>(grid, images).pixels);

  for (float& x : images) x = 2 * x - 1;
  grid.centered = true;
  write_image_grid(folder / "centered.png", grid, images);
  REQUIRE(read_png(folder / "centered.png").pixels == unit.pixels);
  REQUIRE(folder.files() == 2);
}

TEST_CASE("the PNG has the channels of the images: gray, with alpha, RGB, RGB with alpha") {
  const TemporaryFolder folder;
  for (const std::size_t channels : {1, 2, 3, 4}) {
    std::vector<float> images(3 * channels * 5 * 4);
    for (std::size_t e = 0; e < images.size(); ++e) images[e] = float(e % 97) / 96;
    const ImageGrid grid{
        .channels = channels, .height = 5, .width = 4, .padding = 1, .centered = false};
    write_image_grid(folder / "grid.png", grid, images);
    const PngImage image = read_png(folder / "grid.png");
    INFO("channels: " << channels);
    REQUIRE(image.channels == channels);
    REQUIRE((image.height == 7 && image.width == 3 * 5 + 1));
    REQUIRE(image.pixels == lay_out<float>(grid, images).pixels);
    const auto byte = [&](std::size_t y, std::size_t x, std::size_t channel) {
      return image.pixels[channels * (y * image.width + x) + channel];
    };
    const bool alpha = channels % 2 == 0;
    REQUIRE(byte(0, 0, channels - 1) == (alpha ? 255 : 0));  // padding is opaque
    REQUIRE(byte(0, 0, 0) == 0);
    for (std::size_t k = 0; k < 3; ++k)
      for (std::size_t c = 0; c < channels; ++c)
        REQUIRE(byte(1 + 3, 1 + 5 * k + 2, c) ==
                byte_of_unit(images[((k * channels + c) * 5 + 3) * 4 + 2]));
  }
  const std::vector<float> five(5);
  REQUIRE_THROWS_WITH(write_image_grid(folder / "five.png", {.channels = 5}, five),
                      Catch::Contains("channels is 5; a PNG has 1 to 4"));
  REQUIRE(folder.files() == 1);
}

TEST_CASE("lay_out and write_image_grid reject no images, partial images and a missing folder") {
  const TemporaryFolder folder;
  const std::vector<float> images(3 * 32 * 32);
  const std::span<const float> all(images);
  REQUIRE_THROWS_WITH(lay_out({}, all.first(0)), Catch::Contains("multiple of 3072"));
  REQUIRE_THROWS_WITH(lay_out({}, all.first(3071)), Catch::Contains("3071"));
  REQUIRE_THROWS_WITH(lay_out({.columns = 0}, all), Catch::Contains("columns"));
  REQUIRE_THROWS_WITH(write_image_grid(folder / "no/grid.png", {}, all),
                      Catch::Contains("cannot be created"));
  REQUIRE(folder.files() == 0);
}
