// SPDX-License-Identifier: MIT
/// The config.json of diffusers' UNet2DModel as a UNetConfig, and back.
///
/// Two families can be said in both: DDPM's (DownBlock2D, AttnDownBlock2D; google/ddpm-*) and
/// NCSN++'s with image pyramids summed in and out (SkipDownBlock2D; google/ncsnpp-*). Keys that are
/// absent have UNet2DModel's defaults; unknown keys, and values that no network here has, are
/// refused by name. Keys that begin with an underscore say nothing about the network.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <numbers>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/strict_json.hpp>
#include <scoresde/nn/unet_check.hpp>
#include <scoresde/nn/unet_config.hpp>
#include <scoresde/train/diffusers_keys.hpp>

namespace scoresde {
namespace detail {

/// A block type without its direction: attention or not, with pyramids or not.
struct DiffusersBlock {
  bool attention = false, skip = false;
};

[[nodiscard]] inline DiffusersBlock diffusers_block(const char* key, const std::string& name,
                                                    const char* direction) {
  for (const bool attention : {false, true})
    for (const bool skip : {false, true})
      if (name ==
          std::string(attention ? "Attn" : "") + (skip ? "Skip" : "") + direction + "Block2D")
        return {attention, skip};
  throw Error(
      text(key, " names ", name, "; a network here has [Attn][Skip]", direction, "Block2D"));
}

/// The levels' blocks from the highest resolution on; down and up must agree.
[[nodiscard]] inline std::vector<DiffusersBlock> diffusers_blocks(DiffusersKeys& keys) {
  const auto down = keys.texts(
      "down_block_types", {"DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"});
  const auto up = keys.texts("up_block_types",
                             {"AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"});
  require(!down.empty() && down.size() == up.size(), "down_block_types has ", down.size(),
          " blocks and up_block_types ", up.size(), "; both must have one for each level");
  std::vector<DiffusersBlock> blocks;
  for (std::size_t i = 0; i < down.size(); ++i) {
    const std::string& above = up[up.size() - 1 - i];
    const DiffusersBlock block = diffusers_block("down_block_types", down[i], "Down");
    const DiffusersBlock opposite = diffusers_block("up_block_types", above, "Up");
    require(block.attention == opposite.attention && block.skip == opposite.skip,
            "down_block_types has ", down[i], " where up_block_types has ", above,
            "; a level attends on both ways or on none");
    require(blocks.empty() || block.skip == blocks.front().skip,
            "down_block_types mixes blocks with and without Skip");
    blocks.push_back(block);
  }
  return blocks;
}

inline void read_diffusers_image(DiffusersKeys& keys, nn::UNetConfig& config) {
  const Json size = keys.value("sample_size", nullptr);
  if (size.is_array()) {
    const auto extents = keys.naturals("sample_size", nullptr);
    require(extents.size() == 2, "sample_size is ", size.dump(), "; it must be [height, width]");
    config.image_size = extents[0];
    config.image_width = extents[1] == extents[0] ? 0 : extents[1];
  } else {
    require(!size.is_null(), "sample_size is absent; a network here needs the size of its images");
    config.image_size = keys.natural("sample_size", 0);
  }
  config.num_channels = keys.natural("in_channels", 3);
  keys.only("out_channels", {config.num_channels}, 3);
  config.centered = !keys.truth("center_input_sample", false);
}

inline void read_diffusers_levels(DiffusersKeys& keys, const std::vector<DiffusersBlock>& blocks,
                                  nn::UNetConfig& config) {
  const auto channels = keys.naturals("block_out_channels", {224, 448, 672, 896});
  require(channels.size() == blocks.size(), "block_out_channels has ", channels.size(),
          " levels; there are ", blocks.size(), " blocks");
  config.nf = channels[0];
  config.ch_mult.clear();
  config.attn_resolutions.clear();
  const Json heads = keys.value("attention_head_dim", 8);
  for (std::size_t level = 0; level < blocks.size(); ++level) {
    require(config.nf > 0 && channels[level] % config.nf == 0, "block_out_channels has ",
            channels[level], "; a network here needs multiples of the first, ", config.nf);
    config.ch_mult.push_back(channels[level] / config.nf);
    const bool attends = blocks[level].attention;
    if (attends) config.attn_resolutions.push_back(config.image_size >> level);
    require(!(attends && blocks[level].skip) || channels[level] >= 128, "block_out_channels has ",
            channels[level],
            " where an AttnSkip block normalises 32 groups; a network here then "
            "needs at least 128");
    const bool last = level + 1 == blocks.size();
    require(heads.is_null() || !(attends || last) || heads == Json(channels[level]),
            "attention_head_dim is ", heads.dump(), " where a block attends over ", channels[level],
            " channels; a network here has one head: null");
  }
  config.num_res_blocks = keys.natural("layers_per_block", 2);
}

/// What DDPM's and NCSN++'s blocks need, each in its family.
inline void read_diffusers_family(DiffusersKeys& keys, bool skip, nn::UNetConfig& config) {
  keys.only("time_embedding_type",
            skip ? std::vector<Json>{"positional", "fourier"} : std::vector<Json>{"positional"});
  config.name = skip ? "ncsnpp" : "ddpm";
  config.embedding_type = keys.value("time_embedding_type", "positional").get<std::string>();
  const bool fourier = config.embedding_type == "fourier";
  const Json flip = keys.value("flip_sin_to_cos", true), shift = keys.value("freq_shift", 0);
  require(fourier || (flip == Json(false) && shift == Json(1)), "flip_sin_to_cos is ", flip.dump(),
          " and freq_shift ", shift.dump(), "; a network here needs false and 1");
  const double scale = keys.number("mid_block_scale_factor", 1);
  const double wanted = skip ? std::numbers::sqrt2 : 1.0;
  require(std::abs(scale - wanted) < 1e-12, "mid_block_scale_factor is ", scale,
          "; a network of these blocks needs ", wanted);
  const Json padding = keys.value("downsample_padding", 1);
  require(skip || padding == Json(0), "downsample_padding is ", padding.dump(),
          "; a network of these blocks needs 0");
  const Json groups = keys.value("norm_num_groups", 32);
  require(skip ? groups.is_null() || (groups == Json(32) && config.nf >= 128) : groups == Json(32),
          "norm_num_groups is ", groups.dump(), "; a network of these blocks needs ",
          skip ? "null" : "32");
  keys.only("attn_norm_num_groups", {nullptr});
  config.attn_up = skip ? "once" : "every";
  config.scale_by_sigma = fourier;
  config.skip_rescale = skip;
  config.fir = skip;
  config.progressive = skip ? "output_skip" : "none";
  config.progressive_input = skip ? "input_skip" : "none";
}

/// What all networks here have in common.
inline void read_diffusers_constants(DiffusersKeys& keys) {
  keys.only("_class_name", {"UNet2DModel"});
  keys.only("act_fn", {"silu", "swish"});
  keys.only("downsample_type", {"conv"});
  keys.only("upsample_type", {"conv"});
  keys.only("resnet_time_scale_shift", {"default"});
  keys.only("mid_block_type", {"UNetMidBlock2D"});
  keys.only("add_attention", {true});
  keys.only("attention_legacy_order", {false});
  keys.only("class_embed_type", {nullptr});
  static_cast<void>(keys.value("num_train_timesteps", nullptr));
}

/// Throws Error naming the knob that UNet2DModel cannot express.
inline void check_diffusers_can_express(const nn::UNetConfig& c) {
  const auto knob = [](bool fits, const char* name, const auto& found, const char* wanted) {
    require(fits, "diffusers' UNet2DModel cannot express ", name, " = ", found, "; it needs ",
            wanted);
  };
  const bool skip = c.name == "ncsnpp";
  const char* const attn_up = skip ? "once" : "every";
  knob(c.attn_up == attn_up || c.attn_resolutions.empty(), "attn_up", c.attn_up, attn_up);
  knob(c.conditional, "conditional", "false", "true");
  knob(c.nonlinearity == "swish", "nonlinearity", c.nonlinearity, "swish");
  const bool fourier = skip && c.embedding_type == "fourier";
  knob(c.scale_by_sigma == fourier, "scale_by_sigma", c.scale_by_sigma ? "true" : "false",
       fourier ? "true" : "false");
  if (!skip) return knob(c.resamp_with_conv, "resamp_with_conv", "false", "true");
  knob(c.progressive == "output_skip", "progressive", c.progressive, "output_skip");
  knob(c.progressive_input == "input_skip", "progressive_input", c.progressive_input, "input_skip");
  knob(c.progressive_combine == "sum", "progressive_combine", c.progressive_combine, "sum");
  knob(c.resblock_type == "biggan", "resblock_type", c.resblock_type, "biggan");
  knob(c.skip_rescale, "skip_rescale", "false", "true");
  knob(c.fir && c.fir_kernel == nn::UNetConfig{}.fir_kernel, "fir and fir_kernel",
       nn::detail::write_knob(c.fir_kernel), "true and 1,3,3,1");
}

[[nodiscard]] inline nn::UNetConfig read_diffusers_config(Json json) {
  DiffusersKeys keys(std::move(json));
  read_diffusers_constants(keys);
  nn::UNetConfig config;
  const auto blocks = diffusers_blocks(keys);
  read_diffusers_image(keys, config);
  read_diffusers_levels(keys, blocks, config);
  read_diffusers_family(keys, blocks.front().skip, config);
  config.dropout = keys.number("dropout", 0);
  config.norm_eps = keys.number("norm_eps", 1e-5);
  if (!keys.value("num_class_embeds", nullptr).is_null())
    config.num_class_embeds = keys.natural("num_class_embeds", 0);
  keys.finish();
  nn::check(config);
  return config;
}

}  // namespace detail

/// The network of a config.json's text. Throws Error naming the key, what was found and what a
/// network here needs.
[[nodiscard]] inline nn::UNetConfig network_of_diffusers(std::string_view text) {
  try {
    return detail::read_diffusers_config(io::detail::parse_strictly(text, 3));
  } catch (const Error& failure) {
    throw Error(detail::text("diffusers configuration: ", failure.what()));
  }
}

/// The config.json of a network, which network_of_diffusers reads back: but for init_scale and the
/// noise levels, which are no part of it. Throws Error naming the knob that UNet2DModel has not.
[[nodiscard]] inline std::string describe_for_diffusers(const nn::UNetConfig& c) {
  nn::check(c);
  detail::check_diffusers_can_express(c);
  const bool skip = c.name == "ncsnpp", fourier = skip && c.embedding_type == "fourier";
  std::vector<std::string> down, up;
  std::vector<std::size_t> channels;
  for (std::size_t level = 0; level < c.ch_mult.size(); ++level) {
    const auto& at = c.attn_resolutions;
    const bool attends = std::find(at.begin(), at.end(), c.image_size >> level) != at.end();
    const std::string kind = std::string(attends ? "Attn" : "") + (skip ? "Skip" : "");
    down.push_back(kind + "DownBlock2D");
    up.insert(up.begin(), kind + "UpBlock2D");
    channels.push_back(c.nf * c.ch_mult[level]);
  }
  nlohmann::json json{{"_class_name", "UNet2DModel"},
                      {"act_fn", "silu"},
                      {"attention_head_dim", nullptr},
                      {"block_out_channels", channels},
                      {"center_input_sample", !c.centered},
                      {"down_block_types", down},
                      {"downsample_padding", skip ? 1 : 0},
                      {"dropout", c.dropout},
                      {"flip_sin_to_cos", false},
                      {"freq_shift", 1},
                      {"in_channels", c.num_channels},
                      {"layers_per_block", c.num_res_blocks},
                      {"mid_block_scale_factor", skip ? std::numbers::sqrt2 : 1.0},
                      {"norm_eps", c.norm_eps},
                      {"norm_num_groups", nullptr},
                      {"out_channels", c.num_channels},
                      {"sample_size", c.image_size},
                      {"time_embedding_type", fourier ? "fourier" : "positional"},
                      {"up_block_types", up}};
  if (!skip) json["norm_num_groups"] = 32;
  if (c.num_class_embeds > 0) json["num_class_embeds"] = c.num_class_embeds;
  if (c.width() != c.height()) json["sample_size"] = {c.height(), c.width()};
  const std::string text = json.dump(2) + "\n";
  static_cast<void>(network_of_diffusers(text));  // what it cannot say is refused here
  return text;
}

}  // namespace scoresde
