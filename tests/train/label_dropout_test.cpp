// SPDX-License-Identifier: MIT
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/loss/training_draws.hpp>
#include <scoresde/model/class_conditional.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/networks/mlp.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/train/label_dropout.hpp>
#include <scoresde/train/trainer.hpp>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"

using namespace scoresde;
using test::TinyTrainer;

namespace {

using Classes = std::vector<std::uint32_t>;

Classes conditioning(const Classes& classes, double rate, const TrainingDraws& draws) {
  Classes result(classes.size());
  drop_labels(classes, 3, rate, draws, result);
  return result;
}

/// The class of sample k of tiny_images: its square is in one of three columns.
Classes classes_of(std::size_t samples) {
  Classes classes(samples);
  for (std::size_t k = 0; k < samples; ++k) classes[k] = static_cast<std::uint32_t>(k % 3);
  return classes;
}

nn::Graph conditional_mlp() {
  return nn::mlp({.dim = 64, .width = 48, .depth = 1, .num_class_embeds = 3});
}

template <class T>
TinyTrainer<T> conditional_trainer(double label_dropout, std::size_t network_batch = 12) {
  TrainingConfiguration configuration = test::tiny_training();
  configuration.label_dropout = label_dropout;
  return {conditional_mlp(), VpSde{}, configuration, network_batch};
}

template <class T>
StepReport step(TinyTrainer<T>& trainer, const Classes& classes, std::uint64_t n = 0) {
  const auto images = test::tiny_images<T>(12, n);
  trainer.step(images, classes);
  return trainer.report();
}

}  // namespace

TEST_CASE("labels are dropped independently at the given rate, and the others kept") {
  const Classes classes = classes_of(10000);
  const TrainingDraws draws{.seed = 3, .step = 5};
  const Classes seen = conditioning(classes, 0.1, draws), more = conditioning(classes, 0.3, draws);
  std::size_t dropped = 0;
  for (std::size_t k = 0; k < classes.size(); ++k) {
    const bool out = seen[k] == nn::no_class;
    dropped += out;
    if (!out) REQUIRE(seen[k] == classes[k]);
    if (out) REQUIRE(more[k] == nn::no_class);
  }
  // binomial, standard deviation 30; tolerance of five
  CHECK(std::abs(double(dropped) - 1000) < 150);
  CHECK(conditioning(classes, 0, draws) == classes);
  CHECK(conditioning(classes, 1, draws) == Classes(10000, nn::no_class));
  CHECK(seen != conditioning(classes, 0.1, TrainingDraws{.seed = 3, .step = 6}));
  CHECK(seen != conditioning(classes, 0.1, TrainingDraws{.seed = 4, .step = 5}));
}

TEST_CASE("a part of a batch drops the same labels as the whole batch") {
  const Classes classes = classes_of(50);
  const TrainingDraws whole{.seed = 3, .step = 5}, part{.seed = 3, .step = 5, .first_sample = 20};
  const Classes seen = conditioning(classes, 0.5, whole);
  const Classes rest(classes.begin() + 20, classes.end());
  CHECK(conditioning(rest, 0.5, part) == Classes(seen.begin() + 20, seen.end()));
}

TEST_CASE("label dropout is independent of the sampled time") {
  const TrainingDraws draws{.seed = 3};
  double product = 0, square = 0;
  for (std::size_t k = 0; k < 10000; ++k) {
    const double a = uniform(draws.label_dropout(), k, 0) - 0.5;
    const double b = uniform(draws.time(), k, 0) - 0.5;
    product += a * b;
    square += a * a;
  }
  // the correlation of 10,000 independent pairs has a standard deviation of 0.01
  CHECK(std::abs(product / square) < 0.05);
}

