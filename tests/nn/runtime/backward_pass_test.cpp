// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/runtime/detail/backward_pass.hpp>
#include <scoresde/nn/runtime/network.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;

namespace {

/// L(θ, x) = ⟨v, F(x, labels; θ)⟩ with fixed dropout masks.
class Loss {
 public:
  explicit Loss(const nn::Graph& graph, std::size_t threads = 1)
      : network(graph, 2, nn::Mode::training, eigen::Ops<double>(threads)),
        parameters(small::parameters<double>(graph, 1)),
        x(small::normals<double>(2 * graph.shape(graph.input()).size(), 7)),
        v(small::normals<double>(2 * graph.shape(graph.output()).size(), 8)),
        y(v.size()) {}

  double operator()() {
    network.forward(parameters, x, labels, y, draw);
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += v[i] * y[i];
    return sum;
  }

  /// Fourth-order central difference: truncation h⁴ L⁽⁵⁾/30, rounding about 10⁻¹⁴/h.
  double difference(double& variable) {
    const double at = variable, h = 2e-3;
    const auto value = [&](double offset) {
      variable = at + offset;
      return (*this)();
    };
    const double slope = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h);
    variable = at;
    return slope;
  }

  nn::Network<eigen::Ops<double>> network;
  std::vector<double> parameters, x, v, y;
  std::vector<double> labels{120.0, 640.5};
  NoiseDraw draw = Noise{.seed = 4, .purpose = Purpose::dropout}.draw(11);
};

}  // namespace

TEST_CASE("every parameter's gradient matches finite differences of the whole network", "[slow]") {
  const nn::Graph graph = nn::unet(small::every_path());
  Loss loss(graph);
  std::vector<double> gradient(graph.parameters().size(), 0.0);
  loss();
  loss.network.backward(loss.parameters, loss.v, gradient);
  double largest = 0;
  for (const double g : gradient) largest = std::max(largest, std::abs(g));
  for (const auto& p : graph.parameters().entries()) {
    double error = 0, size = 0;
    for (std::size_t i = p.offset; i < p.offset + p.size; ++i) {
      error = std::max(error, std::abs(loss.difference(loss.parameters[i]) - gradient[i]));
      size = std::max(size, std::abs(gradient[i]));
    }
    CAPTURE(p.name, error, size);
    // Key biases have zero gradient; the rounding of the difference is relative to the largest
    // gradient.
    CHECK(error < 1e-6 * std::max(size, 1e-3 * largest));
  }
}

TEST_CASE("the input's gradient matches finite differences of the whole network") {
  const nn::Graph graph = nn::unet(small::every_path());
  Loss loss(graph);
  std::vector<double> dx(loss.x.size());
  loss();
  loss.network.backward(loss.parameters, loss.v, {}, dx);
  double error = 0, size = 0;
  for (std::size_t i = 0; i < dx.size(); ++i) {
    error = std::max(error, std::abs(loss.difference(loss.x[i]) - dx[i]));
    size = std::max(size, std::abs(dx[i]));
  }
  CHECK(error < 1e-6 * size);
}

TEST_CASE("gradients pass through average pooling of a tensor that another node reads as well") {
  nn::Graph graph(2, 6, 5);
  const nn::Tensor h =
      graph.silu(graph.convolution(graph.input(), {.name = "c", .out_channels = 3}));
  const nn::Tensor near = graph.append(
      nn::node::AveragePool{{}, {.height = 3, .width = 3, .stride = 1, .pad = 1}}, {h});
  graph.append(nn::node::AveragePool{{}, {.height = 6, .width = 5}},
               {graph.silu(graph.scaled_sum(near, h, 0.5))});
  Loss loss(graph);
  std::vector<double> dx(loss.x.size()), gradient(graph.parameters().size(), 0.0);
  loss();
  loss.network.backward(loss.parameters, loss.v, gradient, dx);
  for (std::size_t i = 0; i < dx.size(); ++i)
    CHECK(dx[i] == Approx(loss.difference(loss.x[i])).epsilon(1e-7).margin(1e-10));
  const auto& bias = graph.parameters().find("c.bias");
  for (std::size_t i = bias.offset; i < bias.offset + bias.size; ++i)
    CHECK(gradient[i] == Approx(loss.difference(loss.parameters[i])).epsilon(1e-7));
}

