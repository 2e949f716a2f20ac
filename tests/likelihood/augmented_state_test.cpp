// SPDX-License-Identifier: MIT
/// AugmentedState: its points are a state as any other, and its integrals follow the same forms.
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <scoresde/likelihood/augmented_state.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/backend_conformance.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

using Points = HostState<double>;
using Joint = AugmentedState<Points>;

Joint joint(std::vector<double> points, std::vector<double> integrals, IntegralNorm norm = {}) {
  Joint y(Points({2, 2}, std::move(points)), integrals.size() / 2, norm);
  std::copy(integrals.begin(), integrals.end(), y.integrals().begin());
  return y;
}

double scaled(const Joint& error, const Joint& x, const Joint& y) {
  std::vector<double> row(2);
  backend(x).scaled_rms(error, x, y, 0.1, 0.5, row);
  return row[1];
}

}  // namespace

TEST_CASE("the points of an augmented state satisfy the backend requirements") {
  for (const Extents shape : {Extents{1, 3}, Extents{5, 2}, Extents{2, 257}}) {
    const AugmentedState<HostState<float>> y(HostState<float>(shape), 3, {.separate = true});
    const auto write = [](std::span<const double> values, AugmentedState<HostState<float>>& out) {
      for (std::size_t i = 0; i < values.size(); ++i)
        out.points().data()[i] = static_cast<float>(values[i]);
    };
    const auto read = [](const AugmentedState<HostState<float>>& in, std::span<double> values) {
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<double>(in.points().data()[i]);
    };
    CHECK(testing::check_backend(y, write, read) == std::vector<std::string>{});
  }
}

TEST_CASE("integrals follow the linear form of the points, also where the result is a term") {
  Joint a = joint({1, 2, 3, 4}, {1, 2, 3, 4});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Joint b = joint({0, 1, 0, 1}, {10, 20, 30, 40}),
              unread = joint({nan, 0, 0, 0}, {nan, 0, 0, 0});
  const std::array<Term<Joint>, 3> terms{Term<Joint>{2, &a}, {0.5, &b}, {0, &unread}};
  backend(a).assign(a, std::span<const Term<Joint>>(terms), NoiseTerm{});
  CHECK(std::vector<double>(a.integrals().begin(), a.integrals().end()) ==
        std::vector<double>{7, 14, 21, 28});
  CHECK(a.points()(1, 1) == 8.5);
  const std::array<double, 2> stay{1, 0}, move{0, 1};
  const std::array<SampleTerm<Joint>, 2> choice{SampleTerm<Joint>{stay, &a}, {move, &b}};
  backend(a).assign(a, std::span<const SampleTerm<Joint>>(choice), SampleNoise{});
  CHECK(std::vector<double>(a.integrals().begin(), a.integrals().end()) ==
        std::vector<double>{7, 20, 21, 40});
}

TEST_CASE("one error norm covers points and integrals, or each has its own") {
  // Sample 1: points with scaled errors 1 and 2, integrals of both counts with 3 and 4.
  const auto error = [](IntegralNorm norm) {
    return joint({0, 0, 0.1, 0.2}, {0, 0.3, 0, 0.4}, norm);
  };
  const Joint zero = joint({0, 0, 0, 0}, {0, 0, 0, 0});
  CHECK(scaled(error({}), zero, zero) == Approx(std::sqrt(30.0 / 4)));
  CHECK(scaled(error({.separate = true}), zero, zero) == Approx(std::sqrt(12.5)));
  CHECK(scaled(error({.tolerance = Tolerance{0, 0.01}}), zero, zero) ==
        Approx(std::sqrt((5 + 100 * 25.0) / 4)));
  CHECK(scaled(error({.tolerance = Tolerance{0, 1}, .separate = true}), zero, zero) ==
        Approx(std::sqrt(2.5)));
  const Joint large = joint({0, 0, 0, 0}, {0, 2, 0, -2});
  CHECK(scaled(error({.tolerance = Tolerance{0.5, 0}, .separate = true}), zero, large) ==
        Approx(std::sqrt(2.5)));
}

TEST_CASE("an error that is not finite is not hidden by the other part") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Joint zero = joint({0, 0, 0, 0}, {0, 0});
  for (const bool separate : {false, true}) {
    CHECK(std::isnan(scaled(joint({0, 0, nan, 0}, {0, 1}, {.separate = separate}), zero, zero)));
    CHECK(std::isnan(scaled(joint({0, 0, 1, 0}, {0, nan}, {.separate = separate}), zero, zero)));
  }
}

TEST_CASE("states with different numbers of integrals are rejected") {
  Joint a = joint({1, 2, 3, 4}, {1, 2, 3, 4});
  const Joint b = joint({1, 2, 3, 4}, {1, 2});
  const std::array<Term<Joint>, 1> terms{Term<Joint>{1, &b}};
  CHECK_THROWS_WITH(backend(a).assign(a, std::span<const Term<Joint>>(terms), NoiseTerm{}),
                    Catch::Contains("a term has 2 integrals but another state has 4"));
}
