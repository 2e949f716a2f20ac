// SPDX-License-Identifier: MIT
/// Weights and configurations of diffusers: as written by PyTorch, and written back.
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/checkpoint/detail/diffusers_keys.hpp>
#include <scoresde/checkpoint/detail/diffusers_names.hpp>
#include <scoresde/checkpoint/diffusers_checkpoint.hpp>
#include <scoresde/checkpoint/diffusers_config.hpp>
#include <scoresde/io/state_dict.hpp>
#include <scoresde/nn/networks/unet.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_checkpoints.hpp"

namespace {

using nlohmann::json;
using scoresde::describe_for_diffusers;
using scoresde::network_of_diffusers;
using scoresde::io::TensorFile;
using scoresde::nn::Parameter;
using scoresde::nn::UNetConfig;
using scoresde::test::TemporaryFolder;
using scoresde::test::tiny_checkpoints;
using scoresde::test::tiny_config;
using scoresde::test::tiny_values;

std::string text_of(const std::filesystem::path& path) {
  const auto bytes = scoresde::io::read_file(path);
  return std::string(scoresde::io::characters(bytes));
}

/// google/ncsnpp-celebahq-256, without the settings unrelated to the network.
UNetConfig celebahq() {
  UNetConfig config = tiny_config();
  config.image_size = 256;
  config.nf = 128;
  config.ch_mult = {1, 1, 2, 2, 2, 2, 2};
  config.num_res_blocks = 2;
  config.attn_resolutions = {16};
  return config;
}

/// google/ddpm-cifar10-32.
UNetConfig ddpm_cifar10() {
  UNetConfig config;
  config.architecture = scoresde::nn::Architecture::ddpm;
  config.num_res_blocks = 2;
  config.attn_up = scoresde::nn::AttentionUp::every;
  config.dropout = 0;
  config.skip_rescale = false;
  return config;
}

const char* const ddpm_cifar10_json =
    R"({"_class_name": "UNet2DModel", "_diffusers_version": "0.0.4", "act_fn": "silu",
    "attention_head_dim": null, "block_out_channels": [128, 256, 256, 256],
    "center_input_sample": false, "down_block_types": ["DownBlock2D", "AttnDownBlock2D",
    "DownBlock2D", "DownBlock2D"], "downsample_padding": 0, "flip_sin_to_cos": false,
    "freq_shift": 1, "in_channels": 3, "layers_per_block": 2, "mid_block_scale_factor": 1,
    "norm_eps": 1e-06, "norm_num_groups": 32, "out_channels": 3, "sample_size": 32,
    "time_embedding_type": "positional", "up_block_types": ["UpBlock2D", "UpBlock2D",
    "AttnUpBlock2D", "UpBlock2D"]})";

/// The configuration that diffusers 0.42 writes in its script for unconditional training.
const char* const training_script_json =
    R"({"_class_name": "UNet2DModel", "_diffusers_version": "0.42.1", "act_fn": "silu",
    "add_attention": true, "attention_head_dim": 8, "attn_norm_num_groups": null,
    "block_out_channels": [128, 128, 256, 256, 512, 512], "center_input_sample": false,
    "class_embed_type": null, "down_block_types": ["DownBlock2D", "DownBlock2D", "DownBlock2D",
    "DownBlock2D", "AttnDownBlock2D", "DownBlock2D"], "downsample_padding": 1,
    "downsample_type": "conv", "dropout": 0.0, "flip_sin_to_cos": true, "freq_shift": 0,
    "in_channels": 3, "layers_per_block": 2, "mid_block_scale_factor": 1,
    "mid_block_type": "UNetMidBlock2D", "norm_eps": 1e-05, "norm_num_groups": 32,
    "num_class_embeds": null, "num_train_timesteps": null, "out_channels": 3,
    "resnet_time_scale_shift": "default", "sample_size": 64, "time_embedding_dim": null,
    "time_embedding_type": "positional", "up_block_types": ["UpBlock2D", "AttnUpBlock2D",
    "UpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D"], "upsample_type": "conv"})";

