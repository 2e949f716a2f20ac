// SPDX-License-Identifier: MIT
/// Inception score, kernel distance, precision and recall, class accuracy: closed forms, error bars
/// and rejected input.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <scoresde/evaluate/class_accuracy.hpp>
#include <scoresde/evaluate/inception_score.hpp>
#include <scoresde/evaluate/kernel_distance.hpp>
#include <scoresde/evaluate/numpy_random.hpp>
#include <scoresde/evaluate/precision_recall.hpp>
#include <scoresde/evaluate/standard_error.hpp>

#include "evaluate/made_up_features.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

/// 100 rows of logits that are sure of class i mod 5.
made_up::Set sure_logits() {
  made_up::Set logits{std::vector<double>(500), 5, "logits"};
  for (std::size_t i = 0; i < 100; ++i) logits.values[i * 5 + i % 5] = 1e4;
  return logits;
}

}  // namespace

TEST_CASE("the Inception score of sure and balanced predictions is the number of classes") {
  const auto logits = sure_logits();
  for (const auto convention :
       {InceptionScoreConvention::openai, InceptionScoreConvention::dgm_eval,
        InceptionScoreConvention::score_sde})
    CHECK(inception_score(logits.view(), inception_score_options(convention)).mean ==
          Approx(5).epsilon(1e-14));
  CHECK(inception_score(logits.view()).mean < 5);  // shuffled splits are not balanced
}

TEST_CASE("a bias is added to the logits by the convention that has one") {
  const auto logits = made_up::normals(50, 4, 1);
  auto with_bias = logits;
  const std::vector<double> bias{1, -2, 0.5, 3};
  for (std::size_t i = 0; i < with_bias.values.size(); ++i) with_bias.values[i] += bias[i % 4];
  const InceptionScoreOptions with{.bias = LogitBias::with};
  CHECK(inception_score(logits.view(), with, bias).mean ==
        Approx(inception_score(with_bias.view()).mean).epsilon(1e-13));
  CHECK_THROWS_WITH(inception_score(logits.view(), with), Contains("the bias has 0 values"));
  CHECK_THROWS_WITH(inception_score(logits.view(), {}, bias), Contains("requires 0"));
}

TEST_CASE("the standard error of an Inception score is its spread over independent sets") {
  for (const std::size_t splits : std::vector<std::size_t>{1, 10}) {
    std::vector<double> scores;
    double error = 0;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      const auto logits = made_up::normals(400, 6, 50 + seed, 0, 2);
      const auto found = inception_score(logits.view(), {.splits = splits});
      scores.push_back(found.mean);
      error += found.standard_error / 40;
    }
    CAPTURE(splits);
    CHECK(error == Approx(standard_deviation_of(scores, 1)).epsilon(0.4));
  }
}

TEST_CASE("the Inception score rejects its input before the work") {
  auto logits = made_up::normals(9, 4, 1);
  CHECK_THROWS_WITH(inception_score(logits.view()), Contains("9 images; at least 10"));
  CHECK_THROWS_WITH(inception_score(logits.view(), {.splits = 0}), Contains("splits is 0"));
  CHECK_THROWS_WITH(inception_score(Features<double>{logits.values, 1}), Contains("1 class"));
  logits.values[5] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(inception_score(logits.view(), {.splits = 2}),
                    Contains("feature 1 of image 1 in the logits is nan"));
}

TEST_CASE("the kernel distance of equal distributions is zero within its standard error") {
  std::vector<double> values;
  double error = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const auto x = made_up::normals(60, 5, 2 * seed, 0.5);
    const auto y = made_up::normals(70, 5, 2 * seed + 1, 0.9);
    const auto found = kernel_distance(x.view(), y.view());
    values.push_back(found.value);
    error += found.standard_error / 30;
  }
  CHECK(error == Approx(standard_deviation_of(values, 1)).epsilon(0.4));
  const auto x = made_up::normals(200, 5, 91), y = made_up::normals(250, 5, 92);
  const auto same = kernel_distance(x.view(), y.view());
  CHECK(std::abs(same.value) < 4 * same.standard_error);
  const auto blocks = kernel_distance_of_blocks(x.view(), y.view(), 50);
  CHECK(blocks.values.size() == 5);
  CHECK(std::abs(blocks.value) < 4 * blocks.standard_error);
}

TEST_CASE("the unbiased kernel distance is its definition in nested loops") {
  const auto x = made_up::normals(40, 3, 1), y = made_up::normals(31, 3, 2, 0.4);
  const auto k = [](std::span<const double> a, std::span<const double> b) {
    return std::pow(0.5 * (a[0] * b[0] + a[1] * b[1] + a[2] * b[2]) + 2, 4);
  };
  double xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i < 40; ++i)
    for (std::size_t j = 0; j < 40; ++j) {
      if (i != j) xx += k(x.view().row(i), x.view().row(j)) / (40 * 39);
      if (i != j && i < 31 && j < 31) yy += k(y.view().row(i), y.view().row(j)) / (31 * 30);
      if (j < 31) xy += k(x.view().row(i), y.view().row(j)) / (40 * 31);
    }
  const PolynomialKernel kernel{.degree = 4, .gamma = 0.5, .offset = 2};
  CHECK(kernel_distance(x.view(), y.view(), kernel).value ==
        Approx(xx + yy - 2 * xy).epsilon(1e-11));
}

