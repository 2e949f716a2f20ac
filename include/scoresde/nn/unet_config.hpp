// SPDX-License-Identifier: MIT
/// UNetConfig: the knobs of a score network, named and valued as score_sde's config.model and
/// config.data, and their flat text form for checkpoints. attn_up and middle are ours; norm_eps,
/// num_class_embeds and the last group are named as in diffusers' UNet2DModel.
///
/// The defaults are DDPM++ for CIFAR-10 (Song et al. 2021, arXiv:2011.13456, appendix H).
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nearest_name.hpp>
#include <scoresde/nn/parameters.hpp>

namespace scoresde::nn {

struct UNetConfig {
  // config.data
  std::size_t image_size = 32;  ///< height, and width where image_width is 0
  std::size_t image_width = 0;
  std::size_t num_channels = 3;
  bool centered = true;  ///< images in [−1, 1]; if not, the network maps [0, 1] there itself
  // config.model
  std::string name = "ncsnpp";
  std::size_t nf = 128;  ///< channels of the first level
  std::vector<std::size_t> ch_mult{1, 2, 2, 2};
  std::size_t num_res_blocks = 4;
  std::vector<std::size_t> attn_resolutions{16};  ///< heights of feature maps
  double dropout = 0.1;
  bool conditional = true;
  bool skip_rescale = true;
  double init_scale = 0;
  bool scale_by_sigma = false;
  std::string nonlinearity = "swish";
  std::string embedding_type = "positional";
  std::string resblock_type = "biggan";
  std::string progressive = "none";
  std::string progressive_input = "none";
  std::string progressive_combine = "sum";
  bool fir = false;
  std::vector<double> fir_kernel{1, 3, 3, 1};
  double fourier_scale = 16;
  bool resamp_with_conv = true;
  /// Attention on the way up: "once" at the end of a level, after "every" block (Ho et al. 2020,
  /// and diffusers' AttnUpBlock2D), or "none".
  std::string attn_up = "once";
  double norm_eps = 1e-6;            ///< ε of the group normalisations
  std::size_t num_class_embeds = 0;  ///< classes that the network may be told; 0: none
  // the noise levels that a network of integer labels divides its output by
  double sigma_min = 0.01, sigma_max = 50;
  std::size_t num_scales = 1000;
  // of diffusers' UNet2DModel; the defaults are what score_sde has
  std::size_t out_channels = 0;                    ///< of the output; 0: num_channels
  std::vector<std::size_t> block_out_channels{};   ///< of each level; empty: nf·ch_mult
  std::size_t attention_head_dim = 0;              ///< channels of an attention head; 0: one head
  std::vector<std::size_t> attn_up_resolutions{};  ///< empty: attn_resolutions
  std::size_t norm_num_groups = 0;                 ///< 0: 32 (ddpm) or min(C/4, 32) (ncsnpp)
  /// Groups of the middle's attention. 0: as everywhere, and with scale_shift no normalization.
  std::size_t attn_norm_num_groups = 0;
  std::string middle = "attention";  ///< or "blocks" (two without attention between) or "none"
  /// How the time enters a block: added before the second normalization ("default"), or as factor
  /// and shift after it ("scale_shift"; Nichol and Dhariwal 2021, arXiv:2102.09672, section 3.2).
  std::string resnet_time_scale_shift = "default";
  std::size_t time_embedding_dim = 0;  ///< 0: 4·nf
  bool flip_sin_to_cos = false;        ///< cosines before sines
  double freq_shift = 1;               ///< ωᵢ = 10000^{−i/(nf/2 − freq_shift)}
  std::size_t downsample_padding = 0;  ///< zeros of plain halving: 1 all around, 0 below and right

  [[nodiscard]] std::size_t height() const { return image_size; }
  [[nodiscard]] std::size_t width() const { return image_width == 0 ? image_size : image_width; }
  [[nodiscard]] std::size_t levels() const { return ch_mult.size(); }
  [[nodiscard]] std::size_t channels(std::size_t level) const {
    return block_out_channels.empty() ? nf * ch_mult[level] : block_out_channels[level];
  }
  [[nodiscard]] std::size_t output_channels() const {
    return out_channels == 0 ? num_channels : out_channels;
  }
  /// Whether blocks of a level are followed by attention, on the way down and up.
  [[nodiscard]] bool attends_down(std::size_t level) const {
    return contains(attn_resolutions, image_size >> level);
  }
  [[nodiscard]] bool attends_up(std::size_t level) const {
    const auto& at = attn_up_resolutions.empty() ? attn_resolutions : attn_up_resolutions;
    return attn_up != "none" && contains(at, image_size >> level);
  }
  bool operator==(const UNetConfig&) const = default;

