// SPDX-License-Identifier: MIT
#include <scoresde/registry/image_preparations.hpp>

#include "support/catch.hpp"

namespace {

using scoresde::image_preparation;
using scoresde::ResizeRule;
using scoresde::data::ByteRounding;
using scoresde::data::CenterCrop;

TEST_CASE("preparations of published data sets have the published crop, filter and rounding") {
  const auto celeba = image_preparation("--preparation", "score_sde_celeba");
  REQUIRE(celeba.crop == CenterCrop::square_140);
  REQUIRE(celeba.rule == ResizeRule::pil_bilinear);
  REQUIRE(celeba.rounding == ByteRounding::nearest);
  const auto lsun = image_preparation("--preparation", "score_sde_lsun");
  REQUIRE(lsun.crop == CenterCrop::square);
  REQUIRE(lsun.rule == ResizeRule::pil_bicubic);
  REQUIRE(lsun.rounding == ByteRounding::truncated);
  REQUIRE(image_preparation("--preparation", "exact").crop == CenterCrop::none);
  REQUIRE(image_preparation("--preparation", "celeba_178").crop == CenterCrop::square_178);
}

TEST_CASE("an unknown preparation is rejected with the nearest name") {
  REQUIRE_THROWS_WITH(
      image_preparation("--preparation", "celeba_187"),
      Catch::Contains("--preparation is 'celeba_187'") && Catch::Contains("celeba_178"));
}

TEST_CASE("crops, roundings and resize rules have names") {
  REQUIRE(scoresde::from_name<CenterCrop>("--crop", "140") == CenterCrop::square_140);
  REQUIRE(scoresde::name_of(ByteRounding::each_axis) == "each_axis");
  for (const auto& name : scoresde::names_of<ResizeRule>())
    REQUIRE(scoresde::name_of(scoresde::from_name<ResizeRule>("--filter", name)) == name);
}

}  // namespace
