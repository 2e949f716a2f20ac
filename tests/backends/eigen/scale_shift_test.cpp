// SPDX-License-Identifier: MIT
#include <scoresde/eigen/detail/scale_shift.hpp>
#include <scoresde/eigen/ops.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::test;
using Gradient = nn::Gradient<double>;

namespace {

const std::vector<nn::Shape> shapes = {{1, 3, 3, 2}, {3, 5, 1, 1}, {2, 4, 5, 7}};

/// y by definition.
template <class T>
std::vector<double> by_definition(const nn::Shape& s, const std::vector<T>& x,
                                  const std::vector<T>& modulation) {
  std::vector<double> y(s.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t n = i / (s.c * s.pixels()), c = i / s.pixels() % s.c;
    y[i] = double(x[i]) * (1 + double(modulation[2 * s.c * n + c])) +
           double(modulation[2 * s.c * n + s.c + c]);
  }
  return y;
}

}  // namespace

TEMPLATE_TEST_CASE("scale_shift scales and shifts channels identically for any number of threads",
                   "", float, double) {
  for (const nn::Shape& s : shapes) {
    const nn::Shape vectors{s.n, 2 * s.c};
    const auto x = random_values<TestType>(s.size(), 1);
    const auto modulation = random_values<TestType>(vectors.size(), 2);
    for (const std::size_t threads : {1u, 2u, 3u}) {
      auto y = not_a_number<TestType>(s.size());
      eigen::Ops<TestType>(threads).scale_shift({x.data(), s}, {modulation.data(), vectors},
                                                {y.data(), s});
      CHECK(relative_distance(y, by_definition(s, x, modulation)) <
            (sizeof(TestType) == 4 ? 1e-6 : 1e-14));
    }
  }
}

TEST_CASE("gradients of scales and shifts match central differences") {
  for (const nn::Shape& s : shapes) {
    const nn::Shape vectors{s.n, 2 * s.c};
    auto x = random_values<double>(s.size(), 1);
    auto modulation = random_values<double>(vectors.size(), 2);
    const auto dy = random_values<double>(s.size(), 3);
    const auto loss = [&] { return dot(dy, by_definition(s, x, modulation)); };
    const eigen::Ops<double> ops(2);
    const auto backward = [&](Gradient dx, Gradient dmodulation) {
      ops.scale_shift_backward({x.data(), s}, {modulation.data(), vectors}, {dy.data(), s}, dx,
                               dmodulation, {});
    };
    const auto dx = central_differences(x, loss);
    const auto dmodulation = central_differences(modulation, loss);
    CHECK(gradient_error(dx, [&](Gradient g) { backward(g, {}); }) < difference_tolerance);
    CHECK(gradient_error(dmodulation, [&](Gradient g) { backward({}, g); }) < difference_tolerance);
  }
}
