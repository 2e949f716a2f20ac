// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <scoresde/optim/adam.hpp>
#include <scoresde/optim/ema.hpp>
#include <scoresde/optim/optimizer.hpp>
#include <scoresde/optim/schedule.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

/// Gradient i of step n, arbitrary but not constant.
double gradient_value(std::size_t i, int n) {
  return std::sin(1.7 * double(i) + 0.9 * n) * (1 + n);
}

template <class T>
struct Buffers {
  std::vector<T> parameters, first, second, average;
  explicit Buffers(std::size_t size) : first(size), second(size) {
    for (std::size_t i = 0; i < size; ++i) parameters.push_back(T(0.1 * double(i) - 0.2));
    average = parameters;
  }
  ParameterBuffers<T> view() { return {parameters, first, second, average}; }
};

double norm_of(const std::vector<double>& g) {
  double sum = 0;
  for (const double v : g) sum += v * v;
  return std::sqrt(sum);
}

}  // namespace

TEST_CASE("Adam with warm-up, clipping, decay and EMA matches its formulas") {
  const Adam adam{.learning_rate = 0.01,
                  .beta1 = 0.8,
                  .beta2 = 0.95,
                  .epsilon = 1e-6,
                  .weight_decay = 0.03,
                  .warm_up = 4,
                  .gradient_clip = 2.5};
  const std::size_t size = 7;
  Buffers<double> fused(size);
  Buffers<double> plain(size);
  for (int n = 1; n <= 8; ++n) {
    std::vector<double> g(size);
    for (std::size_t i = 0; i < size; ++i) g[i] = gradient_value(i, n);
    const double norm = norm_of(g), decay = 0.9;
    update_parameters(adam, fused.view(), std::span<const double>(g), std::uint64_t(n - 1), norm,
                      decay);
    const double rate = 0.01 * std::min((n - 1) / 4.0, 1.0);
    for (std::size_t i = 0; i < size; ++i) {
      const double clipped = g[i] * (norm > 2.5 ? 2.5 / (norm + 1e-6) : 1.0);
      const double total = clipped + 0.03 * plain.parameters[i];
      plain.first[i] = 0.8 * plain.first[i] + 0.2 * total;
      plain.second[i] = 0.95 * plain.second[i] + 0.05 * total * total;
      const double m = plain.first[i] / (1 - std::pow(0.8, n));
      const double v = plain.second[i] / (1 - std::pow(0.95, n));
      plain.parameters[i] -= rate * m / (std::sqrt(v) + 1e-6);
      plain.average[i] = decay * plain.average[i] + (1 - decay) * plain.parameters[i];
      CHECK(fused.parameters[i] == Approx(plain.parameters[i]).epsilon(1e-12));
      CHECK(fused.first[i] == Approx(plain.first[i]).epsilon(1e-12));
      CHECK(fused.second[i] == Approx(plain.second[i]).epsilon(1e-12));
      CHECK(fused.average[i] == Approx(plain.average[i]).epsilon(1e-12));
    }
  }
}

TEST_CASE("the first update of a warm-up changes the moments but not the parameters") {
  Buffers<float> b(3);
  const std::vector<float> before = b.parameters, g{1, -2, 3};
  const Adam adam{.warm_up = 10};
  update_parameters(adam, b.view(), std::span<const float>(g), 0, 1.0, 0.0);
  CHECK(b.parameters == before);
  CHECK(b.first[1] == Approx(-0.2));
  update_parameters(adam, b.view(), std::span<const float>(g), 1, 1.0, 0.0);
  CHECK(b.parameters != before);
}

TEST_CASE("the learning rate rises linearly and then is constant") {
  const Adam adam{.learning_rate = 2e-4, .warm_up = 5000};
  CHECK(adam.learning_rate_at(0) == 0);
  CHECK(adam.learning_rate_at(2500) == Approx(1e-4));
  CHECK(adam.learning_rate_at(5000) == 2e-4);
  CHECK(adam.learning_rate_at(1000000) == 2e-4);
  CHECK(Adam{.warm_up = 0}.learning_rate_at(0) == 2e-4);
}

TEST_CASE("a decay lowers the learning rate linearly from its first update to 0") {
  const Adam adam{.learning_rate = 0.5, .warm_up = 10, .decay = {.first = 100, .updates = 40}};
  CHECK(adam.learning_rate_at(5) == 0.25);
  CHECK(adam.learning_rate_at(100) == 0.5);
  CHECK(adam.learning_rate_at(110) == Approx(0.5 * 0.75).epsilon(1e-15));
  CHECK(adam.learning_rate_at(139) == Approx(0.5 / 40).epsilon(1e-15));
  CHECK(adam.learning_rate_at(140) == 0);
  CHECK(adam.learning_rate_at(141) == 0);
  CHECK(adam.decay.end() == 140);
}