 private:
  static bool contains(const std::vector<std::size_t>& list, std::size_t value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  }
};

/// Keys and values as text; lists are "1,2,2,2", truth values "true" and "false".
using FlatConfig = std::map<std::string, std::string>;

namespace detail {

/// Calls visit(key, member) for the last group, which files name only where it is not at its
/// defaults.
template <class Config, class Visitor>
void for_each_diffusers_field(Config& c, Visitor&& visit) {
  visit("out_channels", c.out_channels);
  visit("block_out_channels", c.block_out_channels);
  visit("attention_head_dim", c.attention_head_dim);
  visit("attn_up_resolutions", c.attn_up_resolutions);
  visit("norm_num_groups", c.norm_num_groups);
  visit("attn_norm_num_groups", c.attn_norm_num_groups);
  visit("middle", c.middle);
  visit("resnet_time_scale_shift", c.resnet_time_scale_shift);
  visit("time_embedding_dim", c.time_embedding_dim);
  visit("flip_sin_to_cos", c.flip_sin_to_cos);
  visit("freq_shift", c.freq_shift);
  visit("downsample_padding", c.downsample_padding);
}

/// Calls visit(key, member) for every knob; the one list behind reading and writing.
template <class Config, class Visitor>
void for_each_knob(Config& c, Visitor&& visit) {
  visit("image_size", c.image_size);
  visit("image_width", c.image_width);
  visit("num_channels", c.num_channels);
  visit("centered", c.centered);
  visit("name", c.name);
  visit("nf", c.nf);
  visit("ch_mult", c.ch_mult);
  visit("num_res_blocks", c.num_res_blocks);
  visit("attn_resolutions", c.attn_resolutions);
  visit("dropout", c.dropout);
  visit("conditional", c.conditional);
  visit("skip_rescale", c.skip_rescale);
  visit("init_scale", c.init_scale);
  visit("scale_by_sigma", c.scale_by_sigma);
  visit("nonlinearity", c.nonlinearity);
  visit("embedding_type", c.embedding_type);
  visit("resblock_type", c.resblock_type);
  visit("progressive", c.progressive);
  visit("progressive_input", c.progressive_input);
  visit("progressive_combine", c.progressive_combine);
  visit("fir", c.fir);
  visit("fir_kernel", c.fir_kernel);
  visit("fourier_scale", c.fourier_scale);
  visit("resamp_with_conv", c.resamp_with_conv);
  visit("attn_up", c.attn_up);
  visit("norm_eps", c.norm_eps);
  visit("num_class_embeds", c.num_class_embeds);
  visit("sigma_min", c.sigma_min);
  visit("sigma_max", c.sigma_max);
  visit("num_scales", c.num_scales);
  for_each_diffusers_field(c, visit);
}

/// Keys of config.model and config.data that say nothing about the network's arithmetic.
inline constexpr std::array<std::string_view, 10> keys_beside_the_network{
    "beta_min",      "beta_max", "ema_rate",    "attention_type",         "conv_size",
    "normalization", "dataset",  "random_flip", "uniform_dequantization", "num_classes"};

template <class Number>
[[nodiscard]] Number read_number(const std::string& key, std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  Number value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(code == std::errc{} && end == text.data() + text.size(), "network configuration: ", key,
          " is '", text, "'; it must be ", std::integral<Number> ? "a natural number" : "a number");
  return value;
}

inline void read_knob(const std::string&, const std::string& text, std::string& value) {
  value = text;
}
inline void read_knob(const std::string& key, const std::string& text, bool& value) {
  require(text == "true" || text == "false", "network configuration: ", key, " is '", text,
          "'; it must be 'true' or 'false'");
  value = text == "true";
}
inline void read_knob(const std::string& key, const std::string& text, std::size_t& value) {
  value = read_number<std::size_t>(key, text);
}
inline void read_knob(const std::string& key, const std::string& text, double& value) {
  value = read_number<double>(key, text);
}
template <class Number>
void read_knob(const std::string& key, const std::string& text, std::vector<Number>& value) {
  value.clear();
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    value.push_back(read_number<Number>(key, rest.substr(0, comma)));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
}

[[nodiscard]] inline std::string write_knob(const std::string& value) { return value; }
[[nodiscard]] inline std::string write_knob(bool value) { return value ? "true" : "false"; }
[[nodiscard]] inline std::string write_knob(std::size_t value) { return std::to_string(value); }
[[nodiscard]] inline std::string write_knob(double value) {
  std::array<char, 32> text{};
  const auto [end, code] = std::to_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc{} ? std::string(text.data(), end) : std::string();
}
template <class Number>
[[nodiscard]] std::string write_knob(const std::vector<Number>& value) {
  std::string text;
  for (const Number v : value) {
    if (!text.empty()) text += ',';
    text += write_knob(v);
  }
  return text;
}

}  // namespace detail

/// Every knob as text, but for those of diffusers that are at their defaults; from_flat gives the
/// same configuration back.
[[nodiscard]] inline FlatConfig to_flat(const UNetConfig& config) {
  FlatConfig flat;
  detail::for_each_knob(config, [&](const char* key, const auto& value) {
    flat.emplace(key, detail::write_knob(value));
  });
  const UNetConfig defaults;
  detail::for_each_diffusers_field(defaults, [&](const char* key, const auto& value) {
    if (const auto at = flat.find(key); at->second == detail::write_knob(value)) flat.erase(at);
  });
  return flat;
}

/// The configuration that `flat` describes; knobs it does not name keep their defaults, and
/// score_sde's keys that do not concern the network are passed over.
/// Throws Error on a key that is neither, and on a value that cannot be read.
[[nodiscard]] inline UNetConfig from_flat(const FlatConfig& flat) {
  UNetConfig config;
  std::size_t used = 0;
  detail::for_each_knob(config, [&](const char* key, auto& value) {
    const auto at = flat.find(key);
    if (at == flat.end()) return;
    detail::read_knob(at->first, at->second, value);
    ++used;
  });
  for (const std::string_view key : detail::keys_beside_the_network)
    used += flat.count(std::string(key));
  if (used == flat.size()) return config;
  std::vector<std::string> known(detail::keys_beside_the_network.begin(),
                                 detail::keys_beside_the_network.end());
  detail::for_each_knob(config, [&](const char* key, const auto&) { known.emplace_back(key); });
  for (const auto& [key, value] : flat)
    detail::require(std::find(known.begin(), known.end(), key) != known.end(),
                    "network configuration: '", key,
                    "' is not a key of a score network; the nearest is ",
                    scoresde::detail::nearest_name(key, known));
  return config;
}

}  // namespace scoresde::nn
