// SPDX-License-Identifier: MIT
/// Karras's loss in the CIFAR-10 programs: trained, named in the checkpoint, sampled by his method.
#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <scoresde/io/safetensors.hpp>
#include <scoresde/loss/karras_loss.hpp>
#include <scoresde/nn/unet.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/train/checkpoint.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/made_up_data.hpp"

using namespace scoresde;
using namespace scoresde::test;

TEST_CASE("a run with Karras's loss resumes bit for bit, says so, and is sampled by his method") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto options = [&](const char* out, const char* iterations) {
    return tiny_run(data, folder / out) +
           Words{"--preset", "cifar10_small_karras", "--iterations", iterations};
  };
  const Outcome told = require_success(train_program, options("whole", "3"));
  CHECK(told.says("karras SDE, Karras's loss"));
  CHECK(std::filesystem::exists(folder / "whole" / "snapshot_0000003.png"));
  require_success(train_program, options("parts", "2"));
  require_success(train_program, options("parts", "3") + Words{"--resume"});
  const auto checkpoint = folder / "whole" / "checkpoint.safetensors";
  CHECK(text_of(checkpoint) == text_of(folder / "parts" / "checkpoint.safetensors"));

  const auto kept = read_configuration(checkpoint);
  CHECK(kept.at("training.loss") == "karras");
  CHECK(kept.at("training.convention") == "karras_preconditioned");
  CHECK(kept.at("training.sigma_data") == "0.5");
  CHECK(kept.at("sde.name") == "karras");
  CHECK(kept.at("sde.sigma_max") == "80");

  const Words sample{"--checkpoint", checkpoint.string(),
                     "--out",        (folder / "pictures").string(),
                     "--samples",    "1"};
  require_success(sample_program, sample + Words{"--nfe", "5"});
  const auto file = io::read_safetensors(folder / "pictures" / "samples.safetensors");
  CHECK(file.metadata.at("nfe") == "5");
  CHECK_THAT(file.metadata.at("sampler"),
             Catch::Contains("solver karras-heun, karras grid of 2 steps, final step denoise"));
  for (const float value : file.at("samples").as<float>()) REQUIRE(std::isfinite(value));
}

TEST_CASE("a network that Karras's loss trained under another SDE is refused by its name") {
  const TemporaryFolder folder;
  const nn::UNetConfig network{
      .image_size = 8, .nf = 8, .ch_mult = {1}, .num_res_blocks = 1, .attn_resolutions = {}};
  const nn::Graph graph = nn::unet(network);
  const std::vector<float> weights(graph.parameters().size());
  save_weights(folder / "weights", graph.parameters(), std::span<const float>(weights),
               run_configuration(network, VpSde{}, TrainingConfigurationWith<KarrasLoss>{}), 0);
  require_refused(
      sample_program,
      {"--checkpoint", (folder / "weights").string(), "--out", (folder / "none").string()},
      {"Karras's loss under another SDE"});
  CHECK_FALSE(std::filesystem::exists(folder / "none"));
}