TEST_CASE("a cosine schedule lowers the learning rate to its floor and keeps it there") {
  constexpr std::uint64_t length = 1000;
  constexpr double pi = 3.14159265358979323846;
  const LearningRateSchedule cosine{RateSchedule::cosine, length},
      raised{RateSchedule::cosine, length, 0.25};
  double before = 2;
  for (std::uint64_t n = 0; n <= length; ++n) {
    const double expected = (1 + std::cos(pi * double(n) / double(length))) / 2;
    CHECK(cosine.factor_at(n) == Approx(expected).margin(3e-16).epsilon(0));
    CHECK(raised.factor_at(n) == Approx(0.25 + 0.75 * expected).margin(3e-16).epsilon(0));
    CHECK(cosine.factor_at(n) < before);
    before = cosine.factor_at(n);
  }
  CHECK(cosine.factor_at(0) == 1);
  CHECK(cosine.factor_at(length / 2) == Approx(0.5).epsilon(1e-15));
  for (const std::uint64_t n : {length, length + 1, 50 * length}) {
    CHECK(cosine.factor_at(n) == 0);
    CHECK(raised.factor_at(n) == 0.25);
  }
}

TEST_CASE("an inverse square root schedule begins at its reference") {
  const LearningRateSchedule schedule{RateSchedule::inverse_sqrt, 400};
  CHECK(schedule.factor_at(0) == 1);
  CHECK(schedule.factor_at(400) == 1);
  CHECK(schedule.factor_at(401) < 1);
  CHECK(schedule.factor_at(1600) == 0.5);
  CHECK(schedule.factor_at(40000) == 0.1);
}

TEST_CASE("warm-up, schedule and decay multiply, and the default schedule changes no bit") {
  const Adam adam{.learning_rate = 0.5,
                  .warm_up = 10,
                  .decay = {.first = 1600, .updates = 40},
                  .schedule = {RateSchedule::inverse_sqrt, 400}};
  CHECK(adam.learning_rate_at(5) == 0.25);
  CHECK(adam.learning_rate_at(100) == 0.5);
  CHECK(adam.learning_rate_at(1600) == 0.25);
  CHECK(adam.learning_rate_at(1620) == Approx(0.5 * std::sqrt(400 / 1620.0) / 2).epsilon(1e-15));
  CHECK(adam.learning_rate_at(1640) == 0);
  const Adam plain{.learning_rate = 0.3, .warm_up = 7, .decay = {.first = 50, .updates = 9}};
  for (std::uint64_t n = 0; n < 60; ++n) {
    const double rate = 0.3 * plain.decay.factor_at(n);
    CHECK(plain.learning_rate_at(n) == (n < 7 ? rate * double(n) / 7 : rate));
  }
}

TEST_CASE("a schedule rejects parameters that it lacks or does not have") {
  const auto rejects = [](const LearningRateSchedule& schedule, const char* words) {
    CHECK_THROWS_WITH(Adam{.schedule = schedule}.validate(), Catch::Contains(words));
  };
  rejects({RateSchedule::constant, 5}, "updates is 5; it must be 0");
  rejects({RateSchedule::cosine, 0}, "updates is 0; it must be positive");
  rejects({RateSchedule::inverse_sqrt, 0}, "updates is 0; it must be positive");
  rejects({RateSchedule::cosine, 5, 1.5}, "floor is 1.5; it must lie in [0, 1]");
  rejects({RateSchedule::inverse_sqrt, 5, 0.5}, "floor is 0.5; it must be 0");
  CHECK_NOTHROW(Adam{.schedule = {RateSchedule::cosine, 5, 1}}.validate());
}

TEST_CASE("clipping scales large gradients to the limit and does not change small ones") {
  CHECK(clipping_factor(1, 0) == 1);
  CHECK(clipping_factor(1, 0.5) == 1);
  CHECK(clipping_factor(1, 10) == Approx(1 / (10 + 1e-6)).epsilon(1e-15));
  CHECK(clipping_factor(std::numeric_limits<double>::infinity(), 1e9) == 1);
}

TEST_CASE("an update without an average gives the same parameters") {
  Buffers<double> with(5), without(5);
  const std::vector<double> g{1, 2, 3, 4, 5};
  const Adam adam{.warm_up = 0};
  update_parameters(adam, with.view(), std::span<const double>(g), 0, 1.0, 0.5);
  update_parameters(adam,
                    ParameterBuffers<double>{without.parameters, without.first, without.second},
                    std::span<const double>(g), 0, 1.0);
  CHECK(with.parameters == without.parameters);
}

TEST_CASE("Adam rejects settings out of range and buffers of unequal size") {
  CHECK_THROWS_WITH(Adam{.learning_rate = 0}.validate(), Catch::Contains("learning_rate is 0"));
  CHECK_THROWS_WITH(Adam{.learning_rate = std::nan("")}.validate(),
                    Catch::Contains("learning_rate"));
  CHECK_THROWS_WITH(Adam{.beta1 = 1}.validate(), Catch::Contains("beta1 is 1"));
  CHECK_THROWS_WITH(Adam{.beta2 = -0.1}.validate(), Catch::Contains("beta2"));
  CHECK_THROWS_WITH(Adam{.epsilon = 0}.validate(), Catch::Contains("epsilon"));
  CHECK_THROWS_WITH(Adam{.weight_decay = -1}.validate(), Catch::Contains("weight_decay"));
  CHECK_THROWS_WITH(Adam{.gradient_clip = 0}.validate(), Catch::Contains("gradient_clip is 0"));
  CHECK_NOTHROW(Adam{}.validate());
  Buffers<double> b(3);
  const std::vector<double> g(4);
  CHECK_THROWS_WITH(update_parameters(Adam{}, b.view(), std::span<const double>(g), 0, 1.0),
                    Catch::Contains("gradient has 4"));
}
