// SPDX-License-Identifier: MIT
#include <string>

#include <scoresde/io/image_file.hpp>

#include "support/catch.hpp"
#include "support/image_files.hpp"
#include "support/temporary_folder.hpp"

namespace {

using scoresde::io::decode_image;
using scoresde::io::read_image;
using scoresde::test::bytes_of;
using scoresde::test::smooth_image;
using scoresde::test::TemporaryFolder;

TEST_CASE("decode_image recognizes formats by content") {
  const auto image = smooth_image(6, 8, 1);
  REQUIRE(decode_image(bytes_of(scoresde::test::png_of(image))).pixels == image.pixels);
#if defined(SCORESDE_WITH_JPEG)
  REQUIRE(decode_image(bytes_of(scoresde::test::jpeg_of(image))).width == 8);
#else
  REQUIRE_THROWS_WITH(decode_image(bytes_of(std::string("\xff\xd8\xff\xe0 a jpeg"))),
                      Catch::Contains("scoresde::jpeg"));
#endif
#if defined(SCORESDE_WITH_WEBP)
  REQUIRE(decode_image(bytes_of(scoresde::test::webp_of(image))).pixels == image.pixels);
#else
  REQUIRE_THROWS_WITH(decode_image(bytes_of(std::string("RIFF    WEBPVP8 "))),
                      Catch::Contains("scoresde::webp"));
#endif
}

TEST_CASE("read_image names the file that it rejects") {
  const TemporaryFolder folder;
  const auto path = folder.write("notes.png", "these are not pixels");
  REQUIRE_THROWS_WITH(read_image(path), Catch::Contains(path.string()) &&
                                            Catch::Contains("not a PNG, JPEG or WebP image"));
  REQUIRE_THROWS_WITH(read_image(folder / "none.png"), Catch::Contains("none.png"));
  REQUIRE_THROWS_WITH(read_image(folder.write("empty.png", "")), Catch::Contains("0 bytes"));
}

}  // namespace
