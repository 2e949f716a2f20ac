// SPDX-License-Identifier: MIT
/// cifar10_likelihood on a GPU, emulated on the host, compared with the CPU.
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/io/npy.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/registry/chain_settings.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "cli/likelihood_options.hpp"
#include "engine/engine.hpp"
#include "support/catch.hpp"
#include "support/small_networks.hpp"
#include "support/temporary_folder.hpp"

using namespace scoresde;
using test::TemporaryFolder;

namespace {

/// Evaluates the images of `options` and returns all cells of the table.
std::vector<double> cells(programs::LikelihoodOptions options, const std::filesystem::path& out,
                          decltype(programs::likelihood_on_host)* likelihood) {
  options.out = out;
  options.overwrite = true;
  std::filesystem::create_directories(out);
  likelihood(options, read_configuration(options.checkpoint));
  std::ifstream stream(out / "likelihood.csv");
  std::vector<double> numbers;
  std::string line;
  std::getline(stream, line);
  while (std::getline(stream, line)) {
    std::istringstream words(line);
    while (std::getline(words, line, ',')) numbers.push_back(std::stod(line));
  }
  return numbers;
}

/// Three images, in batches of two.
programs::LikelihoodOptions likelihood_options(const TemporaryFolder& folder) {
  const std::vector<std::size_t> shape{3, 3, 8, 8};
  std::vector<float> images = small::normals<float>(3 * 3 * 64, 8);
  for (float& value : images) value = 0.5f + 0.1f * value;
  io::write_npy(folder / "images.npy", std::span<const float>(images), shape);
  programs::LikelihoodOptions options;
  options.data = folder / "images.npy";
  options.images = 0;
  options.batch = 2;
  options.draws = 2;
  options.backend.threads = 2;
  return options;
}

void compare(const TemporaryFolder& folder, const programs::LikelihoodOptions& options) {
  const auto expected = cells(options, folder / "host", programs::likelihood_on_host);
  const auto found = cells(options, folder / "device", programs::likelihood_on_device);
  CHECK(expected.size() == 3 * 6);
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    INFO(i);
    if (!std::isnan(expected[i])) CHECK(found[i] == Approx(expected[i]).epsilon(2e-3).margin(2e-3));
  }
}

nn::UNetConfig network() {
  nn::UNetConfig config = small::every_path();
  config.num_channels = 3;
  return config;
}

/// Writes weights so small that the flow is not stiff; returns the path of the file.
std::filesystem::path checkpoint(const TemporaryFolder& folder, const Metadata& settings) {
  const nn::Graph graph = nn::unet(network());
  auto weights = small::parameters<float>(graph, 1);
  for (float& weight : weights) weight *= 0.25f;
  save_weights(folder / "weights", graph.parameters(), std::span<const float>(weights), settings,
               1);
  return folder / "weights";
}

}  // namespace

TEST_CASE("both backends give the same likelihoods and bounds of a flow", "[slow]") {
  const TemporaryFolder folder;
  auto options = likelihood_options(folder);
  options.checkpoint =
      checkpoint(folder, run_configuration(network(), VpSde{}, TrainingConfiguration{}));
  options.eps = 0.8;
  options.rtol = options.atol = 1e-3;
  options.probes = 2;
  compare(folder, options);
}

TEST_CASE("both backends give the same bounds of DDPM's levels", "[slow]") {
  const TemporaryFolder folder;
  auto options = likelihood_options(folder);
  Metadata settings = describe(network());
  settings.merge(
      describe(BetaList{.rule = BetaRule::linear, .levels = 4, .first = 0.1, .last = 0.5}));
  settings["training.loss"] = "discrete";
  options.checkpoint = checkpoint(folder, settings);
  options.discrete = true;
  compare(folder, options);
}