/// Resets the settings that a config.json does not contain to their defaults.
UNetConfig without_levels(UNetConfig config) {
  const UNetConfig defaults;
  config.num_scales = defaults.num_scales;
  config.sigma_min = defaults.sigma_min;
  config.sigma_max = defaults.sigma_max;
  config.init_scale = defaults.init_scale;
  return config;
}

std::vector<float> load(const TensorFile& file, const UNetConfig& config = tiny_config()) {
  const auto graph = scoresde::nn::unet(config);
  std::vector<float> weights(graph.parameters().size(), -1);
  scoresde::load_diffusers_weights<float>(file, config, graph.parameters(), weights);
  return weights;
}

std::string rejections(const TensorFile& file) {
  try {
    static_cast<void>(load(file));
  } catch (const scoresde::Error& failure) {
    return failure.what();
  }
  return "";
}

TensorFile present_names() {
  return scoresde::io::read_safetensors(tiny_checkpoints() / "diffusers" /
                                        "present_names.safetensors");
}

std::string config_rejections(const json& patch) {
  json config = json::parse(text_of(tiny_checkpoints() / "diffusers" / "config.json"));
  config.update(patch);
  try {
    static_cast<void>(network_of_diffusers(config.dump()));
  } catch (const scoresde::Error& failure) {
    return failure.what();
  }
  return "";
}

}  // namespace

TEST_CASE("diffusers' .bin and safetensors, in both spellings, are read exactly") {
  const auto graph = scoresde::nn::unet(tiny_config());
  const auto wanted =
      tiny_values<float>(graph.parameters(), [](double v, const Parameter&) { return v; });
  const auto folder = tiny_checkpoints() / "diffusers";
  const auto bin = scoresde::io::read_state_dict(folder / "diffusion_pytorch_model.bin");
  CHECK(bin.contains("mid_block.attentions.0.query.weight"));
  CHECK(bin.contains("time_proj.weight"));
  CHECK(load(bin) == wanted);
  const auto now = scoresde::io::read_state_dict(folder / "present_names.safetensors");
  CHECK(now.contains("mid_block.attentions.0.to_out.0.bias"));
  CHECK(load(now) == wanted);
}

TEST_CASE("save_for_diffusers writes the names and bits that were read") {
  const TemporaryFolder folder;
  const auto graph = scoresde::nn::unet(tiny_config());
  const TensorFile read = present_names();
  const auto weights = load(read);
  scoresde::save_for_diffusers<float>(folder / "out", tiny_config(), graph.parameters(), weights);
  const TensorFile back =
      scoresde::io::read_safetensors(folder / "out/diffusion_pytorch_model.safetensors");
  REQUIRE(back.tensors.size() == read.tensors.size());
  for (const auto& [name, tensor] : read.tensors) {
    INFO(name);
    CHECK(back.at(name).shape == tensor.shape);
    CHECK(back.at(name).bytes == tensor.bytes);
  }
  CHECK(back.metadata.at("format") == "pt");
  CHECK(network_of_diffusers(text_of(folder / "out/config.json")) == without_levels(tiny_config()));
  CHECK_THROWS_WITH(scoresde::save_for_diffusers<float>(folder / "none", UNetConfig{},
                                                        graph.parameters(), weights),
                    Catch::Contains("progressive"));
  CHECK(folder.files() == 1);
}

