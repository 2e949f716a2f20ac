// SPDX-License-Identifier: MIT
#include <scoresde/nn/networks/inception.hpp>
#include <scoresde/nn/networks/inception_config.hpp>
#include <scoresde/nn/runtime/cost.hpp>
#include <scoresde/nn/runtime/detail/activation_plan.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::nn;
using Catch::Matchers::Contains;

TEST_CASE("Inception has the published parameters and cost") {
  const Graph graph = inception({.outputs = {InceptionOutput::logits}});
  const auto& table = graph.parameters();
  CHECK(table.entries().size() == 2 * 94 + 2);
  // 23,850,960 are published; γ and β of 17,216 channels are one bias here.
  CHECK(table.count() == 23850960 - 17216);
  CHECK(table.find("Conv2d_1a_3x3.weight").shape == std::vector<std::size_t>{32, 3, 3, 3});
  CHECK(table.find("Mixed_6b.branch7x7dbl_5.weight").shape ==
        std::vector<std::size_t>{192, 128, 1, 7});
  CHECK(table.find("Mixed_7c.branch3x3dbl_3b.weight").shape ==
        std::vector<std::size_t>{384, 384, 3, 1});
  CHECK(table.find("fc.weight").shape == std::vector<std::size_t>{1008, 2048});
  CHECK(double(multiply_adds(graph)) == Approx(5.713e9).epsilon(1e-4));
}

TEST_CASE("the layers after the last output of Inception are omitted") {
  using Output = InceptionOutput;
  const auto cost = [](std::vector<Output> outputs) {
    const Graph graph = inception({.outputs = outputs});
    ActivationPlan(graph, 1, Mode::inference);  // throws where a tensor is not read
    return double(multiply_adds(graph)) / 5.713e9;
  };
  CHECK(cost({Output::features_64}) == Approx(0.11).margin(0.005));
  CHECK(cost({Output::features_64, Output::features_192}) == Approx(0.23).margin(0.01));
  CHECK(cost({Output::features_768}) == Approx(0.82).margin(0.01));
  CHECK(cost({Output::features_2048, Output::logits_unbiased}) == Approx(1).margin(0.001));
}

TEST_CASE("Inception returns its outputs one after the other") {
  using Output = InceptionOutput;
  const InceptionConfig all{
      .height = 64,
      .width = 48,
      .outputs = {Output::features_64, Output::features_192, Output::features_768,
                  Output::features_2048, Output::logits_unbiased, Output::logits}};
  CHECK(checked_size(all) == 64 + 192 + 768 + 2048 + 2 * 1008);
  const Graph graph = inception(all);
  CHECK(graph.shape(graph.input()) == Shape{1, 3, 64, 48});
  CHECK(graph.shape(graph.output()) == Shape{1, checked_size(all), 1, 1});
}

TEST_CASE("Inception rejects empty images and outputs in another order") {
  CHECK_THROWS_WITH(inception({.width = 0}), Contains("images of 32 x 0"));
  CHECK_THROWS_WITH(inception({.outputs = {}}), Contains("no outputs"));
  CHECK_THROWS_WITH(inception({.outputs = {InceptionOutput::logits, InceptionOutput::features_64}}),
                    Contains("output 1 does not follow output 0"));
}
