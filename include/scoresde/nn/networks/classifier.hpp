// SPDX-License-Identifier: MIT
/// A noise-conditional classifier as a graph: the way down of a U-Net, pooling and logits.
///
///   h = a(GN(encoder(x, label))),   u = mean of h over pixels
///   logits = W pool(h) + b,   pool = u, or  W_o Σ_p softmax_p(qᵀk_p/√c)·v_p + b_o
///   q = W_q u + b_q,   k_p = W_k h_p + b_k,   v_p = W_v h_p + b_v
///
/// Dhariwal and Nichol 2021 (arXiv:2105.05233), section 4.1, whose attention pooling is that of
/// Radford et al. 2021 (arXiv:2103.00020), section 2.4: the mean over the pixels attends to all of
/// them. Here keys and values are of the pixels alone, without the mean and without an embedding of
/// positions, which the zeros around the images replace.
#pragma once

#include <bit>
#include <cstddef>
#include <string>
#include <utility>

#include <scoresde/error.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/graph/nodes.hpp>
#include <scoresde/nn/layers/normalization.hpp>
#include <scoresde/nn/networks/classifier_config.hpp>
#include <scoresde/nn/networks/detail/unet_encoder.hpp>
#include <scoresde/nn/networks/unet_check.hpp>
#include <scoresde/nn/networks/unet_config.hpp>

namespace scoresde::nn {

namespace detail {

inline void check_head(const ClassifierConfig& c) {
  check(c.encoder);
  require(c.head.classes >= 2, "classifier: classes is ", c.head.classes,
          "; it must be at least 2");
  require(c.encoder.num_class_embeds == 0, "classifier: num_class_embeds is ",
          c.encoder.num_class_embeds, "; it must be 0, as the class is what the network predicts");
  const std::size_t height = c.encoder.height() >> (c.encoder.levels() - 1);
  const std::size_t width = c.encoder.width() >> (c.encoder.levels() - 1);
  require(c.head.pooling == Pooling::mean || (height == width && std::has_single_bit(height)),
          "classifier: the last level has ", height, " x ", width,
          " pixels; attention pooling requires as many rows as columns, a power of two");
}

class ClassifierBuilder : private UNetEncoder {
 public:
  explicit ClassifierBuilder(const ClassifierConfig& config)
      : UNetEncoder(config.encoder), head_(config.head) {}

  [[nodiscard]] Graph build() {
    graph_.dense(pool(), "logits", head_.classes);
    return std::move(graph_);
  }
  [[nodiscard]] Graph build_features() {
    static_cast<void>(pool());
    return std::move(graph_);
  }

 private:
  [[nodiscard]] Tensor pool() {
    const Tensor h = activated_normalization(graph_, encode(), "norm", settings_);
    return head_.pooling == Pooling::mean ? mean(h) : attend(h);
  }
  [[nodiscard]] Tensor mean(Tensor h) {
    const Shape shape = graph_.shape(h);
    return graph_.append(node::AveragePool{{}, {.height = shape.h, .width = shape.w}}, {h});
  }
  /// Every pixel has the query of the mean, so every pixel of the attention is the pooled vector.
  [[nodiscard]] Tensor attend(Tensor h) {
    const Shape shape = graph_.shape(h);
    const auto pointwise = [&](const char* name) {
      return graph_.convolution(h, {.name = name, .out_channels = shape.c, .kernel = 1});
    };
    Tensor query = graph_.dense(mean(h), "pool.query", shape.c);
    while (graph_.shape(query).h < shape.h) query = graph_.upsample_nearest(query);
    const Tensor key = pointwise("pool.key"), value = pointwise("pool.value");
    const Tensor mixed = graph_.attention(query, key, value, settings_.heads(shape.c));
    return graph_.dense(mean(mixed), "pool.output", shape.c);
  }

  const ClassifierHead& head_;
};

}  // namespace detail

/// The network as a graph, (num_channels, height, width) to (classes, 1, 1). Throws Error for an
/// encoder that `check` rejects or that embeds classes, fewer than two classes, and attention
/// pooling of an image whose last level is not a square of a power of two.
[[nodiscard]] inline Graph classifier(const ClassifierConfig& config) {
  detail::check_head(config);
  return detail::ClassifierBuilder(config).build();
}

/// The same without its last layer, the vector that the logits are an affine function of. Its
/// parameters are the first ones of the classifier's. Throws Error as `classifier` does.
[[nodiscard]] inline Graph classifier_features(const ClassifierConfig& config) {
  detail::check_head(config);
  return detail::ClassifierBuilder(config).build_features();
}

}  // namespace scoresde::nn
