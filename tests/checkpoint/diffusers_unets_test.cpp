// SPDX-License-Identifier: MIT
/// UNet2DModel folders written by diffusers, compared with PyTorch's outputs.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <scoresde/checkpoint/diffusers_checkpoint.hpp>
#include <scoresde/checkpoint/diffusers_config.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/io/state_dict.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/runtime/network.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace scoresde;
namespace fs = std::filesystem;

std::vector<fs::path> golden_unets() {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(SCORESDE_SOURCE_DIR "/tests/golden/diffusers"))
    folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  return folders;
}

nn::UNetConfig config_of(const fs::path& folder) {
  const auto bytes = io::read_file(folder / "config.json");
  return network_of_diffusers(io::characters(bytes));
}

io::TensorFile weights_file(const fs::path& folder) {
  return io::read_safetensors(folder / "diffusion_pytorch_model.safetensors");
}

template <class T>
std::vector<T> weights_of(const fs::path& folder, const nn::UNetConfig& config) {
  const nn::Graph graph = nn::unet(config);
  std::vector<T> weights(graph.parameters().size());
  load_diffusers_weights<T>(weights_file(folder), config, graph.parameters(), weights);
  return weights;
}

/// Largest difference from PyTorch's y per sample, relative to the largest value of y.
template <class T>
std::vector<double> differences(const fs::path& folder) {
  const nn::UNetConfig config = config_of(folder);
  const io::TensorFile golden = io::read_safetensors(folder / "outputs.safetensors");
  const auto x = golden.at("x").as<T>();
  const auto labels = golden.at("t").as<double>(), wanted = golden.at("y").as<double>();
  std::vector<std::uint32_t> classes;
  if (golden.contains("classes")) classes = {2, 0};
  const auto weights = weights_of<T>(folder, config);
  nn::Network<eigen::Ops<T>> network(nn::unet(config), 2, nn::Mode::inference);
  std::vector<T> y(wanted.size());
  network.forward(weights, x, labels, y, {}, classes);
  std::vector<double> worst;
  const std::size_t size = y.size() / 2;
  for (std::size_t n = 0; n < 2; ++n) {
    double error = 0, scale = 0;
    for (std::size_t i = n * size; i < (n + 1) * size; ++i) {
      error = std::max(error, std::abs(double(y[i]) - wanted[i]));
      scale = std::max(scale, std::abs(wanted[i]));
    }
    worst.push_back(error / scale);
  }
  return worst;
}

}  // namespace

TEST_CASE("networks saved by diffusers give PyTorch's outputs in double", "[golden]") {
  CHECK(golden_unets().size() == 11);
  for (const fs::path& folder : golden_unets()) {
    INFO(folder);
    const auto error = differences<double>(folder);
    // diffusers computes sines in float32; only those of label 0 are exact, and Fourier networks
    // compute in double.
    const bool fourier = config_of(folder).embedding_type == nn::EmbeddingType::fourier;
    CHECK(error[0] < 1e-12);
    CHECK(error[1] < (fourier ? 1e-12 : 2e-6));
  }
}

TEST_CASE("networks saved by diffusers give PyTorch's outputs in float", "[golden]") {
  for (const fs::path& folder : golden_unets()) {
    INFO(folder);
    const auto error = differences<float>(folder);
    CHECK(error[0] < 5e-6);
    CHECK(error[1] < 5e-6);
  }
}

TEST_CASE(
    "networks saved by diffusers are written back with the same names, bits and configuration") {
  for (const fs::path& folder : golden_unets()) {
    INFO(folder);
    const test::TemporaryFolder out;
    const nn::UNetConfig config = config_of(folder);
    const nn::Graph graph = nn::unet(config);
    const auto weights = weights_of<float>(folder, config);
    save_for_diffusers<float>(out / "back", config, graph.parameters(), weights);
    CHECK(config_of(out / "back") == config);
    CHECK(weights_of<float>(out / "back", config) == weights);
    const io::TensorFile there = weights_file(folder), back = weights_file(out / "back");
    CHECK(there.tensors.size() == back.tensors.size());
    for (const auto& [name, tensor] : there.tensors) {
      INFO(name);
      REQUIRE(back.contains(name));
      CHECK(back.at(name).shape == tensor.shape);
      CHECK(back.at(name).as<float>() == tensor.as<float>());
    }
  }
}
