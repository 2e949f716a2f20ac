// SPDX-License-Identifier: MIT
#include <filesystem>
#include <string>
#include <vector>

#include <scoresde/io/image_folder.hpp>

#include "support/catch.hpp"
#include "support/image_files.hpp"
#include "support/temporary_folder.hpp"

namespace {

using scoresde::io::list_image_folder;
using scoresde::io::read_image_folder;
using scoresde::test::png_of;
using scoresde::test::smooth_image;
using scoresde::test::TemporaryFolder;

void make_folders(const TemporaryFolder& folder, const std::vector<std::string>& names) {
  for (const auto& name : names) std::filesystem::create_directories(folder / name);
}

TEST_CASE("an image folder without subfolders has no labels, and its files are sorted") {
  const TemporaryFolder folder;
  for (const char* name : {"b.png", "a.PNG", "c.jpeg", "notes.txt", ".hidden.png"})
    folder.write(name, "");
  const auto found = list_image_folder(folder.path());
  REQUIRE(found.files == std::vector<std::filesystem::path>{folder / "a.PNG", folder / "b.png",
                                                            folder / "c.jpeg"});
  REQUIRE(found.labels.empty());
  REQUIRE(found.classes.empty());
}

TEST_CASE("subfolders are classes, sorted by name; those without images are none") {
  const TemporaryFolder folder;
  make_folders(folder, {"dog/more", "cat", "empty"});
  for (const char* name : {"dog/2.png", "dog/more/1.png", "cat/9.webp", "cat/1.jpg"})
    folder.write(name, "");
  const auto found = list_image_folder(folder.path());
  REQUIRE(found.classes == std::vector<std::string>{"cat", "dog"});
  REQUIRE(found.labels == std::vector<std::uint32_t>{0, 0, 1, 1});
  REQUIRE(found.files[3] == folder / "dog/more/1.png");
}

TEST_CASE("an image folder is rejected by name if it is missing, empty or mixed") {
  const TemporaryFolder folder;
  REQUIRE_THROWS_WITH(list_image_folder(folder / "none"), Catch::Contains("is not a folder"));
  REQUIRE_THROWS_WITH(list_image_folder(folder.path()), Catch::Contains("no file that ends in"));
  make_folders(folder, {"cat"});
  folder.write("1.png", "");
  folder.write("cat/2.png", "");
  REQUIRE_THROWS_WITH(list_image_folder(folder.path()), Catch::Contains("the subfolder cat"));
}

TEST_CASE("read_image_folder returns planes and labels") {
  const TemporaryFolder folder;
  make_folders(folder, {"a", "b"});
  const auto first = smooth_image(3, 4, 1), second = smooth_image(3, 4, 2);
  folder.write("a/x.png", png_of(first));
  folder.write("b/x.png", png_of(second));
  const auto set = read_image_folder(folder.path());
  REQUIRE(set.size() == 2);
  REQUIRE(set.height == 3);
  REQUIRE(set.width == 4);
  REQUIRE(set.labels == std::vector<std::uint32_t>{0, 1});
  for (std::size_t i = 0; i < 12; ++i)
    for (std::size_t c = 0; c < 3; ++c) {
      REQUIRE(set.image(0)[12 * c + i] == first.pixels[3 * i + c]);
      REQUIRE(set.image(1)[12 * c + i] == second.pixels[3 * i + c]);
    }
}

TEST_CASE("read_image_folder names broken images and those of another size") {
  const TemporaryFolder folder;
  folder.write("a.png", png_of(smooth_image(3, 4)));
  folder.write("b.png", png_of(smooth_image(5, 4)));
  REQUIRE_THROWS_WITH(read_image_folder(folder.path()), Catch::Contains("b.png has 4 x 5 pixels") &&
                                                            Catch::Contains("a.png has 4 x 3"));
  folder.write("b.png", "no image");
  REQUIRE_THROWS_WITH(read_image_folder(folder.path()),
                      Catch::Contains((folder / "b.png").string() + ": it is not a PNG"));
}

}  // namespace
