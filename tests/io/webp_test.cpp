// SPDX-License-Identifier: MIT
#include <cstddef>
#include <string>

#include <scoresde/io/webp.hpp>

#include "support/catch.hpp"
#include "support/image_files.hpp"

namespace {

using scoresde::data::RgbImage;
using scoresde::io::decode_webp;
using scoresde::test::bytes_of;
using scoresde::test::smooth_image;
using scoresde::test::webp_of;

TEST_CASE("decode_webp returns the pixels of a lossless image") {
  const RgbImage image = smooth_image(11, 6, 2);
  const RgbImage read = decode_webp(bytes_of(webp_of(image)));
  REQUIRE(read.height == 11);
  REQUIRE(read.width == 6);
  REQUIRE(read.pixels == image.pixels);
}

TEST_CASE("decode_webp rejects every truncation") {
  const std::string webp = webp_of(smooth_image(20, 20));
  for (std::size_t size = 0; size + 1 < webp.size(); ++size) {
    INFO("size " << size << " of " << webp.size());
    REQUIRE_THROWS_AS(decode_webp(bytes_of(webp.substr(0, size))), scoresde::Error);
  }
}

TEST_CASE("decode_webp rejects images beyond the limit") {
  const std::string webp = webp_of(smooth_image(4, 5));
  REQUIRE_NOTHROW(decode_webp(bytes_of(webp), {.pixels = 20}));
  REQUIRE_THROWS_WITH(decode_webp(bytes_of(webp), {.pixels = 19}),
                      Catch::Contains("5 x 4") && Catch::Contains("1 to 19"));
}

}  // namespace
