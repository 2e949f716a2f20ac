// SPDX-License-Identifier: MIT
/// Training on an image pack: the emulated GPU and the CPU use the same images.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/io/image_pack_writer.hpp>

#include "cli/programs.hpp"
#include "engine/engine.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace scoresde;
using test::TemporaryFolder;

namespace {

/// Eight images of size × size of two classes.
std::filesystem::path write_pack(const TemporaryFolder& folder, std::size_t size) {
  const auto path = folder / "x.pack";
  io::ImagePackWriter writer(path, {3, size, size, 0, {"a", "b"}, "made up\n"}, "test");
  io::PackBlock block{.sources = 8, .pixels = {}, .labels = {}, .broken = {}};
  for (std::uint32_t k = 0; k < 8; ++k) {
    block.labels.push_back(k % 2);
    for (std::size_t e = 0; e < 3 * size * size; ++e)
      block.pixels.push_back(static_cast<std::uint8_t>(e * (k + 1) * 7 / size));
  }
  writer.append(block);
  writer.finish();
  return path;
}

/// The loss in the last row of a run's log.
double last_loss(const std::filesystem::path& run) {
  std::ifstream stream(run / "train_log.csv");
  std::string line, last;
  while (std::getline(stream, line)) last = line;
  std::istringstream fields(last);
  std::string field;
  for (int i = 0; i < 4; ++i) std::getline(fields, field, ',');
  return std::stod(field);
}

}  // namespace

TEST_CASE("the preset of 64 pixels trains on a pack with the same losses on both backends",
          "[emulated][slow]") {
  const TemporaryFolder data, out;
  const std::string pack = write_pack(data, 64).string();
  const auto train = [&](const std::string& name, std::vector<std::string> more) {
    std::vector<std::string> words{"cifar10_train",
                                   "--data",
                                   pack,
                                   "--out",
                                   (out / name).string(),
                                   "--preset",
                                   "ve/celeba_ncsnpp",
                                   "--network",
                                   "nf=4",
                                   "--network",
                                   "ch_mult=1,1",
                                   "--network",
                                   "num_res_blocks=1",
                                   "--network",
                                   "attn_resolutions=",
                                   "--batch",
                                   "2",
                                   "--iterations",
                                   "2",
                                   "--log-every",
                                   "1",
                                   "--snapshot-every",
                                   "0",
                                   "--class-conditional"};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    return programs::train_program(static_cast<int>(arguments.size()), arguments.data(),
                                   {&programs::train_on_host, &programs::train_on_device},
                                   programs::ablation_on_host);
  };
  REQUIRE(train("cpu", {"--threads", "2"}) == 0);
  REQUIRE(train("cuda", {"--backend", "cuda", "--precision", "fp32"}) == 0);
  const auto configuration = read_configuration(out / "cuda/checkpoint.safetensors");
  CHECK(configuration.at("network.num_class_embeds") == "2");
  CHECK(last_loss(out / "cuda") == Approx(last_loss(out / "cpu")).epsilon(1e-3));
}
