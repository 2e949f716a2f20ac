// SPDX-License-Identifier: MIT
/// Classes in the CIFAR-10 programs: training, checkpoints, sampling by name, guidance.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/made_up_data.hpp"

namespace {

using namespace scoresde;
using namespace scoresde::test;

/// Weights of an untrained network for images of 8×8 that is conditioned on `classes` classes, with
/// the label dropout stored in its checkpoint.
std::string class_checkpoint(const TemporaryFolder& folder, std::size_t classes,
                             std::optional<double> label_dropout = 0.1) {
  const nn::UNetConfig network{.image_size = 8,
                               .nf = 8,
                               .ch_mult = {1},
                               .num_res_blocks = 1,
                               .attn_resolutions = {},
                               .dropout = 0,
                               .init_scale = 1,
                               .num_class_embeds = classes};
  const nn::Graph graph = nn::unet(network);
  std::vector<float> weights(graph.parameters().size());
  nn::initialize(graph.parameters(), std::span<float>(weights), 3);
  auto configuration =
      run_configuration(network, VpSde{}, {.label_dropout = label_dropout.value_or(0)});
  if (!label_dropout) configuration.erase("training.label_dropout");
  const auto path = folder / ("weights" + std::to_string(classes));
  save_weights(path, graph.parameters(), std::span<const float>(weights), configuration, 0);
  return path.string();
}

struct Drawn {
  std::vector<float> samples;
  std::vector<std::uint32_t> classes;
  std::string nfe;
};

Drawn draw(const std::string& checkpoint, const Words& more) {
  const TemporaryFolder folder;
  require_success(sample_program, Words{"--checkpoint", checkpoint, "--out", folder.path().string(),
                                        "--threads", "1", "--predictor", "ddim"} +
                                      more);
  const auto file = io::read_safetensors(folder / "samples.safetensors");
  Drawn drawn{file.at("samples").as<float>(), {}, file.metadata.at("nfe")};
  if (file.tensors.count("classes") > 0) drawn.classes = file.at("classes").as<std::uint32_t>();
  return drawn;
}

constexpr std::size_t dim = 3 * 8 * 8;

}  // namespace

TEST_CASE(
    "the checkpoint of a class-conditional run stores its options, and the run resumes "
    "bit-identically",
    "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto options = [&](const char* out, const char* iterations) {
    return tiny_run(data, folder / out) +
           Words{"--class-conditional", "--label-dropout", "0.5", "--iterations", iterations};
  };
  const Outcome outcome = require_success(train_program, options("whole", "3"));
  CHECK(outcome.says("10, label dropout 0.5"));
  CHECK(std::filesystem::exists(folder / "whole" / "snapshot_0000003.png"));
  require_success(train_program, options("parts", "2"));
  require_rejected(train_program,
                   options("parts", "3") + Words{"--resume", "--label-dropout", "0.25"},
                   {"training.label_dropout", "'0.5'", "'0.25'"});
  require_success(train_program, options("parts", "3") + Words{"--resume"});
  CHECK(text_of(folder / "whole" / "checkpoint.safetensors") ==
        text_of(folder / "parts" / "checkpoint.safetensors"));

  const auto kept = read_configuration(folder / "whole" / "checkpoint.safetensors");
  CHECK(kept.at("training.label_dropout") == "0.5");
  CHECK(network_of(kept).num_class_embeds == 10);
  const Words usual = tiny_run(data, folder / "none");
  require_rejected(train_program, usual + Words{"--label-dropout", "0.5"},
                   {"--label-dropout", "--class-conditional"});
  require_rejected(train_program, usual + Words{"--class-conditional", "--label-dropout", "1.5"},
                   {"--label-dropout", "1.5"});
  CHECK_FALSE(std::filesystem::exists(folder / "none"));
}

TEST_CASE("each row of the grid is one class, and each sample equals that of its class") {
  const TemporaryFolder folder;
  const std::string checkpoint = class_checkpoint(folder, 10);
  const Drawn grid = draw(checkpoint, {"--columns", "2", "--steps", "3"});
  REQUIRE(grid.classes.size() == 20);
  for (std::size_t k = 0; k < 20; ++k) CHECK(grid.classes[k] == k / 2);
  for (const std::size_t k : {std::size_t{0}, std::size_t{7}, std::size_t{19}}) {
    const Drawn alone = draw(checkpoint, {"--class", std::to_string(k / 2), "--samples", "1",
                                          "--first-sample", std::to_string(k), "--steps", "3"});
    CHECK(std::equal(alone.samples.begin(), alone.samples.end(),
                     grid.samples.begin() + std::ptrdiff_t(k * dim)));
  }
  const Drawn rest = draw(checkpoint, {"--columns", "2", "--first-sample", "6", "--samples", "4",
                                       "--batch", "3", "--steps", "3"});
  CHECK(rest.classes == std::vector<std::uint32_t>{3, 3, 4, 4});
  CHECK(std::equal(rest.samples.begin(), rest.samples.end(), grid.samples.begin() + 6 * dim));
  const Words cat{"--class", "cat", "--samples", "2", "--steps", "3"};
  const Words third{"--class", "3", "--samples", "2", "--steps", "3"};
  CHECK(draw(checkpoint, cat).samples == draw(checkpoint, third).samples);
  CHECK(draw(class_checkpoint(folder, 4), {"--columns", "1", "--steps", "1"}).classes ==
        std::vector<std::uint32_t>{0, 1, 2, 3});
}

