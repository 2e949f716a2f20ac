// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/networks/classifier.hpp>
#include <scoresde/nn/networks/classifier_config.hpp>
#include <scoresde/nn/runtime/network.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

using Ops = eigen::Ops<double>;

nn::ClassifierConfig small_classifier(nn::Pooling pooling) {
  nn::ClassifierConfig config{small::every_path(), {.classes = 3, .pooling = pooling}};
  config.encoder.attention_head_dim = 4;
  return config;
}

/// A classifier of two images of every_path, in differentiation mode.
struct Fixture {
  nn::Graph graph;
  std::vector<double> parameters;
  nn::Network<Ops> network;
  std::vector<double> x = small::normals<double>(2 * 2 * 64, 5), labels{0.4, 20};

  explicit Fixture(nn::Pooling pooling)
      : graph(nn::classifier(small_classifier(pooling))),
        parameters(small::parameters<double>(graph, 3)),
        network(graph, 2, nn::Mode::differentiation) {}

  std::vector<double> logits() {
    std::vector<double> result(6);
    network.forward(parameters, x, labels, result);
    return result;
  }
  /// ⟨v, logits⟩.
  double along(const std::vector<double>& v) {
    const auto found = logits();
    double sum = 0;
    for (std::size_t i = 0; i < v.size(); ++i) sum += v[i] * found[i];
    return sum;
  }
  std::span<double> parameter(const char* name) {
    for (const auto& p : graph.parameters().entries())
      if (p.name == name) return std::span(parameters).subspan(p.offset, p.size);
    throw Error(text("no parameter is named ", name));
  }
};

}  // namespace

TEST_CASE("the gradients of a classifier match finite differences", "[slow]") {
  for (const nn::Pooling pooling : {nn::Pooling::mean, nn::Pooling::attention}) {
    Fixture f(pooling);
    const auto v = small::normals<double>(6, 8);
    std::vector<double> gradient(f.parameters.size()), dx(f.x.size());
    f.logits();
    f.network.backward(f.parameters, v, gradient, dx);
    constexpr double h = 1e-5;
    const auto check = [&](double& value, double found) {
      const double kept = value;
      value = kept + h;
      const double above = f.along(v);
      value = kept - h;
      const double slope = (above - f.along(v)) / (2 * h);
      value = kept;
      CHECK(found == Approx(slope).epsilon(1e-6).margin(1e-7));
    };
    for (std::size_t i = 0; i < f.x.size(); i += 17) check(f.x[i], dx[i]);
    for (const auto& p : f.graph.parameters().entries())
      for (std::size_t i = 0; i < p.size; i += 1 + p.size / 2)
        check(f.parameters[p.offset + i], gradient[p.offset + i]);
  }
}

TEST_CASE("attention pooling weights pixels by the query of their mean") {
  Fixture f(nn::Pooling::attention);
  const auto before = f.logits();
  // A constant added to every key changes no weight.
  for (double& value : f.parameter("pool.key.bias")) value += 0.7;
  const auto shifted = f.logits();
  for (std::size_t i = 0; i < 6; ++i) CHECK(shifted[i] == Approx(before[i]).epsilon(1e-10));
  // Other queries select other pixels, unless all keys are equal.
  for (double& value : f.parameter("pool.query.bias")) value += 1;
  const auto queried = f.logits();
  CHECK(std::abs(queried[0] - before[0]) > 1e-6);
  for (double& value : f.parameter("pool.key.weight")) value = 0;
  const auto uniform = f.logits();
  for (double& value : f.parameter("pool.query.bias")) value -= 3;
  const auto same = f.logits();
  for (std::size_t i = 0; i < 6; ++i) CHECK(same[i] == Approx(uniform[i]).epsilon(1e-10));
}

TEST_CASE("a classifier maps an image to one logit per class") {
  const auto graph = nn::classifier(small_classifier(nn::Pooling::mean));
  CHECK(graph.shape(graph.output()) == nn::Shape{1, 3, 1, 1});
}

TEST_CASE("classifier rejects heads and encoders that do not fit") {
  nn::ClassifierConfig config = small_classifier(nn::Pooling::attention);
  config.head.classes = 1;
  CHECK_THROWS_WITH(nn::classifier(config), Contains("classes is 1"));
  config = small_classifier(nn::Pooling::attention);
  config.encoder.num_class_embeds = 3;
  CHECK_THROWS_WITH(nn::classifier(config), Contains("num_class_embeds is 3"));
  config = small_classifier(nn::Pooling::attention);
  config.encoder.image_width = 16;
  CHECK_THROWS_WITH(nn::classifier(config), Contains("4 x 8 pixels"));
  config.head.pooling = nn::Pooling::mean;
  CHECK_NOTHROW(nn::classifier(config));
  config.encoder.num_res_blocks = 0;
  CHECK_THROWS_WITH(nn::classifier(config), Contains("num_res_blocks"));
}
