// SPDX-License-Identifier: MIT
/// A network's configuration as text: the fields of nn::UNetConfig under their published names.
///
/// Keys and values are those of score_sde's config.model and config.data and, for the last group,
/// of diffusers' UNet2DModel. Reading a written number returns the same bits.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nearest_name.hpp>
#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/network_names.hpp>
#include <scoresde/registry/settings.hpp>

namespace scoresde {

namespace detail {

/// Calls visit(key, member) for the last group, whose fields are written only if they differ from
/// their defaults.
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

}  // namespace detail

/// Calls visit(key, member) for every field; used for both reading and writing.
template <class Config, class Visitor>
void for_each_field(Config& c, Visitor&& visit) {
  visit("image_size", c.image_size);
  visit("image_width", c.image_width);
  visit("num_channels", c.num_channels);
  visit("centered", c.centered);
  visit("name", c.architecture);
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
  detail::for_each_diffusers_field(c, visit);
}

/// Keys of config.model and config.data that do not affect the network's arithmetic.
inline constexpr std::array<std::string_view, 10> keys_outside_the_network{
    "beta_min",      "beta_max", "ema_rate",    "attention_type",         "conv_size",
    "normalization", "dataset",  "random_flip", "uniform_dequantization", "num_classes"};

template <PublishedEnum E>
[[nodiscard]] std::string field_text(E value) {
  return name_of(value);
}
[[nodiscard]] inline std::string field_text(bool value) { return truth_text(value); }
[[nodiscard]] inline std::string field_text(std::size_t value) { return number_text(value); }
[[nodiscard]] inline std::string field_text(double value) { return number_text(value); }
template <class Number>
[[nodiscard]] std::string field_text(const std::vector<Number>& values) {
  return list_text(values);
}

namespace detail {

template <class Number>
[[nodiscard]] Number parse_number(std::string_view argument, std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  Number value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(code == std::errc{} && end == text.data() + text.size(), argument, " is '", text,
          "'; it must be ", std::integral<Number> ? "a natural number" : "a number");
  return value;
}

template <PublishedEnum E>
void parse_field(std::string_view argument, std::string_view text, E& value) {
  value = from_name<E>(argument, text);
}
inline void parse_field(std::string_view argument, std::string_view text, bool& value) {
  require(text == "true" || text == "false", argument, " is '", text,
          "'; it must be 'true' or 'false'");
  value = text == "true";
}
inline void parse_field(std::string_view argument, std::string_view text, std::size_t& value) {
  value = parse_number<std::size_t>(argument, text);
}
inline void parse_field(std::string_view argument, std::string_view text, double& value) {
  value = parse_number<double>(argument, text);
}
template <class Number>
void parse_field(std::string_view argument, std::string_view text, std::vector<Number>& value) {
  value.clear();
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    value.push_back(parse_number<Number>(argument, text.substr(0, comma)));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
}

/// Throws Error, suggesting a near key, for a key that is neither a field nor ignored.
inline void require_known_fields(const Metadata& fields) {
  std::vector<std::string> known(keys_outside_the_network.begin(), keys_outside_the_network.end());
  const nn::UNetConfig config;
  for_each_field(config, [&](const char* key, const auto&) { known.emplace_back(key); });
  for (const auto& [key, value] : fields)
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw Error(text("network configuration: '", key, "' is not a key of a score network",
                       suggestion(key, known)));
}

}  // namespace detail

/// Every field as text, except those of diffusers that are at their defaults; network_from_fields
/// returns the same configuration.
[[nodiscard]] inline Metadata fields_of(const nn::UNetConfig& config) {
  Metadata fields;
  for_each_field(
      config, [&](const char* key, const auto& value) { fields.emplace(key, field_text(value)); });
  const nn::UNetConfig defaults;
  detail::for_each_diffusers_field(defaults, [&](const char* key, const auto& value) {
    if (const auto at = fields.find(key); at->second == field_text(value)) fields.erase(at);
  });
  return fields;
}

/// The configuration described by the fields; absent fields keep their defaults, and score_sde's
/// keys that do not concern the network are ignored. Throws Error for any other key and for a value
/// that is invalid for its field.
[[nodiscard]] inline nn::UNetConfig network_from_fields(const Metadata& fields) {
  detail::require_known_fields(fields);
  nn::UNetConfig config;
  for_each_field(config, [&](const char* key, auto& value) {
    if (const auto at = fields.find(key); at != fields.end())
      detail::parse_field(scoresde::text("network configuration: ", key), at->second, value);
  });
  return config;
}

}  // namespace scoresde
