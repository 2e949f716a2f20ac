// SPDX-License-Identifier: MIT
/// Validation of U-Net configurations.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/nn/graph/parameters.hpp>
#include <scoresde/nn/networks/unet_config.hpp>

namespace scoresde::nn {

/// The groups of every normalization; 0 for min(C/4, 32).
[[nodiscard]] inline std::size_t fixed_groups(const UNetConfig& c) {
  return c.norm_num_groups == 0 && c.architecture == Architecture::ddpm ? 32 : c.norm_num_groups;
}

namespace detail {

/// Above it the number of weights could overflow.
inline constexpr std::size_t most_channels = std::size_t{1} << 20;

inline void check_image(const UNetConfig& c) {
  require(c.num_channels > 0, "unet: num_channels is 0; it must be positive");
  require(!c.ch_mult.empty(), "unet: ch_mult is empty; it must name a factor for each level");
  for (const std::size_t factor : c.ch_mult)
    require(factor > 0 && factor <= most_channels, "unet: ch_mult has a factor of ", factor,
            "; all must be from 1 to ", most_channels);
  require(c.ch_mult.size() < 32, "unet: ch_mult has ", c.ch_mult.size(), " levels; at most 31");
  const std::size_t halvings = std::size_t{1} << (c.ch_mult.size() - 1);
  require(c.image_size > 0 && c.image_size % halvings == 0, "unet: image_size is ", c.image_size,
          "; with ", c.ch_mult.size(), " levels it must be a positive multiple of ", halvings);
  require(c.image_width % halvings == 0, "unet: image_width is ", c.image_width, "; with ",
          c.ch_mult.size(), " levels it must be a multiple of ", halvings, ", or 0 for a square");
}

inline void check_channels(const UNetConfig& c) {
  const std::size_t fixed = fixed_groups(c), unit = fixed == 0 ? 4 : fixed;
  require(c.nf >= unit && c.nf % unit == 0, "unet: nf is ", c.nf,
          "; it must be a positive multiple of ", unit,
          fixed == 0 ? std::string(" (groups of four channels)")
                     : " (" + std::to_string(fixed) + " groups)");
  require(c.nf <= most_channels, "unet: nf is ", c.nf, "; at most ", most_channels);
  if (c.block_out_channels.empty()) return;
  require(c.block_out_channels.size() == c.levels(), "unet: block_out_channels has ",
          c.block_out_channels.size(), " levels and ch_mult ", c.levels(), "; both must agree");
  for (std::size_t level = 0; level < c.levels(); ++level) {
    const std::size_t channels = c.block_out_channels[level];
    const std::size_t groups = fixed != 0 ? fixed : std::min<std::size_t>(channels / 4, 32);
    require(groups > 0 && channels > 0 && channels % groups == 0, "unet: block_out_channels has ",
            channels, "; its channels must divide into ", groups == 0 ? 1 : groups, " groups");
    require(c.ch_mult[level] == 1, "unet: ch_mult has ", c.ch_mult[level],
            "; with block_out_channels, which sets the channels, all must be 1");
  }
}

inline void check_attention(const UNetConfig& c) {
  require(c.attn_up != AttentionUp::none || c.attn_up_resolutions.empty(),
          "unet: attn_up is 'none' and ", "attn_up_resolutions names ",
          c.attn_up_resolutions.size(), " heights; it must be empty");
  const std::size_t last = c.levels() - 1, groups = c.attn_norm_num_groups;
  require(groups == 0 || (c.middle == Middle::attention && c.channels(last) % groups == 0),
          "unet: attn_norm_num_groups is ", groups, "; it must divide the middle's ",
          c.channels(last), " channels, and the middle be 'attention'");
  if (c.attention_head_dim == 0) return;
  for (std::size_t level = 0; level <= last; ++level) {
    const bool attends = c.attends_down(level) || c.attends_up(level) ||
                         (level == last && c.middle == Middle::attention);
    require(!attends || c.channels(level) % c.attention_head_dim == 0,
            "unet: attention_head_dim is ", c.attention_head_dim, "; it must divide the ",
            c.channels(level), " channels of a level with attention");
  }
}

inline void check_time(const UNetConfig& c) {
  require(c.conditional || c.num_class_embeds == 0, "unet: num_class_embeds is ",
          c.num_class_embeds, " and conditional false; classes require the embedding of the time");
  require(c.conditional || c.resnet_time_scale_shift == TimeScaleShift::add,
          "unet: resnet_time_scale_shift is 'scale_shift' and conditional false; scales and shifts "
          "come from the embedding of the time");
  if (c.embedding_type == EmbeddingType::fourier) return;
  require(c.nf >= 4 && c.nf % 2 == 0, "unet: nf is ", c.nf,
          "; with a positional embedding it must be even and at least 4");
  require(c.freq_shift < static_cast<double>(c.nf / 2) && std::isfinite(c.freq_shift),
          "unet: freq_shift is ", c.freq_shift, "; it must be below nf/2, ", c.nf / 2);
}

inline void check_filter(const UNetConfig& c) {
  if (!c.fir) return;
  require(c.fir_kernel.size() >= 2 && c.fir_kernel.size() <= Fir::max_taps, "unet: fir_kernel has ",
          c.fir_kernel.size(), " taps; there must be 2 to ", Fir::max_taps);
  double sum = 0;
  for (const double tap : c.fir_kernel) sum += tap;
  require(sum != 0 && std::isfinite(sum), "unet: the taps of fir_kernel add up to ", sum,
          "; the taps are divided by their sum, which must be finite and not 0");
}

/// DDPM's architecture has no pyramids, filters, Fourier features or scaled branches, so settings
/// that it would ignore are rejected. Its actual values are allowed in addition to the defaults.
inline void check_ddpm(const UNetConfig& c) {
  const auto field = [](bool unused, const char* name, const auto& value, const char* allowed) {
    require(unused, "unet: ", name, " is ", value,
            " and the architecture is ddpm, which ignores it; it must be ", allowed);
  };
  const UNetConfig defaults;
  std::string taps;
  for (const double tap : c.fir_kernel) taps += scoresde::text(taps.empty() ? "" : ",", tap);
  field(c.embedding_type == EmbeddingType::positional, "embedding_type", "fourier", "positional");
  field(c.progressive == ProgressiveOutput::none, "progressive",
        c.progressive == ProgressiveOutput::residual ? "residual" : "output_skip", "none");
  field(c.progressive_input == ProgressiveInput::none, "progressive_input",
        c.progressive_input == ProgressiveInput::residual ? "residual" : "input_skip", "none");
  field(c.progressive_combine == Combine::sum, "progressive_combine", "cat", "sum");
  field(!c.fir, "fir", "true", "false");
  field(c.fir_kernel == defaults.fir_kernel, "fir_kernel", taps, "1,3,3,1");
  field(c.fourier_scale == defaults.fourier_scale, "fourier_scale", c.fourier_scale, "16");
  field(c.init_scale == 0, "init_scale", c.init_scale, "0");
}

inline void check_progressive(const UNetConfig& c) {
  require(c.progressive != ProgressiveOutput::residual || c.ch_mult.size() > 1,
          "unet: progressive is 'residual' with one level; it needs 2");
}

inline void check_noise_levels(const UNetConfig& c) {
  if (!c.scale_by_sigma) return;
  require(c.sigma_min > 0 && c.sigma_min < c.sigma_max && c.num_scales >= 2, "unet: sigma_min is ",
          c.sigma_min, ", sigma_max ", c.sigma_max, " and num_scales ", c.num_scales,
          "; scale_by_sigma needs 0 < sigma_min < sigma_max and 2 levels");
}

inline void check_padding(const UNetConfig& c) {
  require(c.downsample_padding <= 1, "unet: downsample_padding is ", c.downsample_padding,
          "; it must be 0 or 1");
}

inline void check_blocks(const UNetConfig& c) {
  require(c.num_res_blocks > 0, "unet: num_res_blocks is 0; it must be positive");
}

inline void check_init_scale(const UNetConfig& c) {
  require(c.init_scale >= 0, "unet: init_scale is ", c.init_scale, "; it must not be negative");
}

inline void check_dropout(const UNetConfig& c) {
  require(c.dropout >= 0 && c.dropout < 1, "unet: dropout is ", c.dropout,
          "; it must be in [0, 1)");
}

inline void check_norm_eps(const UNetConfig& c) {
  require(c.norm_eps > 0, "unet: norm_eps is ", c.norm_eps, "; it must be positive");
}

inline void check_architecture(const UNetConfig& c) {
  if (c.architecture == Architecture::ddpm) check_ddpm(c);
}

/// All of them; those after the first need its levels.
inline constexpr std::array checks{
    &check_image,        &check_channels,    &check_attention,   &check_time,    &check_filter,
    &check_padding,      &check_blocks,      &check_init_scale,  &check_dropout, &check_norm_eps,
    &check_architecture, &check_progressive, &check_noise_levels};

}  // namespace detail

/// Throws Error, naming field, value and allowed values, for a configuration that unet() rejects.
inline void check(const UNetConfig& c) {
  for (const auto check_one : detail::checks) check_one(c);
}

/// All reasons for which unet() rejects a configuration with at least one level, each as check()
/// words it; empty where it does not.
[[nodiscard]] inline std::vector<std::string> violations(const UNetConfig& c) {
  std::vector<std::string> reasons;
  for (const auto check_one : detail::checks) {
    try {
      check_one(c);
    } catch (const Error& failure) {
      reasons.emplace_back(failure.what());
    }
  }
  return reasons;
}

}  // namespace scoresde::nn