TEST_CASE("all mismatched tensors are listed under diffusers' names") {
  TensorFile file = present_names();
  auto bias = file.tensors.extract("conv_in.bias");
  bias.key() = "conv_in.more";
  file.tensors.insert(std::move(bias));
  file.tensors.at("conv_out.weight").shape = {27, 4};
  file.tensors.at("mid_block.attentions.0.to_q.weight").shape = {2, 8};
  file.tensors.at("conv_out.bias").dtype = "I32";
  const std::string message = rejections(file);
  CHECK_THAT(message, Catch::Contains("conv_in.bias is missing"));
  CHECK_THAT(message, Catch::Contains("conv_in.more (4) is not among"));
  CHECK_THAT(message, Catch::Contains("conv_out.weight has shape (27, 4)"));
  CHECK_THAT(message, Catch::Contains("to_q.weight has shape (8, 2)"));
  CHECK_THAT(message, Catch::Contains("conv_out.bias is of type I32"));
}

TEST_CASE("Fourier frequencies are read under their old name, and under both names only if equal") {
  TensorFile file = present_names();
  file.tensors["time_proj.W"] = file.at("time_proj.weight");
  CHECK(rejections(file).empty());
  file.tensors["time_proj.W"].bytes[0] ^= std::byte{1};
  CHECK_THAT(rejections(file),
             Catch::Contains("time_proj.weight") && Catch::Contains("different values"));
  file.tensors.erase("time_proj.weight");
  CHECK(rejections(file).empty());
}

TEST_CASE("every parameter of google's networks, and of classes, has one name in diffusers") {
  UNetConfig classes = tiny_config();
  classes.num_class_embeds = 10;
  for (const UNetConfig& config : {celebahq(), tiny_config(), ddpm_cifar10(), classes}) {
    const auto graph = scoresde::nn::unet(config);
    const auto& table = graph.parameters();
    const auto list = scoresde::detail::DiffusersNames(config, table).list();
    std::set<std::string> names;
    std::set<std::size_t> places;
    for (const auto& tensor : list) {
      names.insert(tensor.name);
      places.insert(tensor.parameter);
    }
    CHECK(names.size() == table.entries().size());
    CHECK(places.size() == table.entries().size());
    CHECK(list.size() == table.entries().size());
  }
}

TEST_CASE("google/ddpm-cifar10-32 is converted to a network of 35,746,307 parameters", "[slow]") {
  const UNetConfig config = network_of_diffusers(ddpm_cifar10_json);
  CHECK(config == ddpm_cifar10());
  CHECK(network_of_diffusers(describe_for_diffusers(config)) == config);
  const auto graph = scoresde::nn::unet(config);
  const auto& table = graph.parameters();
  CHECK(table.trainable_size() == 35746307);
  std::vector<float> weights(table.size());
  for (const Parameter& p : table.entries())
    for (std::size_t i = p.offset; i < p.offset + p.size; ++i)
      weights[i] = static_cast<float>(i % 8191);
  const TensorFile file = scoresde::diffusers_weights<float>(config, table, weights);
  CHECK(file.at("up_blocks.2.attentions.2.to_out.0.weight").shape ==
        std::vector<std::size_t>{256, 256});
  CHECK(file.at("up_blocks.3.resnets.0.conv_shortcut.weight").shape ==
        std::vector<std::size_t>{128, 384, 1, 1});
  CHECK(file.contains("down_blocks.2.downsamplers.0.conv.bias"));
  CHECK(file.contains("up_blocks.0.upsamplers.0.conv.bias"));
  CHECK(load(file, config) == weights);
}

TEST_CASE("a config.json is converted to a network and back") {
  CHECK(network_of_diffusers(text_of(tiny_checkpoints() / "diffusers" / "config.json")) ==
        without_levels(tiny_config()));
  CHECK(network_of_diffusers(describe_for_diffusers(celebahq())) == without_levels(celebahq()));
  UNetConfig wide = celebahq();
  wide.image_width = 128;
  wide.dropout = 0.25;
  wide.norm_eps = 1e-5;
  wide.num_class_embeds = 10;
  CHECK(network_of_diffusers(describe_for_diffusers(wide)) == without_levels(wide));
}