TEST_CASE("gradients of parameters accumulate, the input's gradient is overwritten") {
  const nn::Graph graph = nn::unet(small::every_path());
  Loss loss(graph);
  std::vector<double> once(graph.parameters().size(), 0.0), twice(once.size(), 0.0);
  std::vector<double> dx(loss.x.size(), 1e300), again(loss.x.size(), -1e300);
  loss();
  loss.network.backward(loss.parameters, loss.v, once, dx);
  for (int run = 0; run < 2; ++run) {
    loss();
    loss.network.backward(loss.parameters, loss.v, twice, again);
  }
  CHECK(dx == again);
  for (std::size_t i = 0; i < once.size(); ++i)
    CHECK(std::abs(twice[i] - 2 * once[i]) <= 1e-12 * std::abs(once[i]) + 1e-14);
}

TEST_CASE("gradients are bit-identical for any number of threads") {
  const nn::Graph graph = nn::unet(small::every_path());
  const auto gradients = [&](std::size_t threads) {
    Loss loss(graph, threads);
    std::vector<double> all(graph.parameters().size(), 0.0), dx(loss.x.size());
    loss();
    loss.network.backward(loss.parameters, loss.v, all, dx);
    all.insert(all.end(), dx.begin(), dx.end());
    return all;
  };
  const auto one = gradients(1);
  for (const std::size_t threads : {2u, 3u, 8u}) CHECK(gradients(threads) == one);
}

TEST_CASE("the gradient of a batch is the sum over its samples, each with its own dropout masks") {
  const nn::Graph graph = nn::unet(small::every_path());
  Loss loss(graph);
  const std::size_t dim = loss.x.size() / 2;
  std::vector<double> together(graph.parameters().size(), 0.0), apart(together.size(), 0.0);
  loss();
  loss.network.backward(loss.parameters, loss.v, together);
  for (std::uint32_t k = 0; k < 2; ++k) {
    NoiseDraw draw = loss.draw;
    draw.first_sample = k;
    loss.network.forward(loss.parameters, std::span(loss.x).subspan(k * dim, dim),
                         std::span(loss.labels).subspan(k, 1), std::span(loss.y).first(dim), draw);
    loss.network.backward(loss.parameters, std::span(loss.v).subspan(k * dim, dim), apart);
  }
  double largest = 0, error = 0;
  for (std::size_t i = 0; i < apart.size(); ++i) {
    largest = std::max(largest, std::abs(together[i]));
    error = std::max(error, std::abs(together[i] - apart[i]));
  }
  CHECK(error < 1e-13 * largest);
}

TEST_CASE("every kind of configuration has correct gradients along a random direction") {
  auto config = small::every_path();
  SECTION("without skip rescaling") { config.skip_rescale = false; }
  SECTION("without a time label") { config.conditional = false; }
  SECTION("centered data, no dropout") {
    config.centered = true;
    config.dropout = 0;
  }
  SECTION("attention at all levels, more blocks") {
    config.attn_resolutions = {8, 4};
    config.num_res_blocks = 2;
  }
  SECTION("one level") { config.ch_mult = {2}; }
  const nn::Graph graph = nn::unet(config);
  Loss loss(graph);
  std::vector<double> gradient(graph.parameters().size(), 0.0);
  loss();
  loss.network.backward(loss.parameters, loss.v, gradient);
  const auto start = loss.parameters;
  const auto direction = small::normals<double>(gradient.size(), 21);
  double slope = 0;
  for (std::size_t i = 0; i < gradient.size(); ++i) slope += gradient[i] * direction[i];
  const auto value = [&](double offset) {
    for (std::size_t i = 0; i < start.size(); ++i)
      loss.parameters[i] = start[i] + offset * direction[i];
    return loss();
  };
  const double h = 1e-4;  // all parameters move at once, so the fifth derivative is larger
  const double found = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h);
  CHECK(found == Approx(slope).epsilon(1e-6));
}
