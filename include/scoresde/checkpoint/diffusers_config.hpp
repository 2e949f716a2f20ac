// SPDX-License-Identifier: MIT
/// Conversion between the config.json of diffusers' UNet2DModel and UNetConfig.
///
/// Two families have both forms: DDPM's (DownBlock2D, AttnDownBlock2D; google/ddpm-*, diffusers'
/// script for unconditional training) and NCSN++'s with image pyramids summed in and out
/// (SkipDownBlock2D; google/ncsnpp-*). Absent keys have UNet2DModel's defaults. Unknown keys whose
/// value is not null, and values that no network of this library has, are rejected together in one
/// message. Keys that begin with an underscore do not concern the network and are ignored.
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

#include <scoresde/checkpoint/detail/diffusers_keys.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/json.hpp>
#include <scoresde/nn/networks/unet_check.hpp>
#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/network_fields.hpp>
#include <scoresde/registry/network_names.hpp>

namespace scoresde {
namespace detail {

/// A level: whether its blocks have attention on the way down and up, and its channels.
struct DiffusersLevel {
  bool down = false, up = false;
  std::size_t channels = 0;
};

/// Whether the block has attention. All blocks of a network, down and up, are of one family.
[[nodiscard]] inline bool diffusers_attends(DiffusersKeys& keys, const char* key,
                                            const std::string& name, bool skip,
                                            const std::string& direction) {
  const std::string plain = (skip ? "Skip" : "") + direction + "Block2D";
  keys.expect(name == plain || name == "Attn" + plain, key, " names ", name,
              "; a network here has [Attn][Skip]", direction,
              "Block2D, with Skip in all of its blocks or in none");
  return name.starts_with("Attn");
}

/// Whether these are NCSN++'s blocks, and the levels from the highest resolution on; no levels if
/// the lists are inconsistent.
[[nodiscard]] inline std::pair<bool, std::vector<DiffusersLevel>> diffusers_levels(
    DiffusersKeys& keys) {
  const auto down = keys.texts(
      "down_block_types", {"DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"});
  const auto up = keys.texts("up_block_types",
                             {"AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"});
  const auto channels = keys.naturals("block_out_channels", {224, 448, 672, 896});
  const bool skip = std::any_of(down.begin(), down.end(), [](const std::string& name) {
    return name.find("SkipDown") != std::string::npos;
  });
  std::vector<DiffusersLevel> levels;
  const bool whole = down.size() == up.size() && down.size() == channels.size();
  if (!keys.expect(whole, "down_block_types has ", down.size(), " blocks, up_block_types ",
                   up.size(), " and block_out_channels ", channels.size(),
                   " entries; there must be one of each for each level"))
    return {skip, levels};
  for (std::size_t i = 0; i < down.size(); ++i)
    levels.push_back({diffusers_attends(keys, "down_block_types", down[i], skip, "Down"),
                      diffusers_attends(keys, "up_block_types", up[up.size() - 1 - i], skip, "Up"),
                      channels[i]});
  return {skip, levels};
}

inline void read_diffusers_image(DiffusersKeys& keys, bool skip, nn::UNetConfig& config) {
  const Json size = keys.value("sample_size", nullptr);
  if (size.is_array()) {
    const auto extents = keys.naturals("sample_size", nullptr);
    if (keys.expect(extents.size() == 2, "sample_size is ", size.dump(),
                    "; it must be [height, width]")) {
      config.image_size = extents[0];
      config.image_width = extents[1] == extents[0] ? 0 : extents[1];
    }
  } else if (keys.expect(!size.is_null(),
                         "sample_size is null or absent; a network here needs the "
                         "size of its images")) {
    config.image_size = keys.natural("sample_size", 0);
  }
  config.num_channels = keys.natural("in_channels", 3);
  const std::size_t out = keys.natural("out_channels", 3);
  keys.expect(out > 0, "out_channels is 0; it must be positive");
  config.out_channels = out == config.num_channels ? 0 : out;
  keys.expect(!skip || (config.num_channels == 3 && out == 3), "in_channels is ",
              config.num_channels, " and out_channels ", out, "; Skip blocks need 3 and 3");
  config.centered = !keys.truth("center_input_sample", false);
}

/// The channels, and the levels with attention.
inline void read_diffusers_levels(DiffusersKeys& keys, const std::vector<DiffusersLevel>& levels,
                                  bool skip, nn::UNetConfig& config) {
  config.num_res_blocks = keys.natural("layers_per_block", 2);
  config.attn_up = skip ? nn::AttentionUp::once : nn::AttentionUp::every;
  config.ch_mult.clear();
  config.attn_resolutions.clear();
  if (levels.empty()) return;
  config.nf = levels.front().channels;
  if (!keys.expect(config.nf > 0, "block_out_channels begins with 0; it must be positive")) return;
  const bool multiples = std::all_of(levels.begin(), levels.end(), [&](const DiffusersLevel& l) {
    return l.channels > 0 && l.channels % config.nf == 0;
  });
  std::vector<std::size_t> up;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const auto& [attends_down, attends_up, channels] = levels[i];
    config.ch_mult.push_back(multiples ? channels / config.nf : 1);
    if (!multiples) config.block_out_channels.push_back(channels);
    if (attends_down) config.attn_resolutions.push_back(config.image_size >> i);
    if (attends_up) up.push_back(config.image_size >> i);
    keys.expect(!(skip && (attends_down || attends_up)) || channels >= 128,
                "block_out_channels has ", channels,
                " where an AttnSkip block normalizes 32 groups; a network here then "
                "needs at least 128");
  }
  if (up == config.attn_resolutions) return;
  if (up.empty()) config.attn_up = nn::AttentionUp::none;
  config.attn_up_resolutions = up;
}

/// The middle, and the heads of all attention layers.
inline void read_diffusers_attention(DiffusersKeys& keys, const std::vector<DiffusersLevel>& levels,
                                     nn::UNetConfig& config) {
  const Json middle = keys.value("mid_block_type", "UNetMidBlock2D");
  keys.expect(middle.is_null() || middle == "UNetMidBlock2D", "mid_block_type is ", middle.dump(),
              "; a network here needs \"UNetMidBlock2D\" or null");
  if (!keys.truth("add_attention", true)) config.middle = nn::Middle::blocks;
  if (middle.is_null()) config.middle = nn::Middle::none;
  const bool in_the_middle = config.middle == nn::Middle::attention;
  const std::size_t groups = keys.natural_or_null("attn_norm_num_groups", nullptr);
  if (in_the_middle) config.attn_norm_num_groups = groups;
  const std::size_t width = keys.natural_or_null("attention_head_dim", 8);
  if (width == 0) return;
  std::vector<std::size_t> odd;  // channels that are reported already
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const auto& [down, up, channels] = levels[i];
    if (!down && !up && !(in_the_middle && i + 1 == levels.size())) continue;
    if (channels % width == 0 && channels != width) config.attention_head_dim = width;
    const bool again = std::find(odd.begin(), odd.end(), channels) != odd.end();
    if (!again &&
        !keys.expect(channels % width == 0, "attention_head_dim is ", width, " where ", channels,
                     " channels have attention; a network here needs heads of equal "
                     "width"))
      odd.push_back(channels);
  }
  if (!odd.empty()) config.attention_head_dim = 0;  // reported
}

