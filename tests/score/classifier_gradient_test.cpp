// SPDX-License-Identifier: MIT
/// ClassifierGradient: the exact classifier, guided runs, and what is rejected.
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include <scoresde/sampler/adaptive_sde.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/score/classifier_gradient.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/guidance.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "support/catch.hpp"
#include "support/linear_classifier.hpp"

using namespace scoresde;
using Batch = HostState<double>;

namespace classifier_gradient_test {

const VpSde sde;
const std::vector<double> weights{0.2, 0.5, 0.3}, means{-1, 0.2, 1.3, -0.4, 0.4, 1};

LinearClassifier<VpSde> classifier() { return {sde, weights, means, {0.3, 0.3}}; }
GaussianMixture<VpSde> mixture() { return {sde, weights, means, {0.3, 0.3, 0.3}}; }
Gaussian<VpSde> of_class(std::size_t c) {
  return {sde, {means[2 * c], means[2 * c + 1]}, {0.3, 0.3}};
}
Batch points() { return {{2, 2}, {0.3, -0.2, 1.1, 0.7}}; }

static_assert(PerSampleClassifier<LinearClassifier<VpSde>, Batch>);
static_assert(!Classifier<VpSde, Batch>);
static_assert(PerSampleScoreModel<ClassifierGradient<LinearClassifier<VpSde>>, Batch>);

}  // namespace classifier_gradient_test

TEST_CASE("the exact classifier's gradient is the score of a class minus that of all") {
  using namespace classifier_gradient_test;
  auto exact = classifier();
  auto all = mixture();
  ClassifierGradient gradient(exact, {2, 0});
  Batch found({2, 2}), own = found, other = found, each = found;
  for (const double t : {0.01, 0.3, 1.0}) {
    gradient.evaluate(points(), t, found);
    gradient.evaluate(points(), std::span<const double>(std::vector<double>{t, 0.5}), each);
    all.evaluate(points(), t, other);
    for (std::size_t k = 0; k < 2; ++k) {
      auto data = of_class(k == 0 ? 2 : 0);
      data.evaluate(points(), t, own);
      for (std::size_t e = 0; e < 2; ++e)
        CHECK(found(k, e) == Approx(own(k, e) - other(k, e)).epsilon(1e-10).margin(1e-12));
    }
    CHECK(each(0, 0) == found(0, 0));
    CHECK(each(1, 0) != found(1, 0));
  }
}

TEST_CASE("guidance by a classifier with scale 1 samples the class, with adaptive steps too") {
  using namespace classifier_gradient_test;
  auto exact = classifier();
  auto all = mixture();
  auto data = of_class(1);
  ClassifierGradient gradient(exact, {1, 1});
  auto guided = classifier_guidance(all, gradient, 1);
  Batch x({2, 2}), wanted = x;
  const ProbabilityFlow flow{sde, Heun{}, uniform_grid(sde, 20)};
  flow.sample(guided, x, Noise{.seed = 3});
  flow.sample(data, wanted, Noise{.seed = 3});
  for (std::size_t i = 0; i < 4; ++i) CHECK(x.data()[i] == Approx(wanted.data()[i]).epsilon(1e-9));
  AdaptiveSde{sde}.sample(guided, x, Noise{.seed = 3});
  for (std::size_t k = 0; k < 2; ++k)
    CHECK(std::hypot(x(k, 0) - means[2], x(k, 1) - means[3]) < 4 * std::sqrt(0.3));
}

TEST_CASE("the gradient of a classifier is finite for large logits") {
  using namespace classifier_gradient_test;
  auto exact = classifier();
  ClassifierGradient gradient(exact, {0});
  Batch x({1, 2}, {1e6, -1e6}), found({1, 2});
  gradient.evaluate(x, 0.01, found);
  CHECK(std::isfinite(found(0, 0)));
  CHECK(found(0, 0) < 0);  // towards class 0
}

TEST_CASE(
    "a classifier's gradient rejects labels out of range, other batches and logits that are"
    " not finite") {
  using namespace classifier_gradient_test;
  using Catch::Matchers::Contains;
  auto exact = classifier();
  CHECK_THROWS_WITH(ClassifierGradient(exact, {0, 3}),
                    Contains("the label of sample 1 is 3; it must be below 3"));
  ClassifierGradient gradient(exact, {0});
  Batch x({2, 2}), one({1, 2}, {std::numeric_limits<double>::quiet_NaN(), 0}), out = one;
  CHECK_THROWS_WITH(gradient.evaluate(x, 0.5, x), Contains("2 samples; there are 1 labels"));
  CHECK_THROWS_WITH(gradient.evaluate(one, 0.5, out),
                    Contains("a logit of sample 0 is not finite"));
}
