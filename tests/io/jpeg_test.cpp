// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <scoresde/io/jpeg.hpp>

#include "support/catch.hpp"
#include "support/image_files.hpp"

namespace {

using scoresde::data::RgbImage;
using scoresde::io::decode_jpeg;
using scoresde::test::bytes_of;
using scoresde::test::jpeg_of;
using scoresde::test::smooth_image;

int largest_difference(const RgbImage& a, const RgbImage& b) {
  REQUIRE(a.pixels.size() == b.pixels.size());
  int most = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    most = std::max(most, std::abs(int(a.pixels[i]) - int(b.pixels[i])));
  return most;
}

TEST_CASE("decode_jpeg returns a smooth image up to its compression") {
  const RgbImage image = smooth_image(40, 56, 3);
  for (const bool progressive : {false, true}) {
    const RgbImage read = decode_jpeg(bytes_of(jpeg_of(image, 98, progressive)));
    REQUIRE(read.height == 40);
    REQUIRE(read.width == 56);
    REQUIRE(largest_difference(read, image) <= 8);
  }
}

TEST_CASE("decode_jpeg repeats the values of a gray image") {
  const RgbImage gray{8, 8, std::vector<std::uint8_t>(64, 77)};
  const RgbImage read = decode_jpeg(bytes_of(jpeg_of(gray, 95, false, 1)));
  REQUIRE(read.pixels == std::vector<std::uint8_t>(3 * 64, 77));
}

TEST_CASE("decode_jpeg rejects CMYK images") {
  const RgbImage cmyk{8, 8, std::vector<std::uint8_t>(4 * 64, 77)};
  REQUIRE_THROWS_WITH(decode_jpeg(bytes_of(jpeg_of(cmyk, 95, false, 4))),
                      Catch::Contains("4 components"));
}

TEST_CASE("decode_jpeg rejects every truncation") {
  for (const bool progressive : {false, true}) {
    const std::string jpeg = jpeg_of(smooth_image(24, 24, 1), 90, progressive);
    // The last two bytes end the image; the entropy-coded data end before them.
    for (std::size_t size = 0; size + 2 < jpeg.size(); ++size) {
      INFO("size " << size << " of " << jpeg.size());
      REQUIRE_THROWS_AS(decode_jpeg(bytes_of(jpeg.substr(0, size))), scoresde::Error);
    }
  }
}

TEST_CASE("decode_jpeg rejects images beyond the limit") {
  const std::string jpeg = jpeg_of(smooth_image(4, 5));
  REQUIRE_NOTHROW(decode_jpeg(bytes_of(jpeg), {.pixels = 20}));
  REQUIRE_THROWS_WITH(decode_jpeg(bytes_of(jpeg), {.pixels = 19}),
                      Catch::Contains("5 x 4") && Catch::Contains("1 to 19"));
}

TEST_CASE("decode_jpeg rejects a damaged header by libjpeg's reason") {
  std::string jpeg = jpeg_of(smooth_image(16, 16));
  jpeg[jpeg.find("\xff\xc0") + 4] = '\x0d';
  REQUIRE_THROWS_WITH(decode_jpeg(bytes_of(jpeg)),
                      Catch::StartsWith("jpeg: ") && Catch::Contains("precision 13"));
}

}  // namespace
