// SPDX-License-Identifier: MIT
/// A score network for data without image structure: dense layers conditioned on the time.
///
///   h₀ = W_in x,   h_{l+1} = h_l + V_l a(W_l a(h_l) + T_l e),   F = W_out a(h_depth)
///
/// with a the activation, e the time (and class) embedding (nn/layers/time_embedding.hpp) and l <
/// depth: residual blocks as in He et al. 2016 (arXiv:1603.05027), with the time added as in Ho et
/// al. 2020 (arXiv:2006.11239), appendix B; every dense layer has a bias.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <scoresde/error.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/layers/time_embedding.hpp>

namespace scoresde::nn {

struct MlpConfig {
  std::size_t dim = 2;     ///< of a sample, and of the output
  std::size_t width = 64;  ///< of the hidden layers
  std::size_t depth = 3;   ///< residual blocks of two dense layers
  /// Number of sines and cosines of the label: even, at least 4. With `fourier_scale` they are of
  /// 2πw ln σ, w ~ N(0, fourier_scale²), for labels σ.
  std::size_t time_features = 32;
  double fourier_scale = 0;
  Activation activation = Activation::swish;
  bool scale_by_sigma = false;       ///< divides the output by the label, for ScoreAtSigma
  std::size_t num_class_embeds = 0;  ///< classes of a class-conditional network; 0: unconditional
};

namespace detail {

inline void check(const MlpConfig& c) {
  require(c.dim >= 1, "mlp: dim is 0; it must be at least 1");
  require(c.width >= 1, "mlp: width is 0; it must be at least 1");
  require(c.fourier_scale >= 0, "mlp: fourier_scale is ", c.fourier_scale,
          "; it must be at least 0 (0 for positional features)");
}

}  // namespace detail

/// The network as a graph with one input (dim, 1, 1). Throws Error for settings out of range.
[[nodiscard]] inline Graph mlp(const MlpConfig& config) {
  detail::check(config);
  const Activation a = config.activation;
  Graph graph(config.dim, 1, 1);
  const Tensor features =
      config.fourier_scale > 0
          ? graph.fourier_embedding("time", config.time_features, config.fourier_scale)
          : graph.positional_embedding(config.time_features);
  std::optional<Tensor> classes;
  if (config.num_class_embeds > 0)
    classes = graph.class_embedding("class_embedding", config.num_class_embeds, config.width);
  const Tensor e = time_embedding(graph, features, config.width, "time.0", "time.1", a, classes);
  Tensor h = graph.dense(graph.input(), "in", config.width);
  for (std::size_t l = 0; l < config.depth; ++l) {
    const std::string name = "block." + std::to_string(l);
    const Tensor inner = graph.dense(graph.activation(h, a), name + ".0", config.width);
    const Tensor conditioned =
        graph.scaled_sum(inner, graph.dense(e, name + ".time", config.width), 1);
    const Tensor outer = graph.dense(graph.activation(conditioned, a), name + ".1", config.width);
    h = graph.scaled_sum(h, outer, 1);
  }
  const Tensor output = graph.dense(graph.activation(h, a), "out", config.dim);
  if (config.scale_by_sigma) graph.divide_by_sigma(output, {});
  return graph;
}

}  // namespace scoresde::nn