/// The embedding of the time, and the way blocks use it.
inline void read_diffusers_time(DiffusersKeys& keys, bool skip, nn::UNetConfig& config) {
  const std::string kind = keys.word("time_embedding_type", "positional");
  const bool fourier = skip && kind == "fourier";
  keys.expect(fourier || kind == "positional", "time_embedding_type is ", kind,
              "; a network of these blocks needs positional", skip ? " or fourier" : "");
  config.embedding_type = fourier ? nn::EmbeddingType::fourier : nn::EmbeddingType::positional;
  config.scale_by_sigma = fourier;
  const bool flip = keys.truth("flip_sin_to_cos", true);
  const double shift = keys.number("freq_shift", 0);
  if (!fourier) {
    config.flip_sin_to_cos = flip;
    config.freq_shift = shift;
  }
  config.time_embedding_dim = keys.natural_or_null("time_embedding_dim", nullptr);
  if (config.time_embedding_dim == 4 * config.nf) config.time_embedding_dim = 0;
  config.num_class_embeds = keys.natural_or_null("num_class_embeds", nullptr);
  const std::string conditioning = keys.word("resnet_time_scale_shift", "default");
  const auto scale_shift = find_name<nn::TimeScaleShift>(conditioning);
  keys.expect(scale_shift.has_value(), "resnet_time_scale_shift is ", conditioning,
              "; a network here needs default or scale_shift");
  config.resnet_time_scale_shift = scale_shift.value_or(nn::TimeScaleShift::add);
}

