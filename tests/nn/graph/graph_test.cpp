// SPDX-License-Identifier: MIT
#include <variant>

#include <scoresde/nn/graph/graph.hpp>

#include "support/catch.hpp"

using namespace scoresde::nn;
using Catch::Matchers::Contains;

TEST_CASE("a graph lists operations in order, with the shape of each result") {
  Graph graph(3, 8, 8);
  const Tensor h = graph.convolution(graph.input(), {.name = "c", .out_channels = 6});
  const Tensor down = graph.downsample_mean(h);
  const Tensor up = graph.upsample_nearest(down);
  const Tensor both = graph.concatenate(up, graph.input());
  CHECK(graph.shape(h) == Shape{1, 6, 8, 8});
  CHECK(graph.shape(down) == Shape{1, 6, 4, 4});
  CHECK(graph.shape(up) == Shape{1, 6, 8, 8});
  CHECK(graph.shape(both) == Shape{1, 9, 8, 8});
  CHECK(graph.output() == both);
  REQUIRE(graph.nodes().size() == 4);
  CHECK(std::holds_alternative<node::Convolution>(graph.nodes()[0].operation));
  CHECK(graph.nodes()[3].inputs == std::vector<Tensor>{up, graph.input()});
}

TEST_CASE("layers register their parameters with score_sde's names and layouts") {
  Graph graph(4, 2, 2);
  const Tensor h = graph.convolution(graph.input(), {.name = "conv", .out_channels = 8});
  graph.convolution(h, {.name = "nin", .out_channels = 6, .kernel = 1, .input_major = true});
  graph.dense(graph.positional_embedding(10), "dense", 7);
  const auto& table = graph.parameters();
  CHECK(table.find("conv.weight").shape == std::vector<std::size_t>{8, 4, 3, 3});
  CHECK(table.find("conv.bias").shape == std::vector<std::size_t>{8});
  CHECK(table.find("nin.W").shape == std::vector<std::size_t>{8, 6});
  CHECK(table.find("nin.b").shape == std::vector<std::size_t>{6});
  CHECK(table.find("dense.weight").shape == std::vector<std::size_t>{7, 10});
  CHECK(table.find("dense.bias").shape == std::vector<std::size_t>{7});
}

TEST_CASE("a convolution uses parameters added before it") {
  Graph graph(4, 2, 2);
  const ConvolutionSpec spec{.name = "c", .out_channels = 4};
  graph.convolution_weights(graph.input(), spec);
  const std::size_t before = graph.parameters().size();
  graph.convolution(graph.input(), spec);
  CHECK(graph.parameters().size() == before);
  const ConvolutionSpec wider{.name = "c", .out_channels = 5};
  CHECK_THROWS_WITH(graph.convolution(graph.input(), wider), Contains("another shape"));
}

TEST_CASE("mismatched operands are rejected with their shapes") {
  Graph graph(3, 5, 6);
  const Tensor x = graph.input();
  const Tensor wide = graph.convolution(x, {.name = "c", .out_channels = 4});
  CHECK_THROWS_WITH(graph.downsample_mean(x), Contains("5×6") && Contains("odd"));
  CHECK_THROWS_WITH(graph.scaled_sum(x, wide, 1), Contains("(3, 5, 6)") && Contains("(4, 5, 6)"));
  CHECK_THROWS_WITH(graph.scaled_sum(x, x, 1), Contains("different tensors"));
  CHECK_THROWS_WITH(graph.attention(x, x, wide), Contains("attention"));
  const Tensor more = graph.silu(wide), most = graph.silu(wide);
  CHECK_THROWS_WITH(graph.attention(wide, more, most, 3), Contains("3 heads for 4 channels"));
  CHECK_THROWS_WITH(graph.scale_shift(x, wide), Contains("(4, 5, 6)") && Contains("(6, 1, 1)"));
  CHECK_THROWS_WITH(graph.group_norm(wide, "g", {.groups = 3}),
                    Contains("4 channels") && Contains("3 groups"));
  CHECK_THROWS_WITH(graph.dense(x, "d", 4), Contains("vectors"));
  CHECK_THROWS_WITH(graph.dropout(x, 1.0), Contains("[0, 1)"));
  CHECK_THROWS_WITH(graph.positional_embedding(7), Contains("7 channels"));
  CHECK_THROWS_WITH(graph.positional_embedding(8, {false, 4}), Contains("shift 4"));
  // The middle of a network without one is its last skip, which is then read twice.
  CHECK(graph.shape(graph.concatenate(x, x)) == Shape{1, 6, 5, 6});
  CHECK_THROWS_WITH(graph.concatenate(x, graph.upsample_nearest(x)),
                    Contains("cannot be concatenated"));
  CHECK_THROWS_WITH(graph.convolution(x, {.name = "e", .out_channels = 4}, {.channel_bias = wide}),
                    Contains("bias per channel"));
  CHECK_THROWS_WITH(graph.convolution(x, {.name = "f", .out_channels = 5}, {.residual = wide}),
                    Contains("(4, 5, 6)") && Contains("(5, 5, 6)"));
  CHECK_THROWS_WITH(graph.convolution(wide, {.name = "g", .out_channels = 4}, {.residual = wide}),
                    Contains("must differ"));
}