TEST_CASE(
    "one network learns every class's score and, from dropped labels, the unconditional score",
    "[slow]") {
  // Three classes in the plane, equally likely, each N(mean, 0.1 I).
  const std::vector<double> means{-2, 0, 2, 0, 0, 3};
  const VpSde sde;
  TrainingConfiguration configuration{.seed = 3, .label_dropout = 0.3};
  configuration.optimizer = {.learning_rate = 3e-3, .warm_up = 50};
  const nn::Graph graph = nn::mlp({.dim = 2, .width = 48, .depth = 2, .num_class_embeds = 3});
  TinyTrainer<float> trainer(graph, sde, configuration, 150);
  HostState<float> x({150, 2}), noisy({150, 2}), learned({150, 2}), exact({150, 2});
  Classes classes = classes_of(150);
  for (std::uint64_t n = 0; n < 1000; ++n) {
    fill_normal_flat(std::span<float>(x.data(), x.size()), Noise{.seed = 9}.draw(n), 2, 0);
    for (std::size_t k = 0; k < 150; ++k)
      for (std::size_t e = 0; e < 2; ++e)
        x(k, e) = float(means[2 * classes[k] + e] + std::sqrt(0.1) * x(k, e));
    trainer.step(x, classes);
  }
  nn::Network<eigen::Ops<float>> network(graph, 150, nn::Mode::inference);
  nn::ScoreNetwork score(network, trainer.state().average, sde);
  // Root mean square of σ·(score − exact score of these components) at a noise level where the
  // class is not recognizable.
  const auto off = [&](const Classes& seen, std::vector<double> weights) {
    const double t = 0.4;
    const auto [alpha, sigma] = sde.marginal_prob(t);
    backend(x).assign(noisy, std::array{Term<HostState<float>>{alpha, &x}},
                      {sigma, Noise{.seed = 4}.draw(1)});
    nn::ClassConditional(score, seen).evaluate(noisy, t, learned);
    GaussianMixture(sde, weights, means, {0.1, 0.1, 0.1}).evaluate(noisy, t, exact);
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
      sum += std::pow(-learned.data()[i] - sigma * exact.data()[i], 2) / double(x.size());
    return std::sqrt(sum);
  };
  CHECK(off(Classes(150, 0), {1, 0, 0}) < 0.15);
  CHECK(off(Classes(150, 1), {0, 1, 0}) < 0.15);
  CHECK(off(Classes(150, 2), {0, 0, 1}) < 0.15);
  CHECK(off(Classes(150, nn::no_class), {1, 1, 1}) < 0.15);
  CHECK(off(Classes(150, 0), {1, 1, 1}) > 0.4);
}

TEST_CASE("dropping every label is bit-identical to training without classes") {
  auto dropped = conditional_trainer<float>(1), without = conditional_trainer<float>(0);
  for (std::uint64_t n = 0; n < 3; ++n) {
    step(dropped, classes_of(12), n);
    step(without, Classes(12, nn::no_class), n);
  }
  CHECK(dropped.state() == without.state());
  auto sometimes = conditional_trainer<float>(0.5), again = conditional_trainer<float>(0.5);
  for (std::uint64_t n = 0; n < 3; ++n)
    for (auto* trainer : {&sometimes, &again}) step(*trainer, classes_of(12), n);
  CHECK(sometimes.state() == again.state());
  CHECK_FALSE(sometimes.state() == dropped.state());
}

TEST_CASE("a resumed run drops the same labels as an uninterrupted one") {
  auto whole = conditional_trainer<float>(0.5), resumed = conditional_trainer<float>(0.5);
  for (std::uint64_t n = 0; n < 2; ++n) step(whole, classes_of(12), n);
  resumed.restore(whole.state());
  for (auto* trainer : {&whole, &resumed}) step(*trainer, classes_of(12), 2);
  CHECK(whole.state() == resumed.state());
}

TEST_CASE("a split batch is conditioned on the same classes") {
  auto whole = conditional_trainer<double>(0.5, 12), parts = conditional_trainer<double>(0.5, 4);
  for (std::uint64_t n = 0; n < 3; ++n) {
    const StepReport a = step(whole, classes_of(12), n), b = step(parts, classes_of(12), n);
    CHECK(b.loss == Approx(a.loss).epsilon(1e-11));
    CHECK(b.gradient_norm == Approx(a.gradient_norm).epsilon(1e-11));
  }
}

TEST_CASE("a trainer rejects invalid classes, and label dropout without classes") {
  auto trainer = conditional_trainer<float>(0.1);
  CHECK_THROWS_WITH(step(trainer, {}), Catch::Contains("0 classes for 12 images"));
  CHECK_THROWS_WITH(step(trainer, Classes(11)), Catch::Contains("11 classes for 12 images"));
  Classes foreign = classes_of(12);
  foreign[7] = 3;
  CHECK_THROWS_WITH(step(trainer, foreign), Catch::Contains("a class is 3"));
  CHECK(trainer.step_count() == 0);
  CHECK_THROWS_WITH(conditional_trainer<float>(1.5), Catch::Contains("label_dropout is 1.5"));
  CHECK_THROWS_WITH(conditional_trainer<float>(-0.1), Catch::Contains("label_dropout is -0.1"));

  auto unconditional = test::tiny_trainer<float>(12);
  CHECK_THROWS_WITH(step(unconditional, classes_of(12)), Catch::Contains("a network of 0 classes"));
  TrainingConfiguration configuration = test::tiny_training();
  configuration.label_dropout = 0.1;
  CHECK_THROWS_WITH(test::tiny_trainer<float>(4, configuration),
                    Catch::Contains("label_dropout is 0.1") && Catch::Contains("unconditional"));
}
