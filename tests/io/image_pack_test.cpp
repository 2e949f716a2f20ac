// SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <scoresde/io/image_pack.hpp>
#include <scoresde/io/image_pack_writer.hpp>

#include "support/catch.hpp"
#include "support/image_files.hpp"
#include "support/temporary_folder.hpp"

namespace {

using scoresde::io::ImagePack;
using scoresde::io::ImagePackView;
using scoresde::io::ImagePackWriter;
using scoresde::io::PackBlock;
using scoresde::io::PackContents;
using scoresde::test::bytes_of;
using scoresde::test::TemporaryFolder;

const PackContents shape{3, 2, 5, 0, {"cat", "dog"}, "made up\n"};

/// `count` images of pixels first, first + 1, …, with alternating labels.
PackBlock block_of(std::size_t count, unsigned first) {
  PackBlock block{.sources = count, .pixels = {}, .labels = {}, .broken = {}};
  for (std::size_t k = 0; k < count; ++k) {
    block.labels.push_back(static_cast<std::uint32_t>((first + k) % 2));
    block.pixels.insert(block.pixels.end(), 30, static_cast<std::uint8_t>(first + k));
  }
  return block;
}

void write_pack(const std::filesystem::path& path) {
  ImagePackWriter writer(path, shape, "test");
  writer.append(block_of(3, 0));
  PackBlock partly = block_of(1, 3);
  partly.sources = 2;
  partly.broken = {{"x\ny.png", "it is\tbroken"}};
  writer.append(partly);
  REQUIRE(writer.broken()[0].name == "x?y.png");
  writer.finish();
}

TEST_CASE("an image pack holds pixels, labels, names and its source") {
  const TemporaryFolder folder;
  write_pack(folder / "x.pack");
  REQUIRE(folder.files() == 1);
  REQUIRE(scoresde::io::is_image_pack(folder / "x.pack"));
  const ImagePack pack(folder / "x.pack");
  REQUIRE(pack.contents().classes == shape.classes);
  REQUIRE(pack.contents().source == shape.source);
  const auto images = pack.images();
  REQUIRE(images.size() == 4);
  REQUIRE(images.view().channels == 3);
  REQUIRE(images.view().height == 2);
  REQUIRE(images.view().width == 5);
  for (std::size_t i = 0; i < 4; ++i) {
    REQUIRE(images.view().labels[i] == i % 2);
    for (const auto pixel : images.view().image(i)) REQUIRE(pixel == i);
  }
  REQUIRE_NOTHROW(pack.check_images(0, 4));
}

TEST_CASE("images stay valid after their pack") {
  const TemporaryFolder folder;
  write_pack(folder / "x.pack");
  scoresde::data::SharedImages images;
  {
    const ImagePack pack(folder / "x.pack");
    images = pack.images().part(2, 2);
  }
  REQUIRE(images.size() == 2);
  REQUIRE(images.view().image(1)[29] == 3);
  REQUIRE(images.view().labels[1] == 1);
}

TEST_CASE("an image pack without classes has no labels") {
  const TemporaryFolder folder;
  PackContents contents = shape;
  contents.classes.clear();
  ImagePackWriter writer(folder / "x.pack", contents, "test");
  PackBlock block = block_of(2, 0);
  block.labels = {0, 0};
  writer.append(block);
  writer.finish();
  REQUIRE(ImagePack(folder / "x.pack").images().view().labels.empty());
}

TEST_CASE("a truncated, longer or changed image pack is rejected by its name") {
  const TemporaryFolder folder;
  write_pack(folder / "x.pack");
  const std::string good = bytes_of(folder / "x.pack");
  const auto rejects = [&](const std::string& bytes, const std::string& word) {
    const auto path = folder.write("y.pack", bytes);
    INFO(word);
    REQUIRE_THROWS_WITH(ImagePack(path), Catch::Contains(path.string()) && Catch::Contains(word));
  };
  rejects("", "so it is not an image pack");
  rejects(std::string(5000, 'x'), "so it is not an image pack");
  rejects(good.substr(0, 300), "the header of an image pack has 4096");
  rejects(good.substr(0, good.size() - 1), "it is truncated or was appended to");
  rejects(good + "x", "it is truncated or was appended to");
  rejects(good.substr(0, 4100), "it is truncated");
  std::string newer = good;
  newer[8] = 2;
  rejects(newer, "its version is 2; this program reads version 1");
  std::string header = good;
  header[13] = 7;
  rejects(header, "its header is damaged");
  std::string labels = good;
  labels[4096 + 4 * 30] = 1;
  rejects(labels, "its labels are damaged");
  std::string pixels = good;
  pixels[4096 + 2 * 30 + 4] = 99;
  const ImagePack damaged(folder.write("y.pack", pixels));
  REQUIRE_NOTHROW(damaged.check_images(0, 2));
  REQUIRE_THROWS_WITH(damaged.check_images(0, 4), Catch::Contains("y.pack: image 2 is damaged"));
}

TEST_CASE("a pack that was stopped is continued after its last complete block") {
  const TemporaryFolder folder;
  write_pack(folder / "whole.pack");
  for (const bool torn : {false, true}) {
    {
      ImagePackWriter writer(folder / "x.pack", shape, "test");
      writer.append(block_of(3, 0));
    }
    if (torn) {  // killed while it wrote the next block
      std::ofstream(folder / "x.pack.packing", std::ios::app | std::ios::binary) << "pixels";
      std::ofstream(folder / "x.pack.packing.log", std::ios::app) << "image 1 77\nbroken z\ty\nima";
    }
    REQUIRE_FALSE(std::filesystem::exists(folder / "x.pack"));
    ImagePackWriter writer(folder / "x.pack", shape, "test");
    REQUIRE(writer.sources() == 3);
    REQUIRE(writer.images() == 3);
    REQUIRE(writer.broken().empty());
    PackBlock partly = block_of(1, 3);
    partly.sources = 2;
    partly.broken = {{"x", "y"}};
    writer.append(partly);
    REQUIRE(writer.sources() == 5);
    writer.finish();
    REQUIRE(bytes_of(folder / "x.pack") == bytes_of(folder / "whole.pack"));
    std::filesystem::remove(folder / "x.pack");
  }
}

TEST_CASE("a pack that was begun for other contents or is being written is rejected") {
  const TemporaryFolder folder;
  {
    ImagePackWriter writer(folder / "x.pack", shape, "test");
    writer.append(block_of(1, 0));
    REQUIRE_THROWS_WITH(ImagePackWriter(folder / "x.pack", shape, "test"),
                        Catch::Contains("is being written by another process"));
  }
  REQUIRE_THROWS_WITH(ImagePackWriter(folder / "x.pack", shape, "another test"),
                      Catch::Contains("was begun from other images or with other options"));
  REQUIRE_THROWS_WITH(ImagePackWriter(folder / "none/x.pack", shape, "test"),
                      Catch::Contains("cannot be created"));
  ImagePackWriter none(folder / "z.pack", shape, "test");
  REQUIRE_THROWS_WITH(none.finish(), Catch::Contains("there is no image to pack"));
}

}  // namespace