TEST_CASE("guidance combines two outputs of the network at twice the evaluations") {
  const TemporaryFolder folder;
  const std::string checkpoint = class_checkpoint(folder, 10);
  // One step of DDIM is linear in the score, so the guided sample is linear in the two samples.
  const Words one{"--samples", "2", "--steps", "1", "--final", "eps"};
  const Drawn with = draw(checkpoint, one + Words{"--class", "ship"});
  const Drawn without = draw(checkpoint, one + Words{"--class", "none"});
  const Drawn guided = draw(checkpoint, one + Words{"--class", "ship", "--guidance", "1.5"});
  CHECK(with.samples != without.samples);
  float largest = 0;
  for (const float value : guided.samples) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < guided.samples.size(); ++i)
    REQUIRE(guided.samples[i] ==
            Approx(2.5F * with.samples[i] - 1.5F * without.samples[i]).margin(1e-5F * largest));
  CHECK(with.nfe == "1");
  CHECK(guided.nfe == "2");
  const Words not_guided = one + Words{"--class", "ship", "--guidance", "0"};
  CHECK(draw(checkpoint, not_guided).samples == with.samples);
  const Words budget{"--class", "ship", "--samples", "1", "--nfe", "20", "--guidance", "1"};
  CHECK(draw(checkpoint, budget).nfe == "20");
  // All of the noise levels, and none of them.
  const Words everywhere{"--guidance-interval", "0", "1000"},
      nowhere{"--guidance-interval", "0", "1e-9"};
  const Words ship = one + Words{"--class", "ship", "--guidance", "1.5"};
  CHECK(draw(checkpoint, ship + everywhere).samples == guided.samples);
  const Drawn outside = draw(checkpoint, ship + nowhere);
  CHECK(outside.samples == with.samples);
  CHECK(outside.nfe == "1");
}

TEST_CASE("classes and guidance for which the network was not trained are rejected") {
  const TemporaryFolder folder;
  const auto rejected = [&](const std::string& checkpoint, const Words& options,
                            const Words& words) {
    require_rejected(
        sample_program,
        Words{"--checkpoint", checkpoint, "--out", (folder / "none").string(), "--steps", "1"} +
            options,
        words);
    CHECK_FALSE(std::filesystem::exists(folder / "none"));
  };
  const std::string unconditional = class_checkpoint(folder, 0);
  rejected(unconditional, {"--class", "cat"}, {"--class", "not conditioned on classes"});
  rejected(unconditional, {"--guidance", "1"}, {"--guidance", "not conditioned on classes"});
  const std::string sure = class_checkpoint(folder, 10, 0);
  rejected(sure, {"--class", "cat", "--guidance", "1"}, {"--guidance", "without label dropout"});
  rejected(sure, {"--class", "none"}, {"--class none", "without label dropout"});
  CHECK(draw(sure, {"--class", "cat", "--samples", "1", "--steps", "1"}).samples.size() == dim);
  const std::string ten = class_checkpoint(folder, 10);
  rejected(ten, {"--class", "10"}, {"'10'", "0 to 9", "truck"});
  rejected(ten, {"--class", "dragon"}, {"'dragon'", "truck"});
  rejected(ten, {"--class", "cats"}, {"'cats'; did you mean 'cat'?", "truck"});
  CHECK(run(sample_program,
            {"--checkpoint", ten, "--out", (folder / "none").string(), "--class", "cats"})
            .status == 2);
  rejected(ten, {"--class", "none", "--guidance", "1"}, {"--guidance requires a --class"});
  rejected(ten, {"--class", "cat", "--guidance", "-1"}, {"--guidance", "-1"});
  rejected(ten, {"--class", "cat", "--guidance-interval", "0", "1"},
           {"--guidance-interval is for --guidance"});
  rejected(ten, {"--class", "cat", "--guidance", "1", "--guidance-interval", "2", "1"},
           {"from 2 to 1"});
  rejected(class_checkpoint(folder, 4), {"--class", "cat"}, {"'cat'", "0 to 3"});
  // A file without label dropout is accepted.
  const std::string silent = class_checkpoint(folder, 10, std::nullopt);
  CHECK(draw(silent, {"--class", "none", "--samples", "1", "--steps", "1"}).nfe == "1");
}
