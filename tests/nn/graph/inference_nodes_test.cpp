// SPDX-License-Identifier: MIT
#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/graph/inference_nodes.hpp>
#include <scoresde/nn/graph/inference_ops.hpp>
#include <scoresde/nn/runtime/cost.hpp>
#include <scoresde/nn/runtime/network.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::nn;
using Catch::Matchers::Contains;

namespace {

/// A backend of NetworkOps without the refinement.
struct WithoutInference : eigen::Ops<double> {
  using eigen::Ops<double>::Ops;
  void max_pool() const = delete;
};
static_assert(NetworkOps<WithoutInference> && !InferenceOps<WithoutInference>);

Graph pooled_graph() {
  Graph graph(2, 9, 7);
  const Tensor x = graph.rectangular_convolution(
      graph.input(), "c", {.out_channels = 5, .height = 1, .width = 7, .pad_columns = 3});
  graph.max_pool(x, {.height = 3, .width = 3, .stride = 2});
  return graph;
}

}  // namespace

TEST_CASE("a rectangular convolution has the shapes of its kernel, stride and padding") {
  Graph graph = pooled_graph();
  CHECK(graph.shape({1}) == Shape{1, 5, 9, 7});
  CHECK(graph.shape(graph.output()) == Shape{1, 5, 4, 3});
  CHECK(graph.parameters().find("c.weight").shape == std::vector<std::size_t>{5, 2, 1, 7});
  CHECK(graph.parameters().find("c.bias").shape == std::vector<std::size_t>{5});
  CHECK(multiply_adds(graph) == 9 * 7 * 5 * 2 * 7);
  const Tensor small = graph.rectangular_convolution(
      graph.input(), "d", {.out_channels = 3, .height = 3, .width = 2, .stride = 2});
  CHECK(graph.shape(small) == Shape{1, 3, 4, 3});
  CHECK(graph.shape(graph.mean(small)) == Shape{1, 3, 1, 1});
  CHECK(graph.shape(graph.resize(small, {.height = 11, .width = 1})) == Shape{1, 3, 11, 1});
}

TEST_CASE("nodes for inference reject operands that do not fit") {
  Graph graph(2, 4, 5);
  CHECK_THROWS_WITH(graph.rectangular_convolution(graph.input(), "c",
                                                  {.out_channels = 1, .height = 7, .width = 1}),
                    Contains("a kernel of 7×1 does not fit an image of 4×5"));
  CHECK_THROWS_WITH(
      graph.rectangular_convolution(graph.input(), "d", {.out_channels = 1, .stride = 0}),
      Contains("with stride 0"));
  CHECK_THROWS_WITH(graph.max_pool(graph.input(), {.height = 5, .width = 5, .stride = 1}),
                    Contains("max pool: a window of 5×5"));
  CHECK_THROWS_WITH(graph.max_pool(graph.input(), {.stride = 0}), Contains("max pool: the stride"));
  CHECK_THROWS_WITH(graph.resize(graph.input(), {.height = 0, .width = 3}), Contains("to 0 x 3"));
}

TEST_CASE("a network for inference cannot be differentiated") {
  CHECK_NOTHROW(Network<eigen::Ops<double>>(pooled_graph(), 1, Mode::inference));
  for (const Mode mode : {Mode::training, Mode::differentiation})
    CHECK_THROWS_WITH(Network<eigen::Ops<double>>(pooled_graph(), 1, mode),
                      Contains("rectangular convolution: the mode differentiates"));
}

TEST_CASE("a backend without InferenceOps rejects networks that require it") {
  CHECK_THROWS_WITH(Network<WithoutInference>(pooled_graph(), 1, Mode::inference),
                    Contains("the backend does not provide InferenceOps"));
}

TEST_CASE("dense layers of one name share their weights, with and without bias") {
  Graph graph(3, 1, 1);
  const Tensor without = graph.dense(graph.input(), "fc", 4, false);
  graph.concatenate(without, graph.dense(graph.input(), "fc", 4));
  CHECK(graph.parameters().entries().size() == 2);
  CHECK_THROWS_WITH(graph.dense(graph.input(), "fc", 5, false),
                    Contains("'fc.weight' exists with another shape"));
  Network<eigen::Ops<double>> network(graph, 1, Mode::inference);
  std::vector<double> parameters(graph.parameters().size(), 0.5), y(8);
  network.forward(parameters, std::vector<double>{1, 2, 3}, std::vector<double>{0}, y);
  CHECK(y == std::vector<double>{3, 3, 3, 3, 3.5, 3.5, 3.5, 3.5});
}
