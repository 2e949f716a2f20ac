// SPDX-License-Identifier: MIT
/// The tiny NCSN++ of tests/golden/make_torch_checkpoint.py, and the contents of its files.
#pragma once

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <vector>

#include <scoresde/nn/graph/parameters.hpp>
#include <scoresde/nn/networks/unet.hpp>

namespace scoresde::test {

inline std::filesystem::path tiny_checkpoints() {
  return std::filesystem::path(SCORESDE_SOURCE_DIR) / "tests" / "golden" / "checkpoints";
}

inline nn::UNetConfig tiny_config() {
  nn::UNetConfig config;
  config.image_size = 8;
  config.centered = false;
  config.nf = 4;
  config.ch_mult = {1, 1};
  config.num_res_blocks = 1;
  config.attn_resolutions = {};
  config.dropout = 0;
  config.scale_by_sigma = true;
  config.embedding_type = nn::EmbeddingType::fourier;
  config.progressive = nn::ProgressiveOutput::output_skip;
  config.progressive_input = nn::ProgressiveInput::input_skip;
  config.fir = true;
  config.num_scales = 10;
  config.sigma_min = std::exp(-1.0);
  config.sigma_max = 1;
  return config;
}

/// Element e of parameter k by the script's formula, mapped by `change`.
template <class T, class Change>
std::vector<T> tiny_values(const nn::ParameterTable& table, Change change) {
  std::vector<T> values(table.size());
  for (std::size_t k = 0; k < table.entries().size(); ++k)
    for (std::size_t e = 0; e < table[k].size; ++e)
      values[table[k].offset + e] =
          static_cast<T>(change((double((131 * k + 29 * e) % 2001) - 1000) / 512, table[k]));
  return values;
}

}  // namespace scoresde::test
