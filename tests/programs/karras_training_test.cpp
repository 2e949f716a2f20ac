// SPDX-License-Identifier: MIT
/// The EDM loss in the CIFAR-10 programs: training, checkpoint, and sampling with the EDM solver.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/loss/edm_loss.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/made_up_data.hpp"

using namespace scoresde;
using namespace scoresde::test;

TEST_CASE(
    "a run with the EDM loss resumes bit-identically, stores it, and is sampled with the EDM "
    "solver",
    "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto options = [&](const char* out, const char* iterations) {
    return tiny_run(data, folder / out) +
           Words{"--preset", "cifar10_small_karras", "--iterations", iterations};
  };
  const Outcome outcome = require_success(train_program, options("whole", "3"));
  CHECK(outcome.says("karras SDE, EDM loss"));
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
                     "--out",        (folder / "samples").string(),
                     "--samples",    "1"};
  require_success(sample_program, sample + Words{"--nfe", "5"});
  const auto file = io::read_safetensors(folder / "samples" / "samples.safetensors");
  CHECK(file.metadata.at("nfe") == "5");
  CHECK_THAT(file.metadata.at("sampler"),
             Catch::Contains("solver karras-heun, karras grid of 2 steps, final step denoise"));
  for (const float value : file.at("samples").as<float>()) REQUIRE(std::isfinite(value));
}

TEST_CASE("a network trained with the EDM loss under another SDE is rejected by name") {
  const TemporaryFolder folder;
  const nn::UNetConfig network{
      .image_size = 8, .nf = 8, .ch_mult = {1}, .num_res_blocks = 1, .attn_resolutions = {}};
  const nn::Graph graph = nn::unet(network);
  const std::vector<float> weights(graph.parameters().size());
  save_weights(folder / "weights", graph.parameters(), std::span<const float>(weights),
               run_configuration(network, VpSde{}, TrainingConfigurationWith<EdmLoss>{}), 0);
  require_rejected(
      sample_program,
      {"--checkpoint", (folder / "weights").string(), "--out", (folder / "none").string()},
      {"EDM loss under another SDE"});
  CHECK_FALSE(std::filesystem::exists(folder / "none"));
}

TEST_CASE(
    "a run with EMA tracks writes float16 snapshots and held-out losses, and resumes "
    "bit-identically",
    "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto options = [&](const char* out, const char* iterations) {
    return tiny_run(data, folder / out) + Words{"--preset",
                                                "cifar10_small_karras",
                                                "--iterations",
                                                iterations,
                                                "--class-conditional",
                                                "--network",
                                                "nf=8",
                                                "--network",
                                                "ch_mult=1,2",
                                                "--ema-tracks",
                                                "0.05,0.1",
                                                "--weights-every",
                                                "4",
                                                "--held-out-images",
                                                "3",
                                                "--snapshot-every",
                                                "0"};
  };
  require_success(train_program, options("whole", "5"));
  require_success(train_program, options("parts", "3"));
  require_success(train_program, options("parts", "5") + Words{"--resume"});
  const auto checkpoint = folder / "whole" / "checkpoint.safetensors";
  CHECK(text_of(checkpoint) == text_of(folder / "parts" / "checkpoint.safetensors"));
  const std::string losses = text_of(folder / "whole" / "held_out.csv");
  CHECK(losses == text_of(folder / "parts" / "held_out.csv"));
  // Two snapshots of three sets of weights at eight levels, and the header.
  CHECK(std::count(losses.begin(), losses.end(), '\n') == 2 * 3 * 8 + 1);

  for (const char* name :
       {"weights_0000000004_raw.safetensors", "weights_0000000004_ema_0.05.safetensors",
        "weights_0000000008_ema_0.1.safetensors"}) {
    INFO(name);
    const auto path = folder / "whole" / name;
    CHECK(text_of(path) == text_of(folder / "parts" / name));
    CHECK(io::read_safetensors(path).tensors.begin()->second.dtype == "F16");
  }
  const auto kept =
      read_configuration(folder / "whole" / "weights_0000000004_ema_0.05.safetensors");
  CHECK(kept.at("snapshot.images") == "4");
  CHECK(kept.at("program.batch") == "2");
  CHECK(std::stod(kept.at("snapshot.gamma")) == Approx(16.97).margin(5e-3));
  CHECK(network_of(kept).ch_mult == std::vector<std::size_t>{1, 2});

  const Outcome outcome =
      require_success(train_program, options("whole", "5") + Words{"--resume", "--held-out"});
  CHECK(outcome.says("5,10,ema_0.05,"));
  CHECK(text_of(folder / "whole" / "held_out.csv") == losses);
}

TEST_CASE("a decay that begins when a run resumes is stored in its checkpoint and ends the run",
          "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const Words options = tiny_run(data, folder / "run") + Words{"--preset",  "cifar10_small_karras",
                                                               "--network", "nf=8",
                                                               "--network", "ch_mult=1,2",
                                                               "--network", "attn_resolutions="};
  const auto decay_in_file = [&] {
    return decay_of(read_configuration(folder / "run" / "checkpoint.safetensors"));
  };
  require_success(train_program, options + Words{"--iterations", "3"});
  CHECK(decay_in_file() == LearningRateDecay{});
  require_rejected(train_program, options + Words{"--decay-images", "7"},
                   {"--decay-images requires --resume"});
  require_success(train_program, options + Words{"--resume", "--decay-images", "7"});
  CHECK(decay_in_file() == LearningRateDecay{3, 4});
  CHECK(read_step(folder / "run" / "checkpoint.safetensors") == 7);
  require_rejected(train_program, options + Words{"--resume", "--decay-images", "7"},
                   {"decays already, from step 3 to 7"});
  require_success(train_program, options + Words{"--resume"});
  CHECK(read_step(folder / "run" / "checkpoint.safetensors") == 7);
  require_rejected(train_program, options + Words{"--network", "width=3"},
                   {"'width' is not a key"});
}
