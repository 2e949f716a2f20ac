// SPDX-License-Identifier: MIT
/// Weights of the Inception network by formula: exact in float, and so equal in every program.
///
///   u(name, e) = float(mix(mix(e) ^ fnv1a(name)) >> 8)·2⁻²³ − 1 in [−1, 1)
///   value[e] = offset + factor·u(name, e)
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <scoresde/io/tensor_file.hpp>
#include <scoresde/nn/networks/inception.hpp>

namespace scoresde::test {

inline std::uint32_t mixed(std::uint32_t h) {
  h = (h ^ h >> 16) * 0x85ebca6b;
  h = (h ^ h >> 13) * 0xc2b2ae35;
  return h ^ h >> 16;
}
inline std::uint32_t fnv1a(std::string_view text) {
  std::uint32_t h = 2166136261;
  for (const char c : text) h = (h ^ static_cast<std::uint8_t>(c)) * 16777619;
  return h;
}

/// The entry `name`, uniform around `offset`. The product is exact in double, so that no compiler
/// fuses it with the sum.
inline void set_by_formula(io::TensorFile& file, const std::string& name,
                           const std::vector<std::size_t>& shape, float offset, float factor) {
  std::size_t count = 1;
  for (const std::size_t extent : shape) count *= extent;
  std::vector<float> values(count);
  const std::uint32_t salt = fnv1a(name);
  for (std::size_t e = 0; e < count; ++e) {
    const float u =
        static_cast<float>(mixed(mixed(static_cast<std::uint32_t>(e)) ^ salt) >> 8) * 0x1p-23f - 1;
    values[e] = offset + static_cast<float>(double(factor) * double(u));
  }
  file.set<float>(name, shape, values);
}

/// A state_dict with the layout of the published file, 566 or 472 entries.
inline io::TensorFile inception_state_dict(bool with_counts = true) {
  const nn::Graph graph = nn::inception({.outputs = {nn::InceptionOutput::logits}});
  io::TensorFile file;
  for (const nn::Parameter& p : graph.parameters().entries()) {
    if (p.name == "fc.weight")
      set_by_formula(file, p.name, p.shape, 0, static_cast<float>(std::sqrt(6.0 / 2048)));
    else if (p.name == "fc.bias")
      set_by_formula(file, p.name, p.shape, 0, 0.25f);
    if (p.name.starts_with("fc.") || p.shape.size() != 4) continue;
    const std::string module = p.name.substr(0, p.name.rfind('.'));
    const std::vector<std::size_t> channels{p.shape[0]};
    set_by_formula(file, module + ".conv.weight", p.shape, 0,
                   static_cast<float>(std::sqrt(6.0 / double(p.size / p.shape[0]))));
    set_by_formula(file, module + ".bn.weight", channels, 1, 0.25f);
    set_by_formula(file, module + ".bn.bias", channels, 0, 0.25f);
    set_by_formula(file, module + ".bn.running_mean", channels, 0, 0.25f);
    set_by_formula(file, module + ".bn.running_var", channels, 1, 0.5f);
    const std::int64_t none = 0;
    if (with_counts)
      file.set<std::int64_t>(module + ".bn.num_batches_tracked", {}, std::span(&none, 1));
  }
  return file;
}

}  // namespace scoresde::test
