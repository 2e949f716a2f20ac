// SPDX-License-Identifier: MIT
#include <cmath>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/forward_pass.hpp>
#include <scoresde/nn/network.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;

namespace {

double silu(double x) { return x / (1 + std::exp(-x)); }

std::vector<double> run(const nn::Graph& graph, nn::Mode mode, const std::vector<double>& x,
                        NoiseDraw draw = {}) {
  std::vector<double> y(graph.shape(graph.output()).size());
  const std::vector<double> parameters(graph.parameters().size(), 0.5), label{3.0};
  nn::Network<eigen::Ops<double>>(graph, 1, mode).forward(parameters, x, label, y, draw);
  return y;
}

}  // namespace

TEST_CASE("Operations run in order on the tensors that they name") {
  nn::Graph graph(1, 1, 2);
  const nn::Tensor a = graph.affine(graph.input(), 2, -1);
  const nn::Tensor b = graph.silu(a);
  const nn::Tensor c = graph.sum_scaled(a, b, 0.25);
  graph.concatenate(c, graph.input());
  const std::vector<double> x{0.3, -4.0};
  const auto y = run(graph, nn::Mode::inference, x);
  for (int i = 0; i < 2; ++i) {
    CHECK(y[std::size_t(i)] == Approx(0.25 * (2 * x[i] - 1 + silu(2 * x[i] - 1))).epsilon(1e-14));
    CHECK(y[std::size_t(2 + i)] == x[std::size_t(i)]);
  }
}

TEST_CASE("Each dropout of a network has masks of its own") {
  nn::Graph graph(1, 16, 16);
  const nn::Tensor first = graph.dropout(graph.input(), 0.5);
  const nn::Tensor second = graph.dropout(graph.affine(graph.input(), 1, 0), 0.5);
  graph.concatenate(first, second);
  CHECK(graph.dropouts() == 2);
  const std::vector<double> ones(256, 1.0);
  const auto y = run(graph, nn::Mode::training, ones, {.seed = 1});
  std::size_t equal = 0;
  for (std::size_t i = 0; i < 256; ++i) {
    CHECK((y[i] == 0 || y[i] == 2));
    equal += y[i] == y[256 + i];
  }
  // Independent masks agree in half of the pixels: mean 128, deviation 8.
  CHECK(equal > 88);
  CHECK(equal < 168);
  CHECK(run(graph, nn::Mode::inference, ones) == std::vector<double>(512, 1.0));
}

TEST_CASE("Dropout draws of one network stay apart and keep their purpose") {
  const NoiseDraw draw = Noise{.seed = 3, .purpose = Purpose::dropout}.draw(77);
  CHECK(nn::detail::dropout_draw(draw, 0).index == draw.index);
  CHECK(nn::detail::dropout_draw(draw, 5).index == draw.index + (std::uint64_t{5} << 40));
  CHECK(nn::detail::dropout_draw(draw, 65535).index >> 56 == std::uint64_t(Purpose::dropout));
}
