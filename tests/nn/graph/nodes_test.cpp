// SPDX-License-Identifier: MIT
#include <cmath>

#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/graph/node_defaults.hpp>
#include <scoresde/nn/graph/nodes.hpp>
#include <scoresde/nn/runtime/detail/activation_plan.hpp>

#include "support/catch.hpp"

using namespace scoresde::nn;
using Catch::Matchers::Contains;

TEST_CASE("a noise level is the label itself, or a level of a geometric sequence") {
  const SigmaLevels labels_are_levels{};
  CHECK(labels_are_levels.sigma(0.25) == 0.25);
  CHECK_THROWS_WITH(labels_are_levels.sigma(0), Contains("the label 0") && Contains("positive"));
  const SigmaLevels three{3, 0.01, 1};
  CHECK(three.sigma(0) == Approx(1).epsilon(1e-15));
  CHECK(three.sigma(1) == Approx(0.1).epsilon(1e-15));
  CHECK(three.sigma(2.75) == Approx(0.01).epsilon(1e-15));
  CHECK_THROWS_WITH(three.sigma(3), Contains("the label 3") && Contains("their number is 3"));
}

TEST_CASE("the shapes of a node are those of its operands and result, with the batch") {
  Graph graph(3, 4, 6);
  const Tensor x = graph.input();
  graph.concatenate(x, graph.convolution(x, {.name = "c", .out_channels = 5}));
  const NodeShapes shapes = graph.shapes(graph.nodes().back(), 7);
  CHECK(shapes.in[0] == Shape{7, 3, 4, 6});
  CHECK(shapes.in[1] == Shape{7, 5, 4, 6});
  CHECK(shapes.in[2] == Shape{});
  CHECK(shapes.out == Shape{7, 8, 4, 6});
}

TEST_CASE("statistics of a normalization and of attention grow with the batch") {
  const NodeShapes shapes{{Shape{3, 8, 2, 5}}, {3, 8, 2, 5}};
  CHECK(node::GroupNorm{{}, {.groups = 4}, {}}.statistics(PlainLayout{}, shapes) == 2 * 4 * 3);
  CHECK(node::Attention{{}, {.heads = 2}}.statistics(PlainLayout{}, shapes) == 3 * 2 * 10 * 10);
  CHECK(node::Affine{}.statistics(PlainLayout{}, shapes) == 0);
}

TEST_CASE("multiply-adds grow with the batch") {
  const Shape x{2, 6, 4, 4}, y{2, 10, 4, 4}, v{2, 6, 1, 1}, w{2, 10, 1, 1};
  const node::Convolution convolution{{}, {.in_channels = 6, .out_channels = 10}, {}};
  CHECK(convolution.multiply_adds({{x}, y}) == 2 * 6 * 10 * 9 * 16);
  CHECK(node::Dense{{}, {}, 10}.multiply_adds({{v}, w}) == 2 * 6 * 10);
  CHECK(node::Attention{}.multiply_adds({{x, x, x}, x}) == 2 * 2 * 16 * 16 * 6);
  CHECK(node::AddScale{}.multiply_adds({{x, x}, x}) == 0);
}

TEST_CASE("average pooling has the extents of its windows, which must fit the image") {
  Graph graph(3, 8, 5);
  const auto pooled = [&](const AveragePool& op) {
    return graph.shape(graph.append(node::AveragePool{{}, op}, {graph.input()}));
  };
  CHECK(pooled({}) == Shape{1, 3, 4, 2});
  CHECK(pooled({.height = 3, .width = 3, .stride = 1, .pad = 1}) == Shape{1, 3, 8, 5});
  CHECK(pooled({.height = 8, .width = 5}) == Shape{1, 3, 1, 1});
  CHECK_THROWS_WITH(pooled({.height = 3, .width = 6, .stride = 1}),
                    Contains("3×6") && Contains("8×5"));
  CHECK_THROWS_WITH(pooled({.height = 3, .width = 2, .pad = 2}), Contains("pad is 2"));
  CHECK_THROWS_WITH(pooled({.stride = 0}), Contains("stride"));
}

TEST_CASE("only dropout equals its operand outside training") {
  Graph graph(4, 2, 2);
  const Tensor dropped = graph.dropout(graph.silu(graph.input()), 0.5);
  graph.affine(dropped, 1, 0);
  for (const Node& n : graph.nodes()) {
    const bool dropout = n.output == dropped;
    CHECK(n.visit([](const auto& op) { return op.identity_outside_training; }) == dropout);
  }
}
