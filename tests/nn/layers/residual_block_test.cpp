// SPDX-License-Identifier: MIT
#include <cmath>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/layers/residual_block.hpp>
#include <scoresde/nn/runtime/network.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;

namespace {

std::vector<double> run(const nn::Graph& graph, const std::vector<double>& parameters,
                        const std::vector<double>& x) {
  const std::vector<double> label{10.0};
  std::vector<double> y(graph.shape(graph.output()).size());
  nn::Network<eigen::Ops<double>>(graph, 1, nn::Mode::inference).forward(parameters, x, label, y);
  return y;
}

void set(const nn::Graph& graph, std::vector<double>& parameters, const char* name, double value) {
  const auto& p = graph.parameters().find(name);
  std::fill_n(parameters.begin() + std::ptrdiff_t(p.offset), p.size, value);
}

}  // namespace

TEST_CASE("a block whose last convolution is zero equals its rescaled shortcut") {
  for (const bool rescale : {true, false}) {
    nn::Graph graph(4, 4, 4);
    nn::residual_block(graph, graph.input(), "b", 4, nn::Resample::none,
                       {.embedding = {}, .skip_rescale = rescale});
    CHECK_FALSE(graph.parameters().contains("b.Conv_2.weight"));
    CHECK_FALSE(graph.parameters().contains("b.Dense_0.weight"));
    auto parameters = small::parameters<double>(graph, 1);
    set(graph, parameters, "b.Conv_1.weight", 0);
    set(graph, parameters, "b.Conv_1.bias", 0.5);
    const auto x = small::normals<double>(64, 4);
    const auto y = run(graph, parameters, x);
    for (std::size_t i = 0; i < x.size(); ++i)
      CHECK(y[i] == Approx((x[i] + 0.5) * (rescale ? std::sqrt(0.5) : 1.0)).epsilon(1e-14));
  }
}

TEST_CASE("projection and upsampling commute in the shortcut of an upsampling block") {
  nn::Graph block(4, 2, 2);
  nn::residual_block(block, block.input(), "b", 8, nn::Resample::up, {.embedding = {}});
  auto parameters = small::parameters<double>(block, 1);
  set(block, parameters, "b.Conv_1.weight", 0);
  set(block, parameters, "b.Conv_1.bias", 0);
  const auto x = small::normals<double>(16, 4);
  const auto y = run(block, parameters, x);

  nn::Graph literal(4, 2, 2);
  literal.convolution(literal.upsample_nearest(literal.input()),
                      {.name = "b.Conv_2", .out_channels = 8, .kernel = 1});
  const auto& w = block.parameters().find("b.Conv_2.weight");
  const std::vector<double> own(parameters.begin() + std::ptrdiff_t(w.offset), parameters.end());
  const auto wanted = run(literal, own, x);
  REQUIRE(y.size() == wanted.size());
  for (std::size_t i = 0; i < y.size(); ++i)
    CHECK(y[i] == Approx(wanted[i] * std::sqrt(0.5)).epsilon(1e-13).margin(1e-14));
}

TEST_CASE("blocks change resolution and channels as specified") {
  nn::Graph graph(4, 8, 8);
  const nn::Tensor e = graph.positional_embedding(8);
  const nn::BlockSettings settings{.embedding = e};
  const nn::Tensor half =
      nn::residual_block(graph, graph.input(), "a", 8, nn::Resample::down, settings);
  CHECK(graph.shape(half) == nn::Shape{1, 8, 4, 4});
  const nn::Tensor twice = nn::residual_block(graph, half, "b", 4, nn::Resample::up, settings);
  CHECK(graph.shape(twice) == nn::Shape{1, 4, 8, 8});
  CHECK(graph.parameters().find("a.Dense_0.weight").shape == std::vector<std::size_t>{8, 8});
}
