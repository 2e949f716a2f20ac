// SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/data/image_preparation.hpp>
#include <scoresde/data/rgb_image.hpp>

#include "support/catch.hpp"

namespace {

using scoresde::PlaneExtents;
using scoresde::ResizeRule;
using scoresde::data::ByteRounding;
using scoresde::data::CenterCrop;
using scoresde::data::ImagePreparation;
using scoresde::data::ImagePreparer;
using scoresde::data::RgbImage;

/// Red is the row, green the column, blue 200.
RgbImage coordinates(std::size_t height, std::size_t width) {
  RgbImage image{height, width, {}};
  for (std::size_t y = 0; y < height; ++y)
    for (std::size_t x = 0; x < width; ++x)
      for (const std::size_t value : {y, x, std::size_t{200}})
        image.pixels.push_back(static_cast<std::uint8_t>(value));
  return image;
}

std::vector<std::uint8_t> prepared(const RgbImage& image, const ImagePreparation& preparation) {
  ImagePreparer prepare(preparation);
  std::vector<std::uint8_t> out(3 * prepare.extents_of(image).size());
  prepare(image, out);
  return out;
}

TEST_CASE("crops are centered, with the smaller half of an odd margin above and on the left") {
  const auto first = [](CenterCrop crop, std::size_t height, std::size_t width) {
    const auto out = prepared(coordinates(height, width), {.crop = crop, .size = {}});
    const std::size_t plane = out.size() / 3;
    return std::vector<std::size_t>{out[0], out[plane], plane};
  };
  using Numbers = std::vector<std::size_t>;
  REQUIRE(first(CenterCrop::none, 5, 8) == Numbers{0, 0, 40});
  REQUIRE(first(CenterCrop::square, 5, 8) == Numbers{0, 1, 25});
  REQUIRE(first(CenterCrop::square, 8, 4) == Numbers{2, 0, 16});
  // CelebA's aligned images
  REQUIRE(first(CenterCrop::square_140, 218, 178) == Numbers{39, 19, 140 * 140});
  REQUIRE(first(CenterCrop::square_178, 218, 178) == Numbers{20, 0, 178 * 178});
}

TEST_CASE("an image that is smaller than its crop is rejected") {
  REQUIRE_THROWS_WITH(prepared(coordinates(218, 177), {.crop = CenterCrop::square_178, .size = {}}),
                      Catch::Contains("177 x 218") && Catch::Contains("178 x 178"));
}

TEST_CASE("resized images are planes of red, green and blue") {
  // Box means of pairs: rows 0.5, 2.5 and columns 0.5, 2.5, 4.5.
  const auto out = prepared(coordinates(4, 6), {CenterCrop::none, ResizeRule::pil_box,
                                                ByteRounding::truncated, PlaneExtents{2, 3}});
  REQUIRE(out == std::vector<std::uint8_t>{0, 0, 0, 2, 2, 2,  // red
                                           0, 2, 4, 0, 2, 4,  // green
                                           200, 200, 200, 200, 200, 200});
}

TEST_CASE("roundings differ by axis and direction") {
  // Means of columns: 0.5 and 3.5; of both rows 2 and 3.
  const RgbImage image{2, 2, {0, 0, 0, 1, 1, 1, 3, 3, 3, 4, 4, 4}};
  const auto value = [&](ByteRounding rounding) {
    return prepared(image,
                    {CenterCrop::none, ResizeRule::pil_box, rounding, PlaneExtents{1, 1}})[0];
  };
  REQUIRE(value(ByteRounding::truncated) == 2);
  REQUIRE(value(ByteRounding::nearest) == 2);
  REQUIRE(value(ByteRounding::each_axis) == 3);  // of 1 and 4
}

TEST_CASE("values beyond the range of bytes are clipped") {
  // A bicubic filter overshoots at an edge.
  RgbImage edge{1, 16, {}};
  for (std::size_t x = 0; x < 16; ++x)
    edge.pixels.insert(edge.pixels.end(), 3, x < 8 ? std::uint8_t{0} : std::uint8_t{255});
  for (const auto rounding :
       {ByteRounding::nearest, ByteRounding::truncated, ByteRounding::each_axis}) {
    const auto out =
        prepared(edge, {CenterCrop::none, ResizeRule::pil_bicubic, rounding, PlaneExtents{1, 48}});
    for (std::size_t x = 0; x < 16; ++x) REQUIRE(out[x] == 0);
    for (std::size_t x = 32; x < 48; ++x) REQUIRE(out[x] == 255);
  }
}

}  // namespace
