// SPDX-License-Identifier: MIT
#include <scoresde/nn/runtime/cost.hpp>

#include "support/catch.hpp"

using namespace scoresde::nn;

TEST_CASE("multiply-adds match hand counts for one layer of each kind") {
  Graph graph(3, 4, 4);
  const Tensor x = graph.input();
  const Tensor h = graph.convolution(x, {.name = "c", .out_channels = 8});
  CHECK(multiply_adds(graph) == 16 * 9 * 3 * 8);
  graph.dense(graph.positional_embedding(6), "d", 5);
  CHECK(multiply_adds(graph) == 16 * 9 * 3 * 8 + 6 * 5);
  const Tensor k = graph.silu(h), v = graph.silu(h);
  graph.attention(h, k, v);
  CHECK(multiply_adds(graph) == 16 * 9 * 3 * 8 + 6 * 5 + 2 * 16 * 16 * 8);
}
