// SPDX-License-Identifier: MIT
#include <cstddef>
#include <vector>

#include <scoresde/eigen/ops.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

struct Case {
  nn::AveragePool op;
  nn::Shape x;
};

/// Inception's window, global pooling, windows with rests, gaps and one pixel.
const std::vector<Case> cases = {
    {{}, {2, 3, 4, 6}},
    {{.height = 3, .width = 3, .stride = 1, .pad = 1}, {2, 3, 5, 4}},
    {{.height = 4, .width = 5, .stride = 1}, {3, 2, 4, 5}},
    {{.height = 3, .width = 3, .stride = 2}, {1, 2, 8, 7}},
    {{.height = 3, .width = 2, .stride = 2, .pad = 1}, {2, 1, 6, 5}},
    {{.height = 2, .width = 2, .stride = 3}, {1, 3, 8, 5}},
    {{.height = 1, .width = 1, .stride = 1}, {1, 2, 3, 2}},
    {{.height = 4, .width = 4, .stride = 1, .pad = 3}, {1, 1, 2, 1}},
};

/// The definition: a sum over all pixels of the image, those outside the window are left out.
std::vector<double> by_definition(const Case& c, const std::vector<double>& x) {
  const nn::Shape out = c.op.output(c.x);
  const auto covers = [&](std::size_t window, std::size_t length, std::size_t pixel) {
    const std::size_t first = window * c.op.stride;
    return pixel + c.op.pad >= first && pixel + c.op.pad < first + length;
  };
  std::vector<double> y;
  for (std::size_t plane = 0; plane < out.n * out.c; ++plane)
    for (std::size_t i = 0; i < out.h; ++i)
      for (std::size_t j = 0; j < out.w; ++j) {
        double sum = 0, count = 0;
        for (std::size_t r = 0; r < c.x.h; ++r)
          for (std::size_t s = 0; s < c.x.w; ++s)
            if (covers(i, c.op.height, r) && covers(j, c.op.width, s)) {
              sum += x[(plane * c.x.h + r) * c.x.w + s];
              ++count;
            }
        y.push_back(sum / count);
      }
  return y;
}

template <class T>
std::vector<T> forward(const Case& c, const std::vector<T>& x, std::size_t threads) {
  const nn::Shape out = c.op.output(c.x);
  std::vector<T> y = not_a_number<T>(out.size());
  eigen::Ops<T>(threads).average_pool(c.op, {x.data(), c.x}, {y.data(), out});
  return y;
}

template <class T>
void backward(const Case& c, const std::vector<T>& dy, std::size_t threads, nn::Gradient<T> dx) {
  eigen::Ops<T>(threads).average_pool_backward(c.op, {dy.data(), c.op.output(c.x)}, c.x, dx);
}

}  // namespace

TEST_CASE("average pooling is the mean over the pixels of a window that lie inside the image") {
  for (const Case& c : cases) {
    CAPTURE(c.op.height, c.op.width, c.op.stride, c.op.pad);
    const auto x = random_values<double>(c.x.size(), 1);
    for (const std::size_t threads : {1u, 3u})
      CHECK(relative_distance(forward(c, x, threads), by_definition(c, x)) < 1e-14);
  }
}

TEST_CASE("the gradient of average pooling matches central differences at every pixel") {
  for (const Case& c : cases) {
    CAPTURE(c.op.height, c.op.width, c.op.stride, c.op.pad);
    auto x = random_values<double>(c.x.size(), 1);
    const auto dy = random_values<double>(c.op.output(c.x).size(), 2);
    const auto expected = central_differences(x, [&] { return dot(dy, forward(c, x, 1)); });
    CHECK(gradient_error(expected, [&](nn::Gradient<double> dx) { backward(c, dy, 2, dx); }) <
          difference_tolerance);
  }
}

TEST_CASE("average pooling by two equals downsample_mean") {
  const Case c{{}, {2, 5, 6, 8}};
  const auto x = random_values<double>(c.x.size(), 1);
  std::vector<double> y(c.op.output(c.x).size());
  eigen::Ops<double>(1).downsample_mean({x.data(), c.x}, {y.data(), c.op.output(c.x)});
  CHECK(relative_distance(forward(c, x, 1), y) < 1e-15);
}

TEST_CASE("average pooling in float is bit-identical for any number of threads") {
  const Case c{{.height = 3, .width = 3, .stride = 1, .pad = 1}, {4, 24, 17, 16}};
  const auto x = random_values<float>(c.x.size(), 3);
  const auto y = forward(c, x, 1);
  CHECK(y == forward(c, x, 3));
  CHECK(relative_distance(y, by_definition(c, converted<double>(x))) < 1e-6);
  std::vector<float> one = not_a_number<float>(x.size()), three = one;
  backward(c, y, 1, {one.data(), false});
  backward(c, y, 3, {three.data(), false});
  CHECK(one == three);
}
