// SPDX-License-Identifier: MIT
#include <cmath>
#include <vector>

#include <scoresde/nn/graph/parameters.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using nn::ParameterTable;

TEST_CASE("parameter tensors start at multiples of 64 bytes of one flat buffer, in order") {
  ParameterTable table;
  CHECK(table.add("a.weight", {3, 2, 5, 5}, nn::variance_scaling(1, 50, 75)) == 0);
  CHECK(table.add("a.bias", {3}, nn::constant(0)) == 1);
  CHECK(table.find("a.bias").offset == 160);
  CHECK(table.size() == 176);
  CHECK(table.count() == 153);
  CHECK(table.trainable_size() == 153);
  table.add("b.W", {2}, nn::normal(1), false);
  CHECK(table.find("b.W").offset == 176);
  CHECK(table.count() == 155);
  CHECK(table.trainable_size() == 153);
  for (const nn::Parameter& p : table.entries()) {
    CHECK(p.offset * sizeof(float) % 64 == 0);
    CHECK(p.offset * sizeof(double) % 64 == 0);
  }
  CHECK(table.find("a.bias").size == 3);
  CHECK(table.index("a.bias") == 1);
  CHECK_FALSE(table.contains("a"));
  CHECK_THROWS_WITH(table.find("b"), Catch::Matchers::Contains("'b'"));
  CHECK_THROWS_WITH(table.add("a.bias", {1}, {}), Catch::Matchers::Contains("already exists"));
}

TEST_CASE("variance scaling gives a uniform distribution of variance scale / mean fan") {
  // scale 0.1, fans 30 and 50: variance 0.1/40, bound √(3·variance).
  CHECK(nn::variance_scaling(0.1, 30, 50).bound == Approx(std::sqrt(3 * 0.1 / 40)).epsilon(1e-15));
  CHECK(nn::variance_scaling(0, 30, 50).bound == nn::variance_scaling(1e-10, 30, 50).bound);

  ParameterTable table;
  table.add("w", {400, 600}, nn::variance_scaling(2, 400, 600));
  std::vector<double> w(table.size());
  nn::initialize<double>(table, w, 17);
  double sum = 0, square = 0, largest = 0;
  for (const double v : w) {
    sum += v;
    square += v * v;
    largest = std::max(largest, std::abs(v));
  }
  const double n = double(w.size()), variance = 2.0 / 500;
  // Four standard errors: √(variance/n) for the mean, variance·√(0.8/n) for the mean square.
  CHECK(std::abs(sum / n) < 4 * std::sqrt(variance / n));
  CHECK(std::abs(square / n - variance) < 4 * variance * std::sqrt(0.8 / n));
  CHECK(largest <= std::sqrt(3 * variance));
}

TEST_CASE("initial values depend on seed, tensor and element only") {
  ParameterTable table;
  table.add("gain", {3}, nn::constant(1));
  table.add("w", {7}, nn::variance_scaling(1, 7, 7));
  table.add("v", {7}, nn::variance_scaling(1, 7, 7));
  const std::size_t w = table.find("w").offset, v = table.find("v").offset;
  std::vector<double> first(table.size(), -1), again(first), other(first);
  std::vector<float> single(table.size(), -1);
  nn::initialize<double>(table, first, 5);
  nn::initialize<double>(table, again, 5);
  nn::initialize<double>(table, other, 6);
  nn::initialize<float>(table, single, 5);
  CHECK(first == again);
  CHECK(first[0] == 1);
  CHECK(other[2] == 1);
  CHECK(first[w] != other[w]);
  CHECK(first[w] != first[v]);
  CHECK(first[w - 1] == 0);  // between the tensors
  for (std::size_t i = 0; i < first.size(); ++i) CHECK(single[i] == float(first[i]));
  // The rule: bound·(2u − 1) with u the uniform number of draw 1, element 2.
  const double u = uniform(Noise{.seed = 5, .purpose = Purpose::initialization}.draw(1), 0, 2);
  CHECK(first[w + 2] == std::sqrt(3.0 / 7) * (2 * u - 1));
}

TEST_CASE("initialize rejects a buffer of another size") {
  ParameterTable table;
  table.add("w", {7}, nn::constant(0));
  std::vector<double> w(8);
  CHECK_THROWS_WITH(nn::initialize<double>(table, w, 1),
                    Catch::Matchers::Contains("8 scalars") && Catch::Matchers::Contains("16"));
}
