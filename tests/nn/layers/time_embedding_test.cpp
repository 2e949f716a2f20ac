// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdint>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/layers/time_embedding.hpp>
#include <scoresde/nn/runtime/network.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;

TEST_CASE("the time embedding matches its formula for every label and class") {
  // A graph must read its image; here it is multiplied by zero so that only the embedding remains.
  constexpr std::size_t c = 4, wide = 16;
  nn::Graph graph(wide, 1, 1);
  const nn::Tensor e =
      nn::time_embedding(graph, graph.positional_embedding(c), 4 * c, "first", "second",
                         nn::Activation::swish, graph.class_embedding("classes", 3, wide));
  const nn::Tensor nothing = graph.affine(graph.input(), 0, 0);
  graph.scaled_sum(e, nothing, 1);
  const auto p = small::parameters<double>(graph, 2);
  const std::vector<double> labels{0.7, 999}, x(2 * wide, 1.0);
  const std::vector<std::uint32_t> classes{nn::no_class, 2};
  std::vector<double> y(2 * wide);
  nn::Network<eigen::Ops<double>>(graph, 2, nn::Mode::inference)
      .forward(p, x, labels, y, {}, classes);

  const auto silu = [](double v) { return v / (1 + std::exp(-v)); };
  const auto at = [&](const char* name) { return p.data() + graph.parameters().find(name).offset; };
  for (std::size_t n = 0; n < 2; ++n) {
    // Two frequencies: 1 and 1/10000.
    const double waves[c] = {std::sin(labels[n]), std::sin(labels[n] * 1e-4), std::cos(labels[n]),
                             std::cos(labels[n] * 1e-4)};
    double hidden[wide];
    for (std::size_t i = 0; i < wide; ++i) {
      hidden[i] = at("first.bias")[i];
      for (std::size_t j = 0; j < c; ++j) hidden[i] += at("first.weight")[i * c + j] * waves[j];
      hidden[i] = silu(hidden[i]);
    }
    for (std::size_t i = 0; i < wide; ++i) {
      double out = at("second.bias")[i] + (n == 1 ? at("classes.weight")[2 * wide + i] : 0);
      for (std::size_t j = 0; j < wide; ++j) out += at("second.weight")[i * wide + j] * hidden[j];
      CHECK(y[n * wide + i] == Approx(silu(out)).epsilon(1e-12).margin(1e-13));
    }
  }
}
