// SPDX-License-Identifier: MIT
/// Small networks for tests, with parameters that exercise every path.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/nn/graph/parameters.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/noise/noise.hpp>

namespace small {

/// Two levels, attention, dropout, uncentered data, shortcuts with and without projection.
inline scoresde::nn::UNetConfig every_path() {
  scoresde::nn::UNetConfig config;
  config.image_size = 8;
  config.num_channels = 2;
  config.centered = false;
  config.nf = 4;
  config.ch_mult = {1, 2};
  config.num_res_blocks = 1;
  config.attn_resolutions = {4};
  config.dropout = 0.25;
  config.init_scale = 1;
  return config;
}

template <class T>
std::vector<T> normals(std::size_t size, std::uint64_t seed) {
  std::vector<float> z(size);
  scoresde::fill_normal(z, scoresde::Noise{.seed = seed}.draw(0), 0, 0);
  return {z.begin(), z.end()};
}

/// Initial parameters plus 0.1·N(0, 1), so that no bias is zero and no gain is one.
template <class T>
std::vector<T> parameters(const scoresde::nn::Graph& graph, std::uint64_t seed) {
  std::vector<T> values(graph.parameters().size());
  scoresde::nn::initialize<T>(graph.parameters(), values, seed);
  const auto z = normals<T>(graph.parameters().count(), seed + 1);
  std::size_t next = 0;
  for (const auto& p : graph.parameters().entries())
    for (std::size_t i = 0; i < p.size; ++i) values[p.offset + i] += T(0.1) * z[next++];
  return values;
}

}  // namespace small