/// The values that DDPM's and NCSN++'s blocks require, each in its family.
inline void read_diffusers_family(DiffusersKeys& keys, const std::vector<DiffusersLevel>& levels,
                                  bool skip, nn::UNetConfig& config) {
  config.architecture = skip ? nn::Architecture::ncsnpp : nn::Architecture::ddpm;
  const double scale = keys.number("mid_block_scale_factor", 1);
  const double wanted = skip ? std::numbers::sqrt2 : 1.0;
  keys.expect(config.middle == nn::Middle::none || std::abs(scale - wanted) < 1e-12,
              "mid_block_scale_factor is ", scale, "; a network of these blocks needs ", wanted);
  const std::size_t padding = keys.natural("downsample_padding", 1);
  keys.expect(skip || padding <= 1, "downsample_padding is ", padding,
              "; a network of these blocks needs 0 or 1");
  if (!skip) config.downsample_padding = padding;
  const std::size_t groups = keys.natural_or_null("norm_num_groups", 32);
  const bool wide = std::all_of(levels.begin(), levels.end(),
                                [](const DiffusersLevel& l) { return l.channels >= 128; });
  if (skip)
    keys.expect(groups == 0 || (groups == 32 && wide), "norm_num_groups is ", groups,
                "; a network of these blocks needs null");
  else if (keys.expect(groups > 0,
                       "norm_num_groups is null; a network of these blocks needs a "
                       "number"))
    config.norm_num_groups = groups == 32 ? 0 : groups;
  config.skip_rescale = skip;
  config.fir = skip;
  config.progressive = skip ? nn::ProgressiveOutput::output_skip : nn::ProgressiveOutput::none;
  config.progressive_input = skip ? nn::ProgressiveInput::input_skip : nn::ProgressiveInput::none;
}

/// Values that all networks of this library share.
inline void read_diffusers_constants(DiffusersKeys& keys) {
  keys.only("act_fn", {"silu", "swish"});
  keys.only("downsample_type", {"conv"});
  keys.only("upsample_type", {"conv"});
  keys.only("attention_legacy_order", {false});
  keys.only("class_embed_type", {nullptr});
  static_cast<void>(keys.value("num_train_timesteps", nullptr));
}

/// Throws Error naming every field that UNet2DModel cannot express.
inline void check_diffusers_can_express(const nn::UNetConfig& c) {
  Differences reasons;
  const auto field = [&](bool fits, const char* name, const auto& found, const auto& wanted) {
    if (!fits) reasons.add(name, " = ", found, "; it needs ", wanted);
  };
  const auto value = [&](const char* name, auto found, auto wanted) {
    field(found == wanted, name, field_text(found), field_text(wanted));
  };
  const bool skip = c.architecture == nn::Architecture::ncsnpp;
  const bool fourier = c.embedding_type == nn::EmbeddingType::fourier;
  bool attends_up = false;
  for (std::size_t level = 0; level < c.levels(); ++level) attends_up |= c.attends_up(level);
  if (attends_up)
    value("attn_up", c.attn_up, skip ? nn::AttentionUp::once : nn::AttentionUp::every);
  field(c.nf == c.channels(0), "nf", c.nf, "the channels of the first level");
  value("conditional", c.conditional, true);
  value("nonlinearity", c.nonlinearity, nn::Activation::swish);
  value("scale_by_sigma", c.scale_by_sigma, fourier);
  if (!skip) value("resamp_with_conv", c.resamp_with_conv, true);
  if (skip) {
    value("progressive", c.progressive, nn::ProgressiveOutput::output_skip);
    value("progressive_input", c.progressive_input, nn::ProgressiveInput::input_skip);
    value("progressive_combine", c.progressive_combine, nn::Combine::sum);
    value("resblock_type", c.resblock_type, nn::ResBlockType::biggan);
    value("skip_rescale", c.skip_rescale, true);
    field(c.fir && c.fir_kernel == nn::UNetConfig{}.fir_kernel, "fir and fir_kernel",
          field_text(c.fir_kernel), "true and 1,3,3,1");
    field(c.norm_num_groups == 0, "norm_num_groups", c.norm_num_groups, "0");
    field(c.num_channels == 3 && c.output_channels() == 3, "num_channels", c.num_channels,
          "3, in and out");
  }
  reasons.reject("diffusers' UNet2DModel cannot express this network:");
}

