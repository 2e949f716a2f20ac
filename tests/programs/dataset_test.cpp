// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <scoresde/data/cifar10.hpp>
#include <scoresde/io/image_pack.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/data_sets.hpp"
#include "programs/made_up_data.hpp"
#include "support/catch.hpp"
#include "support/image_files.hpp"
#include "support/temporary_folder.hpp"
#if defined(SCORESDE_TEST_LMDB)
#include "support/lmdb_database.hpp"
#endif

namespace {

using scoresde::io::ImagePack;
using scoresde::test::dataset_program;
using scoresde::test::make_image_folder;
using scoresde::test::png_of;
using scoresde::test::require_rejected;
using scoresde::test::require_success;
using scoresde::test::RunningProgram;
using scoresde::test::smooth_image;
using scoresde::test::TemporaryFolder;
using scoresde::test::Words;

TEST_CASE("scoresde_dataset packs a folder with classes") {
  const TemporaryFolder folder;
  const auto images = make_image_folder(folder, 6, 20, 30);
  const auto out = folder / "x.pack";
  const auto outcome =
      require_success(dataset_program, {images.string(), out.string(), "--size", "8"});
  REQUIRE(outcome.says("6 images of 3 x 8 x 8, 2 classes, 0 broken"));
  const ImagePack pack(out);
  REQUIRE(pack.contents().classes == std::vector<std::string>{"cat", "dog"});
  REQUIRE(pack.contents().source.find("filter = pil_lanczos") != std::string::npos);
  const auto set = pack.images();
  REQUIRE(set.size() == 6);
  REQUIRE(set.view().labels[2] == 0);
  REQUIRE(set.view().labels[3] == 1);
  // Files are sorted by class: images 0, 2, 4, 1, 3, 5, whose blue is 40 times their number.
  const std::vector<int> blue{0, 80, 160, 40, 120, 200};
  for (std::size_t i = 0; i < 6; ++i) REQUIRE(int(set.view().image(i)[2 * 64]) == blue[i]);
  require_success(dataset_program, {"--verify", out.string()});
}

TEST_CASE("a pack does not depend on the number of threads") {
  const TemporaryFolder folder;
  const auto images = make_image_folder(folder, 9, 17, 13).string();
  for (const char* threads : {"1", "3"})
    require_success(dataset_program,
                    {images, (folder / threads).string(), "--size", "10", "--threads", threads});
  REQUIRE(scoresde::test::bytes_of(folder / "1") == scoresde::test::bytes_of(folder / "3"));
}

TEST_CASE("scoresde_dataset packs CIFAR-10's folder exactly") {
  const TemporaryFolder folder, data;
  scoresde::test::make_data(data);
  const auto out = folder / "x.pack";
  require_success(dataset_program, {data.path().string(), out.string(), "--preparation", "exact",
                                    "--images", "100"});
  const auto set = scoresde::data::read_cifar10(data.path(), scoresde::data::Split::train);
  const ImagePack pack(out);
  REQUIRE(pack.contents().classes[9] == "truck");
  for (std::size_t i = 0; i < 100; ++i) {
    REQUIRE(pack.images().view().labels[i] == set.labels[i]);
    REQUIRE(std::ranges::equal(pack.images().view().image(i), set.image(i)));
  }
}

#if defined(SCORESDE_TEST_LMDB)
TEST_CASE("scoresde_dataset packs an LMDB database of images") {
  const TemporaryFolder folder;
  std::map<std::string, std::string> entries;
  for (unsigned i = 0; i < 5; ++i)
    entries["key" + std::to_string(i)] = png_of(smooth_image(12, 9, i));
  scoresde::test::write_lmdb(folder / "db", entries);
  require_success(dataset_program, {(folder / "db").string(), (folder / "x.pack").string(),
                                    "--size", "8", "--preparation", "score_sde_lsun"});
  const ImagePack pack(folder / "x.pack");
  REQUIRE(pack.contents().classes.empty());
  REQUIRE(pack.images().size() == 5);
  for (std::size_t i = 0; i < 5; ++i) REQUIRE(pack.images().view().image(i)[2 * 64] == 40 * i);
}
#endif

TEST_CASE("CelebA's images are cropped by the convention of their name") {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "celeba");
  folder.write("celeba/000001.png", png_of(smooth_image(218, 178)));
  const auto first_of = [&](const char* preparation) {
    const auto out = folder / preparation;
    require_success(dataset_program, {(folder / "celeba").string(), out.string(), "--size", "64",
                                      "--preparation", preparation});
    return int(ImagePack(out).images().view().image(0)[0]);
  };
  // Red is 255·x/178: about 27 in column 19, where a crop of 140 begins, and 0 in column 0.
  REQUIRE(std::abs(first_of("score_sde_celeba") - 28) <= 2);
  REQUIRE(first_of("celeba_178") <= 2);
}

