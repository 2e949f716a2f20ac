// SPDX-License-Identifier: MIT
#include <limits>
#include <string>

#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/networks/unet_check.hpp>
#include <scoresde/nn/networks/unet_config.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using nn::UNetConfig;

namespace {

/// A configuration changed by `change` must be rejected by both check and unet, with an error that
/// states the field, its value and what is allowed.
template <class Change>
void reject(const Change& change, const std::string& field, const std::string& value,
            const std::string& allowed) {
  UNetConfig config;
  change(config);
  CHECK_THROWS_WITH(nn::check(config),
                    Contains("unet: ") && Contains(field) && Contains(value) && Contains(allowed));
  CHECK_THROWS_WITH(nn::unet(config), Contains(field) && Contains(value) && Contains(allowed));
}

}  // namespace

TEST_CASE("unknown attention settings and invalid classes are rejected") {
  reject([](auto& c) { c.norm_eps = 0; }, "norm_eps", "0", "positive");
  reject(
      [](auto& c) {
        c.conditional = false;
        c.num_class_embeds = 10;
      },
      "num_class_embeds", "10", "conditional");
}

TEST_CASE("inconsistent sizes are rejected") {
  reject([](auto& c) { c.nf = 6; }, "nf", "6", "multiple of 4");
  reject(
      [](auto& c) {
        c.architecture = nn::Architecture::ddpm;
        c.nf = 48;
      },
      "nf", "48", "multiple of 32");
  reject([](auto& c) { c.ch_mult = {}; }, "ch_mult", "empty", "factor");
  reject([](auto& c) { c.ch_mult = {1, 0}; }, "ch_mult", "0", "from 1 to 1048576");
  reject([](auto& c) { c.ch_mult = {1, std::size_t{1} << 21}; }, "ch_mult", "2097152", "from 1 to");
  reject([](auto& c) { c.image_size = 36; }, "image_size", "36", "multiple of 8");
  reject([](auto& c) { c.image_size = 0; }, "image_size", "0", "multiple of 8");
  reject([](auto& c) { c.image_width = 20; }, "image_width", "20", "multiple of 8");
  reject([](auto& c) { c.num_channels = 0; }, "num_channels", "0", "positive");
  reject([](auto& c) { c.num_res_blocks = 0; }, "num_res_blocks", "0", "positive");
  reject(
      [](auto& c) {
        c.progressive = nn::ProgressiveOutput::residual;
        c.ch_mult = {1};
      },
      "progressive", "'residual'", "2");
}

TEST_CASE("invalid values of diffusers' fields are rejected") {
  reject(
      [](auto& c) {
        c.conditional = false;
        c.resnet_time_scale_shift = nn::TimeScaleShift::scale_shift;
      },
      "resnet_time_scale_shift", "'scale_shift'", "embedding");
  reject([](auto& c) { c.downsample_padding = 2; }, "downsample_padding", "2", "0 or 1");
  reject([](auto& c) { c.freq_shift = 64; }, "freq_shift", "64", "below nf/2");
  reject([](auto& c) { c.freq_shift = std::numeric_limits<double>::quiet_NaN(); }, "freq_shift",
         "nan", "below nf/2");
  reject([](auto& c) { c.block_out_channels = {128, 256}; }, "block_out_channels", "2 levels", "4");
  reject([](auto& c) { c.block_out_channels = {128, 64, 64, 64}; }, "ch_mult", "2", "must be 1");
  reject(
      [](auto& c) {
        c.ch_mult = {1, 1, 1, 1};
        c.block_out_channels = {128, 64, 66, 64};
      },
      "block_out_channels", "66", "16 groups");
  reject(
      [](auto& c) {
        c.norm_num_groups = 3;
        c.nf = 9;
      },
      "nf", "9", "even");
  reject([](auto& c) { c.norm_num_groups = 48; }, "nf", "128", "multiple of 48");
  reject([](auto& c) { c.attn_norm_num_groups = 3; }, "attn_norm_num_groups", "3", "256");
  reject([](auto& c) { c.attention_head_dim = 96; }, "attention_head_dim", "96", "256");
  reject(
      [](auto& c) {
        c.attn_up = nn::AttentionUp::none;
        c.attn_up_resolutions = {8};
      },
      "attn_up_resolutions", "1", "empty");
}

TEST_CASE("rates, scales, filters and noise levels out of range are rejected") {
  reject([](auto& c) { c.dropout = 1.5; }, "dropout", "1.5", "[0, 1)");
  reject([](auto& c) { c.dropout = std::numeric_limits<double>::quiet_NaN(); }, "dropout", "nan",
         "[0, 1)");
  reject([](auto& c) { c.init_scale = -1; }, "init_scale", "-1", "negative");
  const auto taps = [](std::vector<double> kernel) {
    return [kernel](auto& c) {
      c.fir = true;
      c.fir_kernel = kernel;
    };
  };
  reject(taps({1}), "fir_kernel", "1 taps", "2 to 12");
  reject(taps(std::vector<double>(13, 1.0)), "fir_kernel", "13 taps", "2 to 12");
  reject(taps({1, -1}), "fir_kernel", "0", "not 0");
  const auto levels = [](double sigma_min, double sigma_max, std::size_t count) {
    return [=](auto& c) {
      c.scale_by_sigma = true;
      c.sigma_min = sigma_min;
      c.sigma_max = sigma_max;
      c.num_scales = count;
    };
  };
  reject(levels(0, 50, 1000), "sigma_min", "0", "0 < sigma_min");
  reject(levels(2, 1, 1000), "sigma_max", "1", "sigma_min < sigma_max");
  reject(levels(0.01, 50, 1), "num_scales", "1", "2 levels");
}

TEST_CASE("fields that a configuration does not use are not checked") {
  UNetConfig config;
  config.fir_kernel = {};
  config.num_scales = 0;
  CHECK_NOTHROW(nn::check(config));
}

TEST_CASE("fields that DDPM's architecture would ignore are rejected by name") {
  const auto ignored = [](auto change, const char* field, const char* value, const char* allowed) {
    reject(
        [&](UNetConfig& c) {
          c.architecture = nn::Architecture::ddpm;
          change(c);
        },
        field, value, allowed);
  };
  ignored([](auto& c) { c.embedding_type = nn::EmbeddingType::fourier; }, "embedding_type",
          "fourier", "positional");
  ignored([](auto& c) { c.progressive = nn::ProgressiveOutput::output_skip; }, "progressive",
          "output_skip", "none");
  ignored([](auto& c) { c.progressive_input = nn::ProgressiveInput::residual; },
          "progressive_input", "residual", "none");
  ignored([](auto& c) { c.progressive_combine = nn::Combine::concatenate; }, "progressive_combine",
          "cat", "sum");
  ignored([](auto& c) { c.fir = true; }, "fir", "true", "false");
  ignored([](auto& c) { c.fir_kernel = {1, 2, 1}; }, "fir_kernel", "1,2,1", "1,3,3,1");
  ignored([](auto& c) { c.fourier_scale = 8; }, "fourier_scale", "8", "16");
  ignored([](auto& c) { c.init_scale = 0.5; }, "init_scale", "0.5", "0");
  UNetConfig config;
  config.architecture = nn::Architecture::ddpm;
  config.resblock_type = nn::ResBlockType::ddpm;
  for (const bool scaled : {true, false}) {
    config.skip_rescale = scaled;
    CHECK_NOTHROW(nn::check(config));
  }
}
