// SPDX-License-Identifier: MIT
/// Ablations: networks that differ from a base network in one field of NCSN++ each.
///
/// Song et al. 2021 (arXiv:2011.13456), section 4.1 and appendix H, compare finite impulse response
/// filters, rescaled skip connections, BigGAN's residual blocks, image pyramids of input and
/// output, and rates of the moving average.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nn/networks/unet_check.hpp>
#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/network_fields.hpp>
#include <scoresde/registry/network_names.hpp>
#include <scoresde/registry/presets.hpp>

namespace scoresde {

/// The fields of a network that ablations change, named as in network_fields.hpp.
inline constexpr std::array<std::string_view, 5> ablated_fields{
    "skip_rescale", "resblock_type", "progressive", "progressive_input", "fir"};

/// The compared rates of the moving average. One training keeps an average of each.
inline constexpr std::array<double, 4> ablated_ema_rates{0.9, 0.99, 0.999, 0.9999};

/// A base, or a preset that differs from it in the value of one field.
struct Ablation {
  std::string field, value;  ///< empty for the base
  nn::Preset preset;

  /// "fir=false"; "base".
  [[nodiscard]] std::string name() const { return field.empty() ? "base" : field + '=' + value; }
};

namespace detail {

/// All values of a field that has few: truth values and enumerations.
template <class T>
[[nodiscard]] std::vector<std::string> values_of(const T&) {
  if constexpr (std::same_as<T, bool>)
    return {"false", "true"};
  else if constexpr (PublishedEnum<T>)
    return names_of<T>();
  else
    return {};
}

inline void check_ablation(const Ablation& one) {
  try {
    nn::check(one.preset.network);
  } catch (const Error& failure) {
    throw Error(text("ablation, ", one.name(), ": ", failure.what()));
  }
}

}  // namespace detail

/// The base, then a preset for every other value of each of ablated_fields. The base also keeps
/// averages with the other ablated_ema_rates (Preset::ema_rates). Throws Error for a classifier, a
/// base of another architecture than NCSN++'s, which ignores these fields, and as nn::check does
/// for a base or a changed network.
[[nodiscard]] inline std::vector<Ablation> ablations(const nn::Preset& base) {
  require(!base.classifier, "ablation: preset ", base.name,
          " is of a classifier; it must be of a score network");
  require(base.network.architecture == nn::Architecture::ncsnpp, "ablation: preset ", base.name,
          " has the architecture ", name_of(base.network.architecture), "; it must have ncsnpp");
  std::vector<Ablation> all{{"", "", base}};
  for (const double rate : ablated_ema_rates)
    if (rate != base.ema_rate) all.front().preset.ema_rates.push_back(rate);
  const Metadata fields = fields_of(base.network);
  for_each_field(base.network, [&](const char* key, const auto& value) {
    if (std::find(ablated_fields.begin(), ablated_fields.end(), key) == ablated_fields.end())
      return;
    for (const std::string& other : detail::values_of(value)) {
      if (other == field_text(value)) continue;
      Metadata changed = fields;
      changed[key] = other;
      all.push_back({key, other, base});
      all.back().preset.network = network_from_fields(changed);
    }
  });
  for (const Ablation& one : all) detail::check_ablation(one);
  return all;
}

}  // namespace scoresde
