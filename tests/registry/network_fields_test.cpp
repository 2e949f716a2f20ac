// SPDX-License-Identifier: MIT
#include <string>

#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/network_fields.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using nn::UNetConfig;

TEST_CASE("a configuration is read back from its text form") {
  UNetConfig config;
  config.image_size = 64;
  config.centered = false;
  config.ch_mult = {1, 1, 2, 3};
  config.attn_resolutions = {};
  config.dropout = 0.1 + 0.2;  // 0.30000000000000004: the text must represent every bit
  config.init_scale = 1e-300;
  config.progressive = nn::ProgressiveOutput::output_skip;
  config.fir_kernel = {0.1, -3, 1e20};
  config.fir = true;
  CHECK(network_from_fields(fields_of(config)) == config);
  CHECK(fields_of(config).at("ch_mult") == "1,1,2,3");
  CHECK(fields_of(config).at("fir") == "true");
}

TEST_CASE("fields of absent keys keep their defaults, and keys outside the network are ignored") {
  CHECK(network_from_fields({}) == UNetConfig{});
  CHECK(network_from_fields({{"sigma_max", "50"}, {"ema_rate", "0.999"}}) == UNetConfig{});
  CHECK(network_from_fields({{"ch_mult", "1, 2, 2"}}).ch_mult == std::vector<std::size_t>{1, 2, 2});
}

TEST_CASE("fields of diffusers are written if they differ from their defaults, and are read back") {
  CHECK(fields_of(UNetConfig{}).size() == 30);
  UNetConfig config;
  config.out_channels = 6;
  config.ch_mult = {1, 1};
  config.block_out_channels = {64, 96};
  config.attention_head_dim = 8;
  config.attn_up_resolutions = {16, 8};
  config.norm_num_groups = 16;
  config.attn_norm_num_groups = 4;
  config.middle = nn::Middle::none;
  config.resnet_time_scale_shift = nn::TimeScaleShift::scale_shift;
  config.time_embedding_dim = 96;
  config.flip_sin_to_cos = true;
  config.freq_shift = 0.5;
  config.downsample_padding = 1;
  const Metadata flat = fields_of(config);
  CHECK(flat.size() == 42);
  CHECK(flat.at("block_out_channels") == "64,96");
  CHECK(network_from_fields(flat) == config);
}

TEST_CASE("errors of invalid configurations name key, value and allowed values") {
  CHECK_THROWS_WITH(network_from_fields({{"nf", "many"}}),
                    Contains("nf is 'many'") && Contains("natural number"));
  CHECK_THROWS_WITH(network_from_fields({{"nf", "-1"}}), Contains("nf is '-1'"));
  CHECK_THROWS_WITH(network_from_fields({{"nf", "12.5"}}), Contains("12.5"));
  CHECK_THROWS_WITH(network_from_fields({{"fir", "yes"}}),
                    Contains("fir") && Contains("'true' or 'false'"));
  CHECK_THROWS_WITH(network_from_fields({{"ch_mult", "1,,2"}}), Contains("ch_mult"));
  CHECK_THROWS_WITH(network_from_fields({{"dropout", ""}}), Contains("dropout"));
  CHECK_THROWS_WITH(network_from_fields({{"nff", "3"}}),
                    Contains("'nff'") && Contains("did you mean 'nf'?"));
  CHECK_THROWS_WITH(network_from_fields({{"progresive", "none"}}),
                    Contains("did you mean 'progressive'?"));
  CHECK_THROWS_WITH(network_from_fields({{"tint", "red"}}),
                    "network configuration: 'tint' is not a key of a score network");
}

TEST_CASE("invalid names are rejected with the list of valid ones") {
  const auto rejected = [](const char* key, const char* value, const char* allowed,
                           const std::string& near) {
    CAPTURE(key);
    const std::string suggested = near.empty() ? "; " : "; did you mean '" + near + "'? ";
    CHECK_THROWS_WITH(
        network_from_fields({{key, value}}),
        Catch::Matchers::Equals(std::string("network configuration: ") + key + " is '" + value +
                                "'" + suggested + "it must be one of " + allowed));
  };
  rejected("name", "ncsn", "ddpm, ncsnpp", "ncsnpp");
  rejected("embedding_type", "fourrier", "positional, fourier", "fourier");
  rejected("resblock_type", "bigan", "biggan, ddpm", "biggan");
  rejected("progressive", "skip", "none, output_skip, residual", "");
  rejected("progressive_input", "output_skip", "none, input_skip, residual", "input_skip");
  rejected("progressive_combine", "concat", "sum, cat", "");
  rejected("nonlinearity", "gelu", "swish, elu, relu, lrelu", "elu");
  rejected("attn_up", "never", "once, every, none", "");
  rejected("middle", "block", "attention, blocks, none", "blocks");
  rejected("resnet_time_scale_shift", "shift", "default, scale_shift", "");
}

TEST_CASE("every name of a field is read and written back") {
  UNetConfig config;
  std::size_t names = 0;
  for_each_field(config, [&]<class T>(const char* key, const T&) {
    if constexpr (PublishedEnum<T>)
      for (const std::string& name : names_of<T>()) {
        CAPTURE(key, name);
        const Metadata fields = fields_of(network_from_fields({{key, name}}));
        CHECK((fields.contains(key) ? fields.at(key) : name) == name);
        ++names;
      }
  });
  CHECK(names == 26);
}
