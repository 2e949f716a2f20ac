// SPDX-License-Identifier: MIT
#include <scoresde/eigen/detail/elementwise.hpp>
#include <scoresde/eigen/detail/embedding.hpp>
#include <scoresde/eigen/detail/resampling.hpp>
#include <scoresde/eigen/ops.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

using View = nn::View<const double>;
using Gradient = nn::Gradient<double>;

/// Compares dx of y = f(x) with central differences; f overwrites y, backward reads dy.
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

TEST_CASE("resampling doubles and halves, and its gradients match central differences") {
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

TEST_CASE("concatenation puts the first input's channels first, and its gradient splits them") {
  const eigen::Ops<double> ops(2);
  const nn::Shape a{3, 2, 3, 5}, b{3, 4, 3, 5}, y{3, 6, 3, 5};
  const auto first = random_values<double>(a.size(), 1),
             second = random_values<double>(b.size(), 2);
  std::vector<double> epilogue = not_a_number<double>(y.size());
  ops.concatenate({first.data(), a}, {second.data(), b}, {epilogue.data(), y});
  CHECK(epilogue[15 * 6 + 2 * 15 + 3] == second[15 * 4 + 3]);
  CHECK(epilogue[15 * 12 + 16] == first[15 * 4 + 16]);
  const auto apart = [&](Gradient da, Gradient db) {
    ops.concatenate_backward({epilogue.data(), y}, a.c, da, db);
  };
  CHECK(gradient_error(first, [&](Gradient d) { apart(d, {}); }) == 0);
  CHECK(gradient_error(second, [&](Gradient d) { apart({}, d); }) == 0);
}

TEST_CASE("scaled sums and affine maps match their definitions and central differences") {
  const eigen::Ops<double> ops(2);
  const double scale = 0.7;
  for (const nn::Shape& s : shapes) {
    const auto other = random_values<double>(s.size(), 7);
    const View b{other.data(), s};
    CHECK(map_error(
              s, s, [&](auto x, auto y) { ops.scaled_sum(x, b, scale, y); },
              [&](View, View dy, Gradient dx) { ops.scaled_sum_backward(dy, scale, dx, {}); }) <
          difference_tolerance);
    CHECK(map_error(
              s, s, [&](auto x, auto y) { ops.scaled_sum(b, x, scale, y); },
              [&](View, View dy, Gradient dx) { ops.scaled_sum_backward(dy, scale, {}, dx); }) <
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

TEST_CASE("the positional embedding contains sines and cosines of geometric frequencies") {
  const eigen::Ops<double> ops(1);
  const std::vector<double> labels = {0.0, 1.0, 999.0, 0.25};
  const std::size_t width = 12, half = 6;
  for (const bool cosines_first : {false, true})
    for (const double shift : {1.0, 0.0, 0.5}) {
      std::vector<double> y = not_a_number<double>(labels.size() * width);
      ops.positional_embedding({cosines_first, shift}, labels,
                               {y.data(), {labels.size(), width, 1, 1}});
      const std::size_t sines = cosines_first ? half : 0, cosines = half - sines;
      for (std::size_t n = 0; n < labels.size(); ++n)
        for (std::size_t k = 0; k < half; ++k) {
          const double angle = labels[n] * std::pow(10000.0, -double(k) / (double(half) - shift));
          CHECK(y[n * width + sines + k] == Approx(std::sin(angle)).margin(1e-12));
          CHECK(y[n * width + cosines + k] == Approx(std::cos(angle)).margin(1e-12));
        }
    }
}

TEST_CASE("the Fourier embedding contains sines, then cosines, of 2 pi w ln sigma") {
  const std::vector<double> sigmas = {0.01, 1.0, 7.5, 50.0}, w = {16.25, -3.5, 0.125};
  const std::size_t width = 6, half = 3;
  std::vector<double> y = not_a_number<double>(sigmas.size() * width);
  eigen::Ops<double>(1).fourier_embedding(sigmas, w.data(),
                                          {y.data(), {sigmas.size(), width, 1, 1}});
  for (std::size_t n = 0; n < sigmas.size(); ++n)
    for (std::size_t k = 0; k < half; ++k) {
      const double angle = 2 * std::acos(-1.0) * w[k] * std::log(sigmas[n]);
      CHECK(y[n * width + k] == Approx(std::sin(angle)).margin(1e-12));
      CHECK(y[n * width + half + k] == Approx(std::cos(angle)).margin(1e-12));
    }
  // In float, angles of many periods must still be reduced in double.
  const std::vector<float> wf = {61.5f, -48.25f, 33.75f};
  std::vector<float> yf(width);
  const std::vector<double> sigma = {0.0123};
  eigen::Ops<float>(1).fourier_embedding(sigma, wf.data(), {yf.data(), {1, width, 1, 1}});
  for (std::size_t k = 0; k < half; ++k)
    CHECK(double(yf[k]) ==
          Approx(std::sin(2 * std::acos(-1.0) * double(wf[k]) * std::log(0.0123))).margin(1e-7));
}

TEST_CASE("a class selects a row of its table, and its gradient is added to that row only") {
  const eigen::Ops<double> ops(2);
  const std::size_t width = 5;
  const auto table = random_values<double>(4 * width, 1);
  const std::vector<std::uint32_t> classes = {3, nn::no_class, 0, 3};
  const nn::Shape s{4, width, 1, 1};
  std::vector<double> y = not_a_number<double>(s.size());
  ops.class_embedding(classes, table.data(), {y.data(), s});
  const auto dy = random_values<double>(s.size(), 2);
  std::vector<double> dtable(4 * width, 1.0);
  ops.class_embedding_backward(classes, {dy.data(), s}, dtable.data());
  for (std::size_t c = 0; c < width; ++c) {
    CHECK(y[c] == table[3 * width + c]);
    CHECK(y[width + c] == 0);
    CHECK(y[2 * width + c] == table[c]);
    CHECK(y[3 * width + c] == table[3 * width + c]);
    CHECK(dtable[c] == 1 + dy[2 * width + c]);
    CHECK(dtable[width + c] == 1);
    CHECK(dtable[2 * width + c] == 1);
    CHECK(dtable[3 * width + c] == Approx(1 + dy[c] + dy[3 * width + c]).epsilon(1e-14));
  }
}

TEST_CASE("every sample has its own factor, and gradients match central differences") {
  const std::vector<double> factors = {0.5, -3.0, 1.0 / 3};
  for (const std::size_t threads : {1u, 3u}) {
    const eigen::Ops<double> ops(threads);
    for (const nn::Shape& s : shapes)
      CHECK(map_error(
                s, s, [&](auto x, auto y) { ops.scale_samples(x, factors, y); },
                [&](View, View dy, Gradient dx) { ops.scale_samples_backward(dy, factors, dx); }) <
            difference_tolerance);
  }
  const std::vector<double> x = {1, 2, 3, 4, 5, 6};
  std::vector<double> y(6);
  const nn::Shape s{3, 2, 1, 1};
  eigen::Ops<double>(1).scale_samples({x.data(), s}, factors, {y.data(), s});
  CHECK(y == std::vector<double>{0.5, 1, -9, -12, 5 * (1.0 / 3), 6 * (1.0 / 3)});
}

TEST_CASE("elementwise operations are bit-identical for any number of threads") {
  const nn::Shape s{3, 7, 65, 33};
  const auto x = random_values<float>(s.size(), 1);
  std::vector<float> one(x.size()), three(x.size());
  eigen::Ops<float>(1).affine({x.data(), s}, 0.7, 0.1, {one.data(), s});
  eigen::Ops<float>(3).affine({x.data(), s}, 0.7, 0.1, {three.data(), s});
  CHECK(one == three);
}