[[nodiscard]] inline nn::UNetConfig read_diffusers_config(Json json) {
  DiffusersKeys keys(std::move(json));
  const Json kind = keys.value("_class_name", "UNet2DModel");
  require(kind == "UNet2DModel", "_class_name is ", kind.dump(), "; it must be \"UNet2DModel\"");
  nn::UNetConfig config;
  const auto [skip, levels] = diffusers_levels(keys);
  read_diffusers_constants(keys);
  read_diffusers_image(keys, skip, config);
  read_diffusers_levels(keys, levels, skip, config);
  read_diffusers_attention(keys, levels, config);
  read_diffusers_time(keys, skip, config);
  read_diffusers_family(keys, levels, skip, config);
  config.dropout = keys.number("dropout", 0);
  config.norm_eps = keys.number("norm_eps", 1e-5);
  if (!config.ch_mult.empty())
    for (const std::string& reason : nn::violations(config)) keys.expect(false, reason);
  keys.finish();
  nn::check(config);
  return config;
}

}  // namespace detail

/// The network of a config.json's text. Throws Error naming every invalid key, the value found and
/// the value required.
[[nodiscard]] inline nn::UNetConfig network_of_diffusers(std::string_view text) {
  try {
    return detail::read_diffusers_config(io::parse_json(text, 3));
  } catch (const Error& failure) {
    throw Error(scoresde::text("diffusers configuration: ", failure.what()));
  }
}

namespace detail {

/// Keys that are written only if their values differ from the defaults, which are those of the
/// networks that config.json could describe originally.
inline void describe_other_values(const nn::UNetConfig& c, nlohmann::json& json) {
  if (c.num_class_embeds > 0) json["num_class_embeds"] = c.num_class_embeds;
  if (c.width() != c.height()) json["sample_size"] = {c.height(), c.width()};
  if (c.attention_head_dim > 0) json["attention_head_dim"] = c.attention_head_dim;
  if (c.attn_norm_num_groups > 0) json["attn_norm_num_groups"] = c.attn_norm_num_groups;
  if (c.time_embedding_dim > 0) json["time_embedding_dim"] = c.time_embedding_dim;
  if (c.freq_shift == 0)
    json["freq_shift"] = 0;
  else if (c.freq_shift != 1)
    json["freq_shift"] = c.freq_shift;
  if (c.middle == nn::Middle::blocks) json["add_attention"] = false;
  if (c.middle == nn::Middle::none) json["mid_block_type"] = nullptr;
  if (c.resnet_time_scale_shift != nn::TimeScaleShift::add)
    json["resnet_time_scale_shift"] = name_of(c.resnet_time_scale_shift);
}

}  // namespace detail

/// The config.json of a network, which network_of_diffusers reads back except for init_scale and
/// the noise levels, which are not part of it. Throws Error naming every field that UNet2DModel
/// does not have.
[[nodiscard]] inline std::string describe_for_diffusers(const nn::UNetConfig& c) {
  nn::check(c);
  detail::check_diffusers_can_express(c);
  const bool skip = c.architecture == nn::Architecture::ncsnpp;
  std::vector<std::string> down, up;
  std::vector<std::size_t> channels;
  for (std::size_t level = 0; level < c.levels(); ++level) {
    const std::string kind = skip ? "Skip" : "";
    down.push_back((c.attends_down(level) ? "Attn" : "") + kind + "DownBlock2D");
    up.insert(up.begin(), (c.attends_up(level) ? "Attn" : "") + kind + "UpBlock2D");
    channels.push_back(c.channels(level));
  }
  nlohmann::json json{{"_class_name", "UNet2DModel"},
                      {"act_fn", "silu"},
                      {"attention_head_dim", nullptr},
                      {"block_out_channels", channels},
                      {"center_input_sample", !c.centered},
                      {"down_block_types", down},
                      {"downsample_padding", skip ? 1 : c.downsample_padding},
                      {"dropout", c.dropout},
                      {"flip_sin_to_cos", c.flip_sin_to_cos},
                      {"freq_shift", 1},
                      {"in_channels", c.num_channels},
                      {"layers_per_block", c.num_res_blocks},
                      {"mid_block_scale_factor", skip ? std::numbers::sqrt2 : 1.0},
                      {"norm_eps", c.norm_eps},
                      {"norm_num_groups", nullptr},
                      {"out_channels", c.output_channels()},
                      {"sample_size", c.image_size},
                      {"time_embedding_type", name_of(c.embedding_type)},
                      {"up_block_types", up}};
  if (!skip) json["norm_num_groups"] = nn::fixed_groups(c);
  detail::describe_other_values(c, json);
  const std::string text = json.dump(2) + "\n";
  static_cast<void>(network_of_diffusers(text));  // rejects what config.json cannot express
  return text;
}

}  // namespace scoresde