TEST_CASE("the kernel distance rejects its input before the work") {
  const auto x = made_up::normals(9, 4, 1), y = made_up::normals(9, 3, 1);
  CHECK_THROWS_WITH(kernel_distance(x.view(), y.view()), Contains("dimension 3"));
  CHECK_THROWS_WITH(kernel_distance_of_subsets(x.view(), x.view()),
                    Contains("9 images; at least 1000"));
  CHECK_THROWS_WITH(kernel_distance_of_subsets(x.view(), x.view(), {.subsets = 0}),
                    Contains("0 subsets"));
  CHECK_THROWS_WITH(kernel_distance_of_blocks(x.view(), x.view(), 1), Contains("blocks of 1"));
  CHECK_THROWS_WITH(kernel_distance(x.view(), x.view(), {.degree = 0}), Contains("degree is 0"));
  CHECK_THROWS_WITH(kernel_distance(x.view(), x.view(), {.gamma = -1}), Contains("gamma is -1"));
}

TEST_CASE("samples equal to the real images have precision, recall and coverage 1") {
  const auto x = made_up::normals(700, 20, 1, 100);
  const auto same = precision_recall(x.view(), x.view());
  CHECK(same.precision.value == 1);
  CHECK(same.recall.value == 1);
  CHECK(same.coverage.value == 1);
  // Each sample is in its own ball and in those of which it is a neighbor: k + 1 on average.
  CHECK(same.density.value == Approx(4.0 / 3).epsilon(1e-12));
  const auto open = precision_recall(x.view(), x.view(), {3, BallBoundary::open});
  CHECK(open.density.value == Approx(1).epsilon(1e-12));
}

TEST_CASE("missing modes lower recall and new ones precision") {
  auto real = made_up::normals(300, 3, 1), generated = made_up::normals(300, 3, 2);
  for (std::size_t i = 0; i < 300; i += 2) real.values[i * 3] += 50;
  for (std::size_t i = 0; i < 300; i += 3) generated.values[i * 3] -= 50;
  const auto found = precision_recall(real.view(), generated.view());
  CHECK(found.precision.value == Approx(2.0 / 3).margin(0.1));
  CHECK(found.recall.value == Approx(0.5).margin(0.1));
  CHECK(found.precision.standard_error == Approx(std::sqrt(2.0 / 9 / 300)).epsilon(0.1));
  CHECK(found.coverage.value <= 0.5);
}

TEST_CASE("precision and recall reject their input before the work") {
  const auto x = made_up::normals(3, 4, 1), y = made_up::normals(9, 4, 1);
  CHECK_THROWS_WITH(precision_recall(x.view(), y.view()), Contains("3 images; at least 4"));
  CHECK_THROWS_WITH(precision_recall(y.view(), y.view(), {.neighbors = 0}),
                    Contains("neighbors is 0"));
}

TEST_CASE("class accuracy counts samples by class and predicted class") {
  const auto logits = sure_logits();
  std::vector<std::uint8_t> labels;
  for (std::size_t i = 0; i < 100; ++i) labels.push_back(static_cast<std::uint8_t>(i % 5));
  labels[0] = 3;  // is predicted as 0
  labels[8] = 1;  // is predicted as 3
  const auto found = class_accuracy(logits.view(), std::span<const std::uint8_t>(labels));
  CHECK(found.value == Approx(0.98).epsilon(1e-15));
  CHECK(found.standard_error == Approx(0.014).epsilon(1e-12));
  CHECK(found.confusion[3 * 5 + 0] == 1);
  CHECK(found.confusion[1 * 5 + 3] == 1);
  CHECK(found.count(3) == 20);
  CHECK(found.of_class(3) == Approx(0.95).epsilon(1e-15));
  labels[7] = 5;
  CHECK_THROWS_WITH(class_accuracy(logits.view(), std::span<const std::uint8_t>(labels)),
                    Contains("sample 7 is 5") && Contains("5"));
  labels.pop_back();
  CHECK_THROWS_WITH(class_accuracy(logits.view(), std::span<const std::uint8_t>(labels)),
                    Contains("99 labels for 100 samples"));
}

TEST_CASE("a choice is a permutation's beginning, without repetitions") {
  NumpyRandom random(3), again(3);
  auto all = random.permutation(100);
  const auto some = again.choice(100, 10);
  CHECK(some == std::vector<std::size_t>(all.begin(), all.begin() + 10));
  std::sort(all.begin(), all.end());
  CHECK(all.front() == 0);
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
  CHECK(random.permutation(0).empty());
  CHECK(random.permutation(1) == std::vector<std::size_t>{0});
  CHECK_THROWS_WITH(random.choice(3, 4), Contains("4 of 3"));
}

TEST_CASE("the jackknife's error of a mean is the standard error of a mean") {
  const std::vector<double> values{1, 4, 2, 8, 5, 7};
  std::vector<double> without;
  for (const double value : values) without.push_back((27 - value) / 5);
  CHECK(jackknife_error(without) == Approx(standard_error_of_mean(values)).epsilon(1e-14));
  CHECK(std::isnan(standard_error_of_mean(std::vector<double>{1})));
  CHECK_THROWS_WITH(jackknife_error(std::vector<double>{1}), Contains("1 estimates"));
}
