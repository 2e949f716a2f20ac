// SPDX-License-Identifier: MIT
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <scoresde/eigen/detail/activation.hpp>
#include <scoresde/eigen/ops.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::test;
using nn::Activation;

namespace {

constexpr std::array<Activation, 4> functions{Activation::swish, Activation::elu, Activation::relu,
                                              Activation::leaky_relu};

double exact_value(Activation f, double x) {
  switch (f) {
    case Activation::swish:
      return x / (1 + std::exp(-x));
    case Activation::elu:
      return x > 0 ? x : std::expm1(x);
    case Activation::relu:
      return x > 0 ? x : 0;
    case Activation::leaky_relu:
      return x > 0 ? x : x / 5;
  }
  return std::nan("");
}

double exact_slope(Activation f, double x) {
  const double s = 1 / (1 + std::exp(-x));
  switch (f) {
    case Activation::swish:
      return s + x * s * (1 - s);
    case Activation::elu:
      return x > 0 ? 1 : std::exp(x);
    case Activation::relu:
      return x > 0 ? 1 : 0;
    case Activation::leaky_relu:
      return x > 0 ? 1 : 0.2;
  }
  return std::nan("");
}

template <class T>
std::vector<T> values(Activation f, const std::vector<T>& x, std::size_t threads = 1) {
  const nn::Shape s{1, x.size(), 1, 1};
  std::vector<T> y = not_a_number<T>(x.size());
  eigen::Ops<T>(threads).activation(f, {x.data(), s}, {y.data(), s});
  return y;
}

template <class T>
std::vector<T> slopes(Activation f, const std::vector<T>& x) {
  const nn::Shape s{1, x.size(), 1, 1};
  const std::vector<T> ones(x.size(), T(1));
  std::vector<T> dx = not_a_number<T>(x.size());
  eigen::Ops<T>(1).activation_backward(f, {x.data(), s}, {ones.data(), s}, {dx.data(), false});
  return dx;
}

/// Both tails, both signs near 0, and 0 itself.
template <class T>
std::vector<T> points() {
  std::vector<T> x{T(-0.0), T(0), T(-1e4), T(1e4), T(-87), T(87)};
  for (double size = 1e-30; size < 100; size *= 1.7) x.insert(x.end(), {T(size), T(-size)});
  return x;
}

}  // namespace

TEMPLATE_TEST_CASE("activations match their definitions at every magnitude, and at 0", "", float,
                   double) {
  // A few units in the last place; e^−87 is near the smallest normal float.
  const double tolerance = 8 * std::numeric_limits<TestType>::epsilon();
  const auto x = points<TestType>();
  for (const Activation f : functions) {
    const auto y = values<TestType>(f, x), dx = slopes<TestType>(f, x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double at = double(x[i]), wanted = exact_value(f, at), slope = exact_slope(f, at);
      CAPTURE(int(f), at);
      CHECK(std::abs(double(y[i]) - wanted) <= tolerance * std::abs(wanted) + 1e-30);
      // Between its zero near −1.28 and its tail the slope of swish is subject to cancellation.
      CHECK(std::abs(double(dx[i]) - slope) <= tolerance * std::max(std::abs(slope), 1e-1));
    }
  }
}

TEST_CASE("gradients of activations match central differences") {
  for (const Activation f : functions)
    for (const nn::Shape& s : {nn::Shape{1, 3, 5, 7}, nn::Shape{3, 1, 1, 1}}) {
      auto x = random_values<double>(s.size(), 1);
      for (double& v : x) v += std::copysign(0.01, v);  // avoids differences across a kink
      const auto dy = random_values<double>(s.size(), 2);
      std::vector<double> y(s.size());
      const eigen::Ops<double> ops(2);
      const auto expected = central_differences(x, [&] {
        ops.activation(f, {x.data(), s}, {y.data(), s});
        return dot(dy, y);
      });
      CHECK(gradient_error(expected, [&](nn::Gradient<double> dx) {
              ops.activation_backward(f, {x.data(), s}, {dy.data(), s}, dx);
            }) < difference_tolerance);
    }
}

TEST_CASE("NaN stays NaN, and activations may run in place") {
  const std::vector<double> x{std::nan(""), 1, -2};
  for (const Activation f : functions) {
    CHECK(std::isnan(values(f, x)[0]));
    std::vector<double> y(x);
    const nn::Shape s{1, 3, 1, 1};
    eigen::Ops<double>(1).activation(f, {y.data(), s}, {y.data(), s});
    CHECK(y[1] == values(f, x)[1]);
    CHECK(y[2] == values(f, x)[2]);
  }
}

TEST_CASE("activations are bit-identical for any number of threads") {
  const auto x = random_values<float>(3 * 7 * 65 * 33, 1);
  for (const Activation f : functions) CHECK(values(f, x, 1) == values(f, x, 3));
}
