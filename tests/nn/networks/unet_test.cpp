// SPDX-License-Identifier: MIT
#include <set>
#include <string>
#include <tuple>
#include <variant>

#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/registry/presets.hpp>

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

TEST_CASE("modules are numbered as in score_sde") {
  UNetConfig config;  // DDPM++
  CHECK(modules(nn::unet(config)) == 55);
  config.num_res_blocks = 8;
  CHECK(modules(nn::unet(config)) == 91);
  config.fir = true;  // NCSN++
  config.progressive_input = nn::ProgressiveInput::residual;
  CHECK(modules(nn::unet(config)) == 94);
  config.embedding_type = nn::EmbeddingType::fourier;
  CHECK(modules(nn::unet(config)) == 95);
  config.num_res_blocks = 4;
  CHECK(modules(nn::unet(config)) == 59);
  config = {};
  config.architecture = nn::Architecture::ddpm;
  config.num_res_blocks = 2;
  CHECK(modules(nn::unet(config)) == 37);
}

TEST_CASE("attention after every block of a level up gives diffusers' DDPM networks") {
  // google/ddpm-cifar10-32 and google/ddpm-church-256; score_sde's networks have it once, at the
  // end of the level.
  for (const auto& [name, once, every] : {std::tuple{"vp/ddpm/cifar10", 35'218'947, 35'746'307},
                                          {"vp/ddpm/church", 111'569'923, 113'673'219}}) {
    UNetConfig config = nn::preset(name).network;
    CHECK(nn::unet(config).parameters().count() == std::size_t(once));
    config.attn_up = nn::AttentionUp::every;
    CHECK(nn::unet(config).parameters().count() == std::size_t(every));
  }
  UNetConfig config = nn::preset("vp/ddpm/cifar10").network;
  config.attn_up = nn::AttentionUp::every;
  const nn::Graph graph = nn::unet(config);
  CHECK(modules(graph) == 39);
  // Blocks and attentions of the second level up alternate; its last attention precedes the
  // upsampling.
  for (const char* name : {"27.Conv_0.weight", "28.NIN_0.W", "29.Conv_0.weight", "30.NIN_0.W",
                           "31.Conv_0.weight", "32.NIN_0.W", "33.Conv_0.weight"})
    CHECK(graph.parameters().contains(std::string("all_modules.") + name));
}

TEST_CASE("a class table adds to the embedding without renumbering the modules") {
  UNetConfig config = small::every_path();
  const nn::Graph without = nn::unet(config);
  config.num_class_embeds = 10;
  const nn::Graph with = nn::unet(config);
  CHECK(with.parameters().find("class_embedding.weight").shape == std::vector<std::size_t>{10, 16});
  CHECK(with.parameters().count() == without.parameters().count() + 160);
  for (const auto& p : without.parameters().entries())
    CHECK(with.parameters().find(p.name).shape == p.shape);
}

TEST_CASE("every normalization has the configuration's epsilon") {
  UNetConfig config = small::every_path();
  config.norm_eps = 1e-5;
  std::size_t count = 0;
  const nn::Graph graph = nn::unet(config);
  for (const nn::Node& node : graph.nodes())
    if (const auto* op = std::get_if<nn::node::GroupNorm>(&node.operation)) {
      CHECK(op->norm.epsilon == 1e-5);
      ++count;
    }
  CHECK(count > 10);
}

TEST_CASE("the parameters are those of the reference's state dictionary", "[golden]") {
  std::size_t compared = 0;
  for (const auto& path : golden::network_files()) {
    const auto file = io::read_safetensors(path);
    const UNetConfig config = golden::configuration(file);
    try {
      nn::check(config);
    } catch (const Error& rejections) {
      WARN(path.filename().string() << " is skipped: " << rejections.what());
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

TEST_CASE("parameters of a block have the order of the reference") {
  const nn::Graph graph = nn::unet(small::every_path());
  std::string order;
  for (const auto& p : graph.parameters().entries())
    if (p.name.rfind("all_modules.4.", 0) == 0) order += p.name.substr(14) + " ";
  CHECK(order ==
        "GroupNorm_0.weight GroupNorm_0.bias Conv_0.weight Conv_0.bias Dense_0.weight Dense_0.bias "
        "GroupNorm_1.weight GroupNorm_1.bias Conv_1.weight Conv_1.bias Conv_2.weight Conv_2.bias ");
}

TEST_CASE("the network preserves the image shape, and its initial output is nearly zero") {
  const nn::Graph graph = nn::unet(UNetConfig{.image_size = 16, .num_channels = 1, .nf = 8});
  CHECK(graph.shape(graph.output()) == nn::Shape{1, 1, 16, 16});
  const auto& last = graph.parameters().entries()[graph.parameters().entries().size() - 2];
  CHECK(last.initialization.bound < 1e-5);
}
