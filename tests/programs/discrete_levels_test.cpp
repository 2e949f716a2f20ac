// SPDX-License-Identifier: MIT
/// cifar10_sample on networks trained on discrete levels.
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/sde/ddpm_betas.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/timestep_grid.hpp>

#include "programs/cifar10_programs.hpp"

namespace {

using namespace scoresde;
using namespace scoresde::test;

/// Weights of a tiny network whose checkpoint declares training on the levels of this SDE.
template <DiscreteSde S>
std::string levels_checkpoint(const TemporaryFolder& folder, const S& sde) {
  const nn::UNetConfig network{.image_size = 8,
                               .nf = 8,
                               .ch_mult = {1},
                               .num_res_blocks = 1,
                               .attn_resolutions = {},
                               .dropout = 0,
                               .init_scale = 1,
                               .scale_by_sigma = std::derived_from<S, VeSde>};
  const nn::Graph graph = nn::unet(network);
  std::vector<float> weights(graph.parameters().size());
  nn::initialize(graph.parameters(), std::span<float>(weights), 3);
  const TrainingConfigurationWith<DiscreteScoreMatching> training{};
  save_weights(folder / "weights", graph.parameters(), std::span<const float>(weights),
               run_configuration(network, sde, training), 0);
  return (folder / "weights").string();
}

void require_usage_error(const Words& arguments, const Words& words) {
  const Outcome outcome = run(sample_program, arguments);
  INFO("output: " << outcome.text);
  CHECK(outcome.status == 2);
  for (const std::string& word : words) CHECK(outcome.says(word));
}

template <DiscreteSde S>
void check_sampling(const S& sde) {
  const TemporaryFolder folder;
  const Words usual{"--checkpoint", levels_checkpoint(folder, sde),
                    "--out",        (folder / "samples").string(),
                    "--threads",    "1",
                    "--samples",    "2",
                    "--overwrite"};
  for (const Words& way :
       {Words{"--predictor", "ancestral", "--corrector", "langevin"}, Words{"--solver", "heun"},
        Words{"--solver", "dpm-solver++-2m"}, Words{"--solver", "ddim", "--grid", "quadratic"},
        Words{"--solver", "rk4"}}) {
    require_success(sample_program, usual + way + Words{"--steps", "7"});
    const auto file = io::read_safetensors(folder / "samples" / "samples.safetensors");
    for (const float value : file.at("samples").template as<float>()) REQUIRE(std::isfinite(value));
  }
  for (const char* solver : {"dopri5", "adaptive-sde", "dpm-solver-23"})
    require_usage_error(
        usual + Words{"--solver", solver},
        {std::string("--solver ") + solver, "chooses its own times", "1000 discrete levels"});
}

}  // namespace

TEST_CASE("a network trained on DDPM levels is evaluated at those levels") {
  check_sampling(DiscreteVpSde(1000));
}

TEST_CASE("a network trained on SMLD levels is evaluated at those levels") {
  check_sampling(SmldSde(1000));
}

TEST_CASE("a network of 50 levels is sampled with the number of steps that the program prints") {
  const TemporaryFolder folder;
  const Words usual{"--checkpoint", levels_checkpoint(folder, SmldSde(50)),
                    "--out",        (folder / "samples").string(),
                    "--threads",    "1",
                    "--samples",    "2",
                    "--overwrite"};
  const auto check = [&](const Words& way, const std::string& steps, const std::string& nfe) {
    const Outcome outcome = require_success(sample_program, usual + way);
    INFO("output: " << outcome.text);
    CHECK(outcome.says("grid of " + steps + " steps"));
    const auto file = io::read_safetensors(folder / "samples" / "samples.safetensors");
    CHECK(file.metadata.at("sampler").find("grid of " + steps + " steps") != std::string::npos);
    CHECK(file.metadata.at("nfe") == nfe);
  };
  // One more evaluation denoises; the predictor-corrector sampler omits its last noise.
  const Words fast{"--solver", "dpm-solver++-2m"};
  check(fast + Words{"--grid", "log_snr", "--steps", "40"}, "40", "41");
  check(fast + Words{"--grid", "karras", "--nfe", "40"}, "39", "40");
  check(Words{"--predictor", "euler_maruyama", "--corrector", "none"}, "49", "49");
  check(Words{"--sampler", "P1000", "--predictor", "euler_maruyama"}, "49", "49");
  require_usage_error(usual + fast + Words{"--steps", "60"},
                      {"--steps 60", "60 steps requested", "at most 49", "--grid leading 50"});
}

TEST_CASE("all levels are sampled in as many steps, the last to the data, with --grid leading") {
  const TemporaryFolder folder;
  const Words usual{"--checkpoint", levels_checkpoint(folder, DiscreteVpSde(50)),
                    "--out",        (folder / "samples").string(),
                    "--threads",    "1",
                    "--samples",    "2",
                    "--grid",       "leading",
                    "--predictor",  "ancestral",
                    "--corrector",  "none"};
  require_success(sample_program, usual + Words{"--steps", "50"});
  const auto file = io::read_safetensors(folder / "samples" / "samples.safetensors");
  CHECK(file.metadata.at("nfe") == "50");
  for (const float value : file.at("samples").as<float>()) REQUIRE(std::isfinite(value));
  const Words again = usual + Words{"--overwrite"};
  require_usage_error(again + Words{"--steps", "51"}, {"--steps 51", "must lie in [1, 50]"});
  require_usage_error(again + Words{"--steps", "50", "--steps-offset", "5"},
                      {"--steps-offset 5", "the last level is 49"});
}

TEST_CASE("spacings of timesteps end at the data, for networks of discrete levels") {
  const TemporaryFolder folder;
  const Words usual{"--checkpoint", levels_checkpoint(folder, DiscreteVpSde(1000)),
                    "--out",        (folder / "samples").string(),
                    "--threads",    "1",
                    "--samples",    "2",
                    "--overwrite"};
  const auto samples = [&](const Words& way) {
    const Outcome outcome = require_success(sample_program, usual + way + Words{"--steps", "5"});
    INFO("output: " << outcome.text);
    CHECK(outcome.says(way[1] + " grid of 5 steps"));
    const auto file = io::read_safetensors(folder / "samples" / "samples.safetensors");
    CHECK(file.metadata.at("nfe") == "5");
    return file.at("samples").template as<float>();
  };
  const Words ddim{"--predictor", "ddim", "--corrector", "none"};
  for (const char* spacing : {"leading", "trailing", "linspace"}) {
    samples(Words{"--grid", spacing} + ddim);
    samples(Words{"--grid", spacing, "--solver", "unipc-2"});
  }
  const Words leading{"--grid", "leading", "--solver", "dpm-solver++-2m"};
  CHECK(samples(leading) != samples(leading + Words{"--steps-offset", "1"}));
  require_success(sample_program, usual + Words{"--grid", "beta", "--solver", "unipc-2"});
  require_rejected(sample_program, usual + Words{"--grid", "leading", "--solver", "heun"},
                   {"--grid leading is for fast solvers"});
  require_rejected(sample_program, usual + leading + Words{"--final", "denoise"},
                   {"--grid leading is for fast solvers"});
  require_rejected(sample_program,
                   usual + ddim + Words{"--grid", "trailing", "--steps-offset", "1"},
                   {"--steps-offset is for --grid leading; the grid is trailing"});
}
