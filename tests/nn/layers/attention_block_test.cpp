// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <variant>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/layers/attention_block.hpp>
#include <scoresde/nn/runtime/network.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;

TEST_CASE("with equal keys the block adds a constant per channel") {
  nn::Graph graph(4, 3, 3);
  nn::attention_block(graph, graph.input(), "a", {.embedding = {}, .init_scale = 1});
  auto parameters = small::parameters<double>(graph, 1);
  const auto& keys = graph.parameters().find("a.NIN_1.W");
  std::fill_n(parameters.begin() + std::ptrdiff_t(keys.offset), keys.size, 0.0);
  const auto x = small::normals<double>(36, 4);
  const std::vector<double> label{1.0};
  std::vector<double> y(36);
  nn::Network<eigen::Ops<double>>(graph, 1, nn::Mode::inference).forward(parameters, x, label, y);
  for (std::size_t c = 0; c < 4; ++c) {
    const double added = y[9 * c] * std::sqrt(2.0) - x[9 * c];
    CHECK(std::abs(added) > 1e-3);
    for (std::size_t p = 1; p < 9; ++p)
      CHECK(y[9 * c + p] * std::sqrt(2.0) - x[9 * c + p] == Approx(added).epsilon(1e-11));
  }
}

TEST_CASE("attention has heads of the given width, and its normalization can be omitted") {
  nn::Graph graph(8, 3, 3);
  nn::attention_block(graph, graph.input(), "a",
                      {.embedding = {}, .head_channels = 2, .normalize_attention = false});
  CHECK(!graph.parameters().contains("a.GroupNorm_0.weight"));
  CHECK(graph.parameters().contains("a.NIN_0.W"));
  std::size_t heads = 0;
  for (const nn::Node& node : graph.nodes())
    if (const auto* op = std::get_if<nn::node::Attention>(&node.operation)) heads = op->heads.heads;
  CHECK(heads == 4);
}

TEST_CASE(
    "queries, keys and values are initialized with variance scale 0.1, the last layer with "
    "init_scale") {
  nn::Graph graph(4, 3, 3);
  nn::attention_block(graph, graph.input(), "a", {.embedding = {}, .init_scale = 0});
  for (const char* name : {"a.NIN_0.W", "a.NIN_1.W", "a.NIN_2.W"})
    CHECK(graph.parameters().find(name).initialization.bound == Approx(std::sqrt(0.3 / 4)));
  CHECK(graph.parameters().find("a.NIN_3.W").initialization.bound < 1e-4);
}
