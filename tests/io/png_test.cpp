// SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <scoresde/io/image_grid.hpp>
#include <scoresde/io/png.hpp>

#include "support/catch.hpp"
#include "support/image_files.hpp"
#include "support/temporary_folder.hpp"

namespace {

using scoresde::data::RgbImage;
using scoresde::io::decode_png;
using scoresde::test::bytes_of;
using scoresde::test::png_of;
using scoresde::test::smooth_image;
using scoresde::test::TemporaryFolder;

TEST_CASE("decode_png returns the pixels of an RGB image") {
  const RgbImage image = smooth_image(5, 7, 3);
  const RgbImage read = decode_png(bytes_of(png_of(image)));
  REQUIRE(read.height == 5);
  REQUIRE(read.width == 7);
  REQUIRE(read.pixels == image.pixels);
}

TEST_CASE("decode_png repeats gray values and drops alpha") {
  const TemporaryFolder folder;
  const std::vector<std::uint8_t> gray_alpha{10, 0, 20, 128, 30, 255};
  scoresde::io::write_png(folder / "x.png", {1, 3, 2, gray_alpha});
  const RgbImage read = decode_png(bytes_of(bytes_of(folder / "x.png")));
  REQUIRE(read.pixels == std::vector<std::uint8_t>{10, 10, 10, 20, 20, 20, 30, 30, 30});
}

TEST_CASE("decode_png rejects every truncation and every changed byte of the data") {
  const std::string png = png_of(smooth_image(9, 9));
  for (std::size_t size = 0; size < png.size(); ++size) {
    INFO("size " << size);
    REQUIRE_THROWS_AS(decode_png(bytes_of(png.substr(0, size))), scoresde::Error);
  }
  for (std::size_t i = 0; i < png.size() - 4; ++i) {
    INFO("byte " << i);
    std::string damaged = png;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
    REQUIRE_THROWS_AS(decode_png(bytes_of(damaged)), scoresde::Error);
  }
}

TEST_CASE("decode_png rejects images beyond the limit") {
  const std::string png = png_of(smooth_image(4, 5));
  REQUIRE_NOTHROW(decode_png(bytes_of(png), {.pixels = 20}));
  REQUIRE_THROWS_WITH(decode_png(bytes_of(png), {.pixels = 19}),
                      Catch::Contains("5 x 4") && Catch::Contains("1 to 19"));
}

}  // namespace