TEST_CASE("unknown keys and values of a config.json are rejected by name") {
  CHECK(config_rejections(json::object()).empty());
  CHECK(config_rejections({{"_anything", 1}, {"num_train_timesteps", 1000}}).empty());
  for (const json& patch :
       std::vector<json>{{{"novelty", 1}},
                         {{"act_fn", "gelu"}},
                         {{"norm_eps", "small"}},
                         {{"norm_num_groups", 8}},
                         {{"attention_head_dim", 8}},
                         {{"mid_block_scale_factor", 1}},
                         {{"out_channels", 6}},
                         {{"in_channels", 4}},
                         {{"mid_block_type", "UNetMidBlock2DSimpleCrossAttn"}},
                         {{"add_attention", nullptr}},
                         {{"freq_shift", "0"}},
                         {{"time_embedding_dim", 0}},
                         {{"sample_size", nullptr}},
                         {{"sample_size", {8, 8, 8}}},
                         {{"block_out_channels", {4, 0}}},
                         {{"block_out_channels", {4, -4}}},
                         {{"block_out_channels", {4}}},
                         {{"layers_per_block", "2"}},
                         {{"center_input_sample", 1}},
                         {{"dropout", "none"}},
                         {{"class_embed_type", "timestep"}},
                         {{"time_embedding_type", "learned"}},
                         {{"down_block_types", {"SkipDownBlock2D", "DownBlock2D"}}},
                         {{"down_block_types", {"KDownBlock2D", "DownBlock2D"}}},
                         {{"up_block_types", {"SkipUpBlock2D", "UpBlock2D"}}},
                         {{"resnet_time_scale_shift", "spatial"}},
                         {{"_class_name", "UNet2DConditionModel"}}}) {
    const std::string key = patch.begin().key();
    INFO(patch);
    CHECK_THAT(config_rejections(patch),
               Catch::Contains("diffusers configuration") && Catch::Contains(key));
  }
  CHECK_THROWS_WITH(network_of_diffusers("[]"), Catch::Contains("object"));
  CHECK_THROWS_WITH(network_of_diffusers("{"), Catch::Contains("JSON"));
  CHECK_THROWS_WITH(network_of_diffusers(R"({"act_fn":"silu","act_fn":"silu"})"),
                    Catch::Contains("twice"));
}

TEST_CASE("null keys and default values of later releases are accepted") {
  CHECK(config_rejections({{"time_embedding_dim", nullptr}, {"mid_block_type", "UNetMidBlock2D"}})
            .empty());
  CHECK(config_rejections({{"a_key_of_next_year", nullptr}}).empty());
  CHECK_THAT(config_rejections({{"a_key_of_next_year", false}}),
             Catch::Contains("a_key_of_next_year"));
}

TEST_CASE("one message lists every error of a config.json") {
  const std::string message =
      config_rejections({{"act_fn", "gelu"},
                         {"downsample_type", "resnet"},
                         {"class_embed_type", "identity"},
                         {"down_block_types", {"SkipDownBlock2D", "KDownBlock2D"}},
                         {"time_embedding_type", "learned"},
                         {"dropout", "some"},
                         {"novelty", 1}});
  for (const char* key : {"act_fn is \"gelu\"", "downsample_type is \"resnet\"",
                          "class_embed_type is \"identity\"", "down_block_types names KDownBlock2D",
                          "time_embedding_type is learned", "dropout is \"some\"", "novelty is 1"})
    CHECK_THAT(message, Catch::Contains(key));
}

TEST_CASE("errors of keys and of the network that they make are listed together, each once") {
  const std::string message =
      config_rejections({{"act_fn", "gelu"}, {"norm_eps", -1}, {"dropout", 5}, {"sample_size", 7}});
  for (const char* reason :
       {"act_fn is \"gelu\"", "image_size is 7", "dropout is 5", "norm_eps is -1"})
    CHECK_THAT(message, Catch::Contains(reason));
  const std::string heads = config_rejections({{"attention_head_dim", 3}});
  const std::string line = "attention_head_dim is 3";
  CHECK(heads.find(line) != std::string::npos);
  CHECK(heads.find(line) == heads.rfind(line));
}

