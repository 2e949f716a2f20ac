// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include <scoresde/optim/optimizer.hpp>
#include <scoresde/optim/sgd.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// One parameter under an optimizer.
struct Descent {
  std::vector<double> theta, m{0}, v{0}, average;
  std::uint64_t updates = 0;

  explicit Descent(double start) : theta{start}, average{start} {}
  void step(const Sgd& sgd, double gradient, double ema_decay = 0) {
    const std::vector<double> g{gradient};
    update_parameters(sgd, ParameterBuffers<double>{theta, m, v, average},
                      std::span<const double>(g), updates++, std::abs(gradient), ema_decay);
  }
};

}  // namespace

TEST_CASE("SGD with momentum under a constant gradient has its closed form") {
  // m_n = g(1 − μⁿ)/(1 − μ), so the sum of m_1 … m_n is g(n − μ(1 − μⁿ)/(1 − μ))/(1 − μ).
  const double lr = 0.03, mu = 0.8, g = -1.7;
  const Sgd plain{.learning_rate = lr, .momentum = mu, .gradient_clip = infinity};
  const Sgd nesterov{
      .learning_rate = lr, .momentum = mu, .nesterov = true, .gradient_clip = infinity};
  Descent a(2), b(2);
  for (int n = 1; n <= 20; ++n) {
    a.step(plain, g);
    b.step(nesterov, g);
    const double sum = g * (n - mu * (1 - std::pow(mu, n)) / (1 - mu)) / (1 - mu);
    CHECK(a.m[0] == Approx(g * (1 - std::pow(mu, n)) / (1 - mu)).epsilon(1e-13));
    CHECK(a.theta[0] == Approx(2 - lr * sum).epsilon(1e-13));
    CHECK(b.theta[0] == Approx(2 - lr * (n * g + mu * sum)).epsilon(1e-13));
  }
  CHECK(a.v[0] == 0);
}

TEST_CASE("SGD with momentum on a parabola is a damped oscillation") {
  // θ_{n+1} = (1 + μ − lr·λ)θ_n − μθ_{n−1}: roots √μ·e^{±iφ} with 2√μ·cos φ = 1 + μ − lr·λ.
  const double lr = 0.1, mu = 0.81, lambda = 3, start = 1.5;
  const Sgd sgd{.learning_rate = lr, .momentum = mu, .gradient_clip = infinity};
  const double radius = std::sqrt(mu), phi = std::acos((1 + mu - lr * lambda) / (2 * radius));
  const double sine = ((1 - lr * lambda) / radius - std::cos(phi)) / std::sin(phi);
  Descent run(start);
  for (int n = 1; n <= 40; ++n) {
    run.step(sgd, lambda * run.theta[0]);
    const double wanted =
        start * std::pow(radius, n) * (std::cos(n * phi) + sine * std::sin(n * phi));
    CHECK(run.theta[0] == Approx(wanted).epsilon(1e-11).margin(1e-13));
  }
}

TEST_CASE("SGD clips, decays weights, warms up and moves the average in one pass") {
  const Sgd sgd{.learning_rate = 0.5,
                .momentum = 0,
                .weight_decay = 0.1,
                .warm_up = 2,
                .gradient_clip = 1,
                .decay = {.first = 3, .updates = 2}};
  Descent run(1);
  double theta = 1, average = 1;
  for (const double rate : {0.0, 0.25, 0.5, 0.5, 0.25, 0.0}) {
    CHECK(sgd.learning_rate_at(run.updates) == rate);
    run.step(sgd, 3, 0.75);
    theta -= rate * (3 / (3 + 1e-6) + 0.1 * theta);
    average += 0.25 * (theta - average);
    CHECK(run.theta[0] == Approx(theta).epsilon(1e-14));
    CHECK(run.average[0] == Approx(average).epsilon(1e-14));
  }
}

TEST_CASE("SGD rejects settings out of range") {
  CHECK_THROWS_WITH(Sgd{.learning_rate = -1}.validate(), Catch::Contains("learning_rate is -1"));
  CHECK_THROWS_WITH(Sgd{.momentum = 1}.validate(), Catch::Contains("momentum is 1"));
  CHECK_THROWS_WITH(Sgd{.gradient_clip = 0}.validate(), Catch::Contains("gradient_clip is 0"));
  CHECK_NOTHROW(Sgd{}.validate());
}
