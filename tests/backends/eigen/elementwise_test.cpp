// SPDX-License-Identifier: MIT
#include <scoresde/eigen/elementwise.hpp>
#include <scoresde/eigen/embedding.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/eigen/resampling.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

using View = nn::View<const double>;
using Gradient = nn::Gradient<double>;

/// Checks dx of y = f(x) against central differences; f writes over y, backward reads dy.
template <class Forward, class Backward>
double map_error(const nn::Shape& from, const nn::Shape& to, const Forward& forward,
                 const Backward& backward) {
  auto x = random_values<double>(from.size(), 1);
  const auto dy = random_values<double>(to.size(), 2);
  std::vector<double> y(to.size());
  const auto loss = [&] {
    std::fill(y.begin(), y.end(), std::nan(""));
    forward(View{x.data(), from}, nn::View<double>{y.data(), to});
    return dot(dy, y);
  };
  const auto expected = central_differences(x, loss);
  return gradient_error(expected, [&](Gradient dx) {
    backward(View{x.data(), from}, View{dy.data(), to}, dx);
  });
}

const std::vector<nn::Shape> shapes = {{1, 3, 5, 7}, {3, 2, 4, 6}, {3, 1, 1, 1}};

}  // namespace

TEST_CASE("silu is its definition, with gradients of central differences") {
  const eigen::Ops<double> ops(2);
  for (const nn::Shape& s : shapes)
    CHECK(map_error(
              s, s, [&](auto x, auto y) { ops.silu(x, y); },
              [&](View x, View dy, Gradient dx) { ops.silu_backward(x, dy, dx); }) <
          difference_tolerance);
}

TEST_CASE("silu in float is right within a few ulp and in both tails") {
  const eigen::Ops<float> ops(1);
  std::vector<float> x;
  for (float v = -30; v < 30; v += 0.37f) x.push_back(v);
  x.insert(x.end(), {-1e4f, 1e4f, -200.0f, 0.0f, 200.0f});
  std::vector<float> y(x.size());
  const nn::Shape s{1, x.size(), 1, 1};
  ops.silu({x.data(), s}, {y.data(), s});
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double exact = double(x[i]) / (1 + std::exp(-double(x[i])));
    CHECK(std::abs(double(y[i]) - exact) <= 1e-6 * std::abs(exact) + 1e-30);
  }
}

TEST_CASE("resampling doubles and halves, with gradients of central differences") {
  const eigen::Ops<double> ops(2);
  const std::vector<double> small = {1, 2, 3, 4, 5, 6};
  std::vector<double> large(24), back(6);
  ops.upsample_nearest({small.data(), {1, 1, 2, 3}}, {large.data(), {1, 1, 4, 6}});
  CHECK(large == std::vector<double>{1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3,
                                     4, 4, 5, 5, 6, 6, 4, 4, 5, 5, 6, 6});
  ops.downsample_mean({large.data(), {1, 1, 4, 6}}, {back.data(), {1, 1, 2, 3}});
  CHECK(back == small);
  for (const nn::Shape& s : shapes) {
    const nn::Shape twice{s.n, s.c, 2 * s.h, 2 * s.w};
    CHECK(map_error(
              s, twice, [&](auto x, auto y) { ops.upsample_nearest(x, y); },
              [&](View, View dy, Gradient dx) { ops.upsample_nearest_backward(dy, dx); }) <
          difference_tolerance);
    CHECK(map_error(
              twice, s, [&](auto x, auto y) { ops.downsample_mean(x, y); },
              [&](View, View dy, Gradient dx) { ops.downsample_mean_backward(dy, dx); }) <
          difference_tolerance);
  }
}

TEST_CASE(
    "concatenation puts the first input's channels first, and its gradient takes them apart") {
  const eigen::Ops<double> ops(2);
  const nn::Shape a{3, 2, 3, 5}, b{3, 4, 3, 5}, y{3, 6, 3, 5};
  const auto first = random_values<double>(a.size(), 1),
             second = random_values<double>(b.size(), 2);
  std::vector<double> joined = not_a_number<double>(y.size());
  ops.concatenate({first.data(), a}, {second.data(), b}, {joined.data(), y});
  CHECK(joined[15 * 6 + 2 * 15 + 3] == second[15 * 4 + 3]);
  CHECK(joined[15 * 12 + 16] == first[15 * 4 + 16]);
  const auto apart = [&](Gradient da, Gradient db) {
    ops.concatenate_backward({joined.data(), y}, a.c, da, db);
  };
  CHECK(gradient_error(first, [&](Gradient d) { apart(d, {}); }) == 0);
  CHECK(gradient_error(second, [&](Gradient d) { apart({}, d); }) == 0);
}

TEST_CASE("scaled sums and affine maps are what they say, with gradients of central differences") {
  const eigen::Ops<double> ops(2);
  const double scale = 0.7;
  for (const nn::Shape& s : shapes) {
    const auto other = random_values<double>(s.size(), 7);
    const View b{other.data(), s};
    CHECK(map_error(
              s, s, [&](auto x, auto y) { ops.sum_scaled(x, b, scale, y); },
              [&](View, View dy, Gradient dx) { ops.sum_scaled_backward(dy, scale, dx, {}); }) <
          difference_tolerance);
    CHECK(map_error(
              s, s, [&](auto x, auto y) { ops.sum_scaled(b, x, scale, y); },
              [&](View, View dy, Gradient dx) { ops.sum_scaled_backward(dy, scale, {}, dx); }) <
          difference_tolerance);
    CHECK(map_error(
              s, s, [&](auto x, auto y) { ops.affine(x, scale, -0.3, y); },
              [&](View, View dy, Gradient dx) { ops.affine_backward(dy, scale, dx); }) <
          difference_tolerance);
  }
  const std::vector<double> x = {1, 2};
  std::vector<double> y(2);
  ops.affine({x.data(), {1, 2, 1, 1}}, 2, -1, {y.data(), {1, 2, 1, 1}});
  CHECK(y == std::vector<double>{1, 3});
}

TEST_CASE("the positional embedding holds sines, then cosines, of geometric frequencies") {
  const eigen::Ops<double> ops(1);
  const std::vector<double> labels = {0.0, 1.0, 999.0, 0.25};
  const std::size_t width = 12, half = 6;
  std::vector<double> y = not_a_number<double>(labels.size() * width);
  ops.positional_embedding(labels, {y.data(), {labels.size(), width, 1, 1}});
  for (std::size_t n = 0; n < labels.size(); ++n)
    for (std::size_t k = 0; k < half; ++k) {
      const double angle = labels[n] * std::pow(10000.0, -double(k) / double(half - 1));
      CHECK(y[n * width + k] == Approx(std::sin(angle)).margin(1e-12));
      CHECK(y[n * width + half + k] == Approx(std::cos(angle)).margin(1e-12));
    }
}

TEST_CASE("elementwise operations have the same bits with any number of threads") {
  const nn::Shape s{3, 7, 65, 33};
  const auto x = random_values<float>(s.size(), 1);
  std::vector<float> one(x.size()), three(x.size());
  eigen::Ops<float>(1).silu({x.data(), s}, {one.data(), s});
  eigen::Ops<float>(3).silu({x.data(), s}, {three.data(), s});
  CHECK(one == three);
}