TEST_CASE(
    "the network of diffusers' script for unconditional training has 113,673,219 parameters") {
  const UNetConfig config = network_of_diffusers(training_script_json);
  CHECK(config.attention_head_dim == 8);
  CHECK(config.flip_sin_to_cos);
  CHECK(config.freq_shift == 0);
  CHECK(config.downsample_padding == 1);
  CHECK(scoresde::nn::unet(config).parameters().trainable_size() == 113673219);
  CHECK(network_of_diffusers(describe_for_diffusers(config)) == config);
}

TEST_CASE("a UNet2DModel with only sample_size has diffusers' default channels") {
  const UNetConfig config = network_of_diffusers(R"({"sample_size": 64})");
  CHECK(config.nf == 224);
  CHECK(config.ch_mult == std::vector<std::size_t>{1, 2, 3, 4});
  CHECK(config.attn_resolutions == std::vector<std::size_t>{32, 16, 8});
  CHECK(network_of_diffusers(describe_for_diffusers(config)) == config);
}

TEST_CASE("networks that UNet2DModel cannot express are rejected by field") {
  const auto rejected = [](auto change, const char* field) {
    UNetConfig config = celebahq();
    change(config);
    CHECK_THROWS_WITH(describe_for_diffusers(config), Catch::Contains(field));
  };
  CHECK_NOTHROW(describe_for_diffusers(celebahq()));
  rejected([](UNetConfig& c) { c.progressive_input = scoresde::nn::ProgressiveInput::residual; },
           "progressive_input");
  rejected([](UNetConfig& c) { c.progressive = scoresde::nn::ProgressiveOutput::none; },
           "progressive");
  rejected([](UNetConfig& c) { c.progressive_combine = scoresde::nn::Combine::concatenate; },
           "progressive_combine");
  rejected([](UNetConfig& c) { c.fir = false; }, "fir");
  rejected([](UNetConfig& c) { c.fir_kernel = {1, 2, 1}; }, "fir_kernel");
  rejected([](UNetConfig& c) { c.skip_rescale = false; }, "skip_rescale");
  rejected([](UNetConfig& c) { c.nonlinearity = scoresde::nn::Activation::elu; }, "nonlinearity");
  rejected([](UNetConfig& c) { c.resblock_type = scoresde::nn::ResBlockType::ddpm; },
           "resblock_type");
  rejected([](UNetConfig& c) { c.scale_by_sigma = false; }, "scale_by_sigma");
  rejected([](UNetConfig& c) { c.conditional = false; }, "conditional");
  rejected([](UNetConfig& c) { c.attn_up = scoresde::nn::AttentionUp::every; }, "attn_up");
  rejected([](UNetConfig& c) { c.nf = 4; }, "block_out_channels");
  rejected([](UNetConfig& c) { c.norm_num_groups = 16; }, "norm_num_groups");
  rejected([](UNetConfig& c) { c.ch_mult = {2, 2, 2, 2, 2, 2, 2}; }, "nf");
  UNetConfig several = celebahq();
  several.conditional = several.skip_rescale = several.fir = false;
  CHECK_THROWS_WITH(describe_for_diffusers(several), Catch::Contains("conditional = false") &&
                                                         Catch::Contains("skip_rescale = false") &&
                                                         Catch::Contains("fir and fir_kernel"));
}

TEST_CASE(
    "a tensor of an unsupported type is skipped where it is not wanted, and named where it is") {
  TensorFile file = present_names();
  const auto wanted = load(file);
  TensorFile::Tensor& extra = file.tensors["conv_in.scale"];
  extra = file.at("conv_in.bias");
  extra.dtype = "F8_E4M3";
  CHECK(load(file) == wanted);
  file.tensors.at("conv_in.bias").dtype = "F8_E4M3";
  CHECK_THAT(rejections(file), Catch::Contains("conv_in.bias is of type F8_E4M3"));
}
