// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <scoresde/optim/optimizer.hpp>
#include <scoresde/optim/radam.hpp>
#include <scoresde/optim/schedule.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct NoRule {
  void validate() const {}
  double learning_rate_at(std::uint64_t) const { return 1; }
};
static_assert(!Optimizer<NoRule>);

}  // namespace

TEST_CASE("the rectification of RAdam has the values of its formula to 40 digits") {
  const RAdam slow{.beta2 = 0.999}, fast{.beta2 = 0.9}, torch{.threshold = 5};
  for (const int n : {1, 2, 3, 4}) {
    CHECK(slow.rectification(n) == 0);
    CHECK(fast.rectification(n) == 0);
  }
  CHECK(slow.rectification(5) == Approx(0.01731150316637955625).epsilon(1e-9));
  CHECK(torch.rectification(5) == 0);
  CHECK(torch.rectification(6) == Approx(0.02582111280186521637).epsilon(1e-9));
  CHECK(slow.rectification(100) == Approx(0.21533543653820009591).epsilon(1e-9));
  CHECK(slow.rectification(5000) == Approx(0.98287758769869541631).epsilon(1e-12));
  CHECK(fast.rectification(5) == Approx(0.15611076327512505630).epsilon(1e-12));
  CHECK(fast.rectification(100) == Approx(0.99980645467717809597).epsilon(1e-13));
}

TEST_CASE("RAdam under a constant gradient follows its closed form") {
  // The corrected moments are g and g² in every update.
  const RAdam radam{.learning_rate = 0.01, .beta2 = 0.9, .epsilon = 0.5, .gradient_clip = infinity};
  const double g = -1.5;
  std::vector<double> theta{1}, m{0}, v{0};
  const std::vector<double> gradient{g};
  double wanted = 1;
  for (std::uint64_t n = 1; n <= 30; ++n) {
    update_parameters(radam, ParameterBuffers<double>{theta, m, v},
                      std::span<const double>(gradient), n - 1, std::abs(g));
    const double r = radam.rectification(double(n));
    wanted -= 0.01 * (n <= 4 ? g : r * g / (std::abs(g) + 0.5));
    CHECK(theta[0] == Approx(wanted).epsilon(1e-13));
  }
}

TEST_CASE("RAdam matches algorithm 2 in long double, with clipping, weight decay and average") {
  const RAdam radam{.learning_rate = 0.02,
                    .beta1 = 0.8,
                    .beta2 = 0.95,
                    .epsilon = 1e-6,
                    .weight_decay = 0.03,
                    .gradient_clip = 2.5};
  using Long = long double;
  const std::size_t size = 5;
  std::vector<double> theta(size), m(size), v(size), average;
  for (std::size_t i = 0; i < size; ++i) theta[i] = 0.3 * double(i) - 0.5;
  average = theta;
  std::vector<Long> t(theta.begin(), theta.end()), first(size), second(size), mean = t;
  const Long limit = 2 / (1 - Long(0.95)) - 1;
  for (int n = 1; n <= 25; ++n) {
    std::vector<double> g(size);
    double squares = 0;
    for (std::size_t i = 0; i < size; ++i) {
      g[i] = std::sin(1.7 * double(i) + 0.9 * n) * (1 + n % 3);
      squares += g[i] * g[i];
    }
    const double norm = std::sqrt(squares);
    update_parameters(radam, ParameterBuffers<double>{theta, m, v, average},
                      std::span<const double>(g), std::uint64_t(n - 1), norm, 0.9);
    const Long power = std::pow(Long(0.95), Long(n));
    const Long rho = limit - 2 * n * power / (1 - power);
    for (std::size_t i = 0; i < size; ++i) {
      const Long clipped = Long(g[i]) * (norm > 2.5 ? 2.5L / (Long(norm) + 1e-6L) : 1.0L);
      const Long total = clipped + 0.03L * t[i];
      first[i] = Long(0.8) * first[i] + (1 - Long(0.8)) * total;
      second[i] = Long(0.95) * second[i] + (1 - Long(0.95)) * total * total;
      Long step = first[i] / (1 - std::pow(Long(0.8), Long(n)));
      if (rho > 4) {
        const Long r = std::sqrt((rho - 4) / (limit - 4) * (rho - 2) / (limit - 2) * limit / rho);
        step *= r / (std::sqrt(second[i] / (1 - power)) + 1e-6L);
      }
      t[i] -= 0.02L * step;
      mean[i] = 0.9L * mean[i] + 0.1L * t[i];
      CHECK(theta[i] == Approx(double(t[i])).epsilon(1e-11).margin(1e-13));
      CHECK(m[i] == Approx(double(first[i])).epsilon(1e-12).margin(1e-14));
      CHECK(v[i] == Approx(double(second[i])).epsilon(1e-12));
      CHECK(average[i] == Approx(double(mean[i])).epsilon(1e-11).margin(1e-13));
    }
  }
}

TEST_CASE("RAdam rejects settings out of range") {
  CHECK_THROWS_WITH(RAdam{.learning_rate = 0}.validate(), Catch::Contains("RAdam: learning_rate"));
  CHECK_THROWS_WITH(RAdam{.beta2 = 1}.validate(), Catch::Contains("beta2 is 1"));
  CHECK_THROWS_WITH(RAdam{.threshold = 3}.validate(), Catch::Contains("threshold is 3"));
  CHECK_NOTHROW(RAdam{}.validate());
}
