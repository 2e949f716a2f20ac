// SPDX-License-Identifier: MIT
#include <set>
#include <string>

#include <scoresde/nn/unet.hpp>

#include "support/catch.hpp"
#include "support/golden_networks.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using nn::UNetConfig;

namespace {

std::size_t modules(const nn::Graph& graph) {
  std::set<std::string> names;
  for (const auto& p : graph.parameters().entries())
    names.insert(p.name.substr(0, p.name.find('.', std::string("all_modules.").size())));
  return names.size();
}

}  // namespace

TEST_CASE("Modules are counted as score_sde counts them") {
  UNetConfig config;  // DDPM++
  CHECK(modules(nn::unet(config)) == 55);
  config.num_res_blocks = 8;
  CHECK(modules(nn::unet(config)) == 91);
  config.fir = true;  // NCSN++
  config.progressive_input = "residual";
  CHECK(modules(nn::unet(config)) == 94);
  config.embedding_type = "fourier";
  CHECK(modules(nn::unet(config)) == 95);
  config.num_res_blocks = 4;
  CHECK(modules(nn::unet(config)) == 59);
  config.name = "ddpm";
  config.num_res_blocks = 2;
  CHECK(modules(nn::unet(config)) == 37);
}

TEST_CASE("The parameters are those of the reference's state dictionary", "[golden]") {
  std::size_t compared = 0;
  for (const auto& path : golden::network_files()) {
    const auto file = io::read_safetensors(path);
    const UNetConfig config = golden::configuration(file);
    try {
      nn::check(config);
    } catch (const Error& refusal) {
      WARN(path.filename().string() << " is skipped: " << refusal.what());
      continue;
    }
    const nn::Graph graph = nn::unet(config);
    std::size_t named = 0;
    for (const auto& [name, tensor] : file.tensors) {
      if (name.rfind("param.", 0) != 0) continue;
      ++named;
      CHECK(graph.parameters().find(name.substr(6)).shape == tensor.shape);
    }
    CHECK(named == graph.parameters().entries().size());
    ++compared;
  }
  golden::require_cases(compared, "networks of a supported architecture");
}

TEST_CASE("Parameters of a block stand in the order of the reference") {
  const nn::Graph graph = nn::unet(small::every_path());
  std::string order;
  for (const auto& p : graph.parameters().entries())
    if (p.name.rfind("all_modules.4.", 0) == 0) order += p.name.substr(14) + " ";
  CHECK(order ==
        "GroupNorm_0.weight GroupNorm_0.bias Conv_0.weight Conv_0.bias Dense_0.weight Dense_0.bias "
        "GroupNorm_1.weight GroupNorm_1.bias Conv_1.weight Conv_1.bias Conv_2.weight Conv_2.bias ");
}

TEST_CASE("The network maps images to images of the same shape, and ends nearly at zero") {
  const nn::Graph graph = nn::unet(UNetConfig{.image_size = 16, .num_channels = 1, .nf = 8});
  CHECK(graph.shape(graph.output()) == nn::Shape{1, 1, 16, 16});
  const auto& last = graph.parameters().entries()[graph.parameters().entries().size() - 2];
  CHECK(last.initialization.bound < 1e-5);
}
