// SPDX-License-Identifier: MIT
#include <string>

#include <scoresde/nn/unet_config.hpp>

#include "support/catch.hpp"

using namespace scoresde::nn;
using Catch::Matchers::Contains;

TEST_CASE("a configuration is unchanged by a round trip through its text form") {
  UNetConfig config;
  config.image_size = 64;
  config.centered = false;
  config.ch_mult = {1, 1, 2, 3};
  config.attn_resolutions = {};
  config.dropout = 0.1 + 0.2;  // 0.30000000000000004: the text must preserve every bit
  config.init_scale = 1e-300;
  config.progressive = "output_skip";
  config.fir_kernel = {0.1, -3, 1e20};
  config.fir = true;
  CHECK(from_flat(to_flat(config)) == config);
  CHECK(to_flat(config).at("ch_mult") == "1,1,2,3");
  CHECK(to_flat(config).at("fir") == "true");
}

TEST_CASE("absent keys keep their defaults, and keys of other sections are ignored") {
  CHECK(from_flat({}) == UNetConfig{});
  CHECK(from_flat({{"sigma_max", "50"}, {"ema_rate", "0.999"}}) == UNetConfig{});
  CHECK(from_flat({{"ch_mult", "1, 2, 2"}}).ch_mult == std::vector<std::size_t>{1, 2, 2});
}

TEST_CASE("diffusers' fields are written where they differ from their defaults, and read back") {
  CHECK(to_flat(UNetConfig{}).size() == 30);
  UNetConfig config;
  config.out_channels = 6;
  config.ch_mult = {1, 1};
  config.block_out_channels = {64, 96};
  config.attention_head_dim = 8;
  config.attn_up_resolutions = {16, 8};
  config.norm_num_groups = 16;
  config.attn_norm_num_groups = 4;
  config.middle = "none";
  config.resnet_time_scale_shift = "scale_shift";
  config.time_embedding_dim = 96;
  config.flip_sin_to_cos = true;
  config.freq_shift = 0.5;
  config.downsample_padding = 1;
  const FlatConfig flat = to_flat(config);
  CHECK(flat.size() == 42);
  CHECK(flat.at("block_out_channels") == "64,96");
  CHECK(from_flat(flat) == config);
}

TEST_CASE("errors about invalid configurations state key, value and what is allowed") {
  CHECK_THROWS_WITH(from_flat({{"nf", "many"}}),
                    Contains("nf is 'many'") && Contains("natural number"));
  CHECK_THROWS_WITH(from_flat({{"nf", "-1"}}), Contains("nf is '-1'"));
  CHECK_THROWS_WITH(from_flat({{"nf", "12.5"}}), Contains("12.5"));
  CHECK_THROWS_WITH(from_flat({{"fir", "yes"}}), Contains("fir") && Contains("'true' or 'false'"));
  CHECK_THROWS_WITH(from_flat({{"ch_mult", "1,,2"}}), Contains("ch_mult"));
  CHECK_THROWS_WITH(from_flat({{"dropout", ""}}), Contains("dropout"));
  CHECK_THROWS_WITH(from_flat({{"nff", "3"}}), Contains("'nff'") && Contains("nearest is nf"));
  CHECK_THROWS_WITH(from_flat({{"progresive", "none"}}), Contains("nearest is progressive"));
}
