// SPDX-License-Identifier: MIT
#include <filesystem>
#include <string>

#include <scoresde/checkpoint/checkpoint.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/data_sets.hpp"
#include "support/catch.hpp"
#include "support/image_files.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace scoresde::test;

/// A pack of images of size × size, made by scoresde_dataset.
std::filesystem::path make_pack(const TemporaryFolder& folder, std::size_t size) {
  const auto images = make_image_folder(folder, 4, size, size);
  require_success(dataset_program,
                  {images.string(), (folder / "x.pack").string(), "--preparation", "exact"});
  return folder / "x.pack";
}

const Words tiny_32{"--network",   "nf=8",      "--network",
                    "ch_mult=1,1", "--network", "attn_resolutions=16"};

TEST_CASE("training from a pack and from its folder has the same weights", "[slow]") {
  const TemporaryFolder folder, out;
  const auto pack = make_pack(folder, 32);
  const auto weights = [&](const std::filesystem::path& data, const char* name) {
    require_success(train_program,
                    tiny_pack_run(data, out / name) + tiny_32 + Words{"--class-conditional"});
    return bytes_of(out / (std::string(name) + "/checkpoint.safetensors"));
  };
  REQUIRE(weights(pack, "from_pack") == weights(folder / "images", "from_folder"));
}

TEST_CASE("the number of classes is the data's", "[slow]") {
  const TemporaryFolder folder, out;
  const auto pack = make_pack(folder, 32);
  require_success(train_program,
                  tiny_pack_run(pack, out / "run") + tiny_32 + Words{"--class-conditional"});
  const auto configuration = scoresde::read_configuration(out / "run/checkpoint.safetensors");
  REQUIRE(configuration.at("network.num_class_embeds") == "2");
}

TEST_CASE("the held-out loss of a pack needs --test-data", "[slow]") {
  const TemporaryFolder folder, out;
  const auto pack = make_pack(folder, 32);
  const Words held_out = tiny_32 + Words{"--weights-every", "2", "--ema-tracks", "0.1"};
  require_rejected(train_program, tiny_pack_run(pack, out / "a") + held_out,
                   {"--test-data is missing"});
  require_success(train_program, tiny_pack_run(pack, out / "b") + held_out +
                                     Words{"--test-data", (folder / "images").string()});
  REQUIRE(std::filesystem::exists(out / "b/held_out.csv"));
}

TEST_CASE("data that do not suit the network are rejected before the run") {
  const TemporaryFolder folder, out;
  const auto pack = make_pack(folder, 16);
  require_rejected(train_program, tiny_pack_run(pack, out / "a") + tiny_32,
                   {"requires images of 32x32", "has 16x16"});
  std::string bytes = bytes_of(pack);
  folder.write("cut.pack", bytes.substr(0, bytes.size() - 7));
  require_rejected(train_program, tiny_pack_run(folder / "cut.pack", out / "a"),
                   {"cut.pack", "truncated"});
  folder.write("notes.txt", "no pack");
  require_rejected(train_program, tiny_pack_run(folder / "notes.txt", out / "a"),
                   {"notes.txt", "not an image pack"});
  require_rejected(train_program, tiny_pack_run(folder / "none", out / "a"),
                   {"neither a folder nor an image pack"});
  folder.write("images/dog/wide.png", png_of(smooth_image(16, 18)));
  require_rejected(likelihood_program,
                   {"--data", (folder / "images").string(), "--out", (out / "l").string()},
                   {"wide.png has 18 x 16 pixels"});
}

/// Trains for two steps on a pack of the preset's size and samples one image of it.
void require_training_and_sampling(const std::string& preset, std::size_t size,
                                   const Words& network) {
  const TemporaryFolder folder, out;
  require_success(train_program, tiny_pack_run(make_pack(folder, size), out / "run") + network +
                                     Words{"--preset", preset, "--network-batch", "1"});
  require_success(sample_program, {"--checkpoint", (out / "run/checkpoint.safetensors").string(),
                                   "--out", (out / "samples").string(), "--samples", "1", "--batch",
                                   "1", "--steps", "2", "--corrector", "none", "--threads", "2"});
  REQUIRE(std::filesystem::exists(out / "samples/samples.png"));
}

TEST_CASE("the preset of 64 pixels trains and samples on a pack", "[slow]") {
  require_training_and_sampling("ve/celeba_ncsnpp", 64,
                                {"--network", "nf=8", "--network", "num_res_blocks=1"});
}

TEST_CASE("a preset of another size trains with --network image_size", "[slow]") {
  require_training_and_sampling("cifar10_small", 64,
                                {"--network", "image_size=64", "--network", "nf=8"});
}

TEST_CASE("the presets of 256 pixels train and sample on a pack", "[slow]") {
  require_training_and_sampling("ve/celebahq_256_ncsnpp_continuous", 256,
                                {"--network", "nf=4", "--network", "num_res_blocks=1"});
  require_training_and_sampling(
      "vp/ddpm/celebahq", 256,
      {"--network", "nf=32", "--network", "ch_mult=1,1,1,1,1,1", "--network", "num_res_blocks=1"});
}

TEST_CASE("the preset of 1024 pixels trains and samples on a pack", "[slow]") {
  require_training_and_sampling("ve/celebahq_ncsnpp_continuous", 1024,
                                {"--network", "nf=4", "--network", "ch_mult=1,1,1,1,1,1,1,1"});
}

}  // namespace