TEST_CASE("broken images are named, and rejected or left out") {
  const TemporaryFolder folder;
  const auto images = make_image_folder(folder, 4, 16, 16);
  folder.write("images/cat/broken.png", png_of(smooth_image(16, 16)).substr(0, 90));
  folder.write("images/dog/note.jpg", "no image");
  const Words arguments{images.string(), (folder / "x.pack").string(), "--size", "8"};
  require_rejected(dataset_program, arguments,
                   {"cat/broken.png: png: it is truncated", "dog/note.jpg: it is not a PNG",
                    "2 of images 0 to 5 are broken", "--broken skip"});
  REQUIRE_FALSE(std::filesystem::exists(folder / "x.pack"));
  const auto outcome = require_success(dataset_program, [&] {
    Words skipping = arguments;  // continues what was begun
    skipping.insert(skipping.end(), {"--broken", "skip"});
    return skipping;
  }());
  REQUIRE(outcome.says("dog/note.jpg"));
  REQUIRE(outcome.says("4 images of 3 x 8 x 8, 2 classes, 2 broken left out"));
}

TEST_CASE("exact rejects images of several sizes") {
  const TemporaryFolder folder;
  const auto images = make_image_folder(folder, 4, 16, 16);
  folder.write("images/dog/wide.png", png_of(smooth_image(16, 18)));
  require_rejected(dataset_program,
                   {images.string(), (folder / "x.pack").string(), "--preparation", "exact"},
                   {"wide.png", "18 x 16", "those of the data set have 16 x 16"});
}

TEST_CASE("scoresde_dataset rejects contradictory options and damaged packs") {
  const TemporaryFolder folder;
  const auto images = make_image_folder(folder, 2, 8, 8).string();
  require_rejected(dataset_program, {images, (folder / "x.pack").string()}, {"--size is missing"});
  require_rejected(dataset_program, {images}, {"OUTPUT is missing"});
  require_rejected(dataset_program, {(folder / "none").string(), "y", "--size", "8"},
                   {"none", "neither a folder nor"});
  require_rejected(dataset_program, {images, "y", "--size", "8", "--filter", "pil_lanczoz"},
                   {"pil_lanczos"});
  require_success(dataset_program, {images, (folder / "x.pack").string(), "--size", "8"});
  require_rejected(dataset_program, {images, (folder / "x.pack").string(), "--size", "8"},
                   {"exists", "--overwrite"});
  std::string bytes = scoresde::test::bytes_of(folder / "x.pack");
  bytes[4100] = static_cast<char>(bytes[4100] ^ 1);
  folder.write("x.pack", bytes);
  require_rejected(dataset_program, {"--verify", (folder / "x.pack").string()},
                   {"image 0 is damaged"});
}

TEST_CASE("a stopped scoresde_dataset is continued and writes the same pack", "[slow]") {
  const TemporaryFolder folder;
  const auto images = make_image_folder(folder, 32, 100, 100).string();
  const Words whole{images, (folder / "whole.pack").string(), "--size", "1200", "--threads", "1"};
  require_success(dataset_program, whole);
  Words stopped = whole;
  stopped[1] = (folder / "x.pack").string();
  const RunningProgram program(scoresde::test::program_path(dataset_program), stopped,
                               folder / "output");
  REQUIRE(RunningProgram::wait_for(folder / "x.pack.packing.log"));
  program.signal(SIGINT);
  const auto outcome = program.wait();
  INFO(outcome.text);
  if (outcome.status != 0) {  // a fast machine may be done before the signal
    REQUIRE(outcome.status == 130);
    REQUIRE(outcome.says("the same command continues"));
    REQUIRE(require_success(dataset_program, stopped).says("continued after"));
  }
  REQUIRE(scoresde::test::bytes_of(folder / "x.pack") ==
          scoresde::test::bytes_of(folder / "whole.pack"));
}

}  // namespace
