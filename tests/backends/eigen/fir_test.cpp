// SPDX-License-Identifier: MIT
#include <cstddef>
#include <initializer_list>
#include <string>
#include <vector>

#include <scoresde/eigen/detail/fir.hpp>
#include <scoresde/eigen/ops.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"
#include "support/fir_filter.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

/// Asymmetric taps, odd extents, nonsquare images, crops, factors of three.
const std::vector<FirCase> cases = {
    {filter({1, 3, 3, 1}, 2, 1, 2, 1), {2, 3, 4, 6}},
    {filter({1, 3, 3, 1}, 1, 2, 1, 1), {2, 3, 8, 6}},
    {filter({1, 3, 3, 1}, 1, 1, 2, 2), {1, 2, 6, 4}},
    {filter({1, 3, 3, 1}, 2, 1, 3, 2), {1, 2, 4, 4}},
    {filter({0.3, -1.2, 2.5}, 2, 1, 2, 0), {3, 2, 5, 3}},
    {filter({0.3, -1.2, 2.5}, 1, 2, 1, 0), {3, 2, 7, 4}},
    {filter({1, -2, 0.5, 4, 3}, 2, 1, 3, 1), {1, 3, 3, 5}},
    {filter({1, -2, 0.5, 4, 3}, 1, 2, 2, 1), {1, 3, 7, 9}},
    {filter({2, 1}, 2, 1, 1, 0), {2, 1, 1, 7}},
    {filter({2, 1}, 1, 2, 0, 0), {2, 1, 6, 5}},
    {filter({1, 2, -1}, 1, 1, -2, -1), {1, 2, 9, 8}},
    {filter({1, 2, -1}, 2, 1, -3, 2), {2, 1, 5, 6}},
    {filter({1, 2, -1, 7}, 1, 2, 4, -2), {1, 1, 7, 6}},
    {filter({1, 2, -1, 7}, 3, 2, 2, 3), {2, 2, 3, 4}},
    {filter({0.7}, 1, 3, 0, 0), {1, 2, 7, 8}},
};

/// The definition: upsample, pad or crop, convolve with the outer product, downsample.
std::vector<double> by_definition(const FirCase& c, const std::vector<double>& x) {
  const nn::Fir& op = c.op;
  const nn::Shape in = c.x, out = op.output(in);
  const auto count = static_cast<std::ptrdiff_t>(op.count);
  const auto padded = [&](std::size_t plane, std::ptrdiff_t i, std::ptrdiff_t j) {
    const auto up = static_cast<std::ptrdiff_t>(op.up);
    i -= op.pad_before;
    j -= op.pad_before;
    if (i < 0 || j < 0 || i % up != 0 || j % up != 0) return 0.0;
    const auto row = static_cast<std::size_t>(i / up), column = static_cast<std::size_t>(j / up);
    return row < in.h && column < in.w ? x[(plane * in.h + row) * in.w + column] : 0.0;
  };
  std::vector<double> y;
  for (std::size_t plane = 0; plane < out.n * out.c; ++plane)
    for (std::size_t i = 0; i < out.h; ++i)
      for (std::size_t j = 0; j < out.w; ++j) {
        double sum = 0;
        for (std::ptrdiff_t a = 0; a < count; ++a)
          for (std::ptrdiff_t b = 0; b < count; ++b)
            // A convolution: the window's last row is multiplied by the first tap.
            sum += op.taps[std::size_t(a)] * op.taps[std::size_t(b)] *
                   padded(plane, std::ptrdiff_t(i * op.down) + count - 1 - a,
                          std::ptrdiff_t(j * op.down) + count - 1 - b);
        y.push_back(sum);
      }
  return y;
}

template <class T>
std::vector<T> forward(const FirCase& c, const std::vector<T>& x, std::size_t threads) {
  const eigen::Ops<T> ops(threads);
  const nn::Shape out = c.op.output(c.x);
  GuardedScratch<T> scratch(ops.fir_scratch(c.op, c.x, out));
  std::vector<T> y = not_a_number<T>(out.size());
  ops.fir(c.op, {x.data(), c.x}, {y.data(), out}, scratch.span());
  REQUIRE(scratch.intact());
  return y;
}

template <class T>
std::vector<T> backward(const FirCase& c, const std::vector<T>& dy, std::size_t threads,
                        std::vector<T> dx, bool accumulate) {
  const eigen::Ops<T> ops(threads);
  const nn::Shape out = c.op.output(c.x);
  GuardedScratch<T> scratch(ops.fir_scratch(c.op, c.x, out));
  ops.fir_backward(c.op, {dy.data(), out}, c.x, {dx.data(), accumulate}, scratch.span());
  REQUIRE(scratch.intact());
  return dx;
}

}  // namespace

TEST_CASE("a filter matches its definition: upsample, pad, convolve, downsample") {
  for (const FirCase& c : cases) {
    CAPTURE(c.op.count, c.op.up, c.op.down, c.op.pad_before, c.op.pad_after);
    const auto x = random_values<double>(c.x.size(), 1);
    for (const std::size_t threads : {1u, 3u})
      CHECK(relative_distance(forward(c, x, threads), by_definition(c, x)) < 1e-14);
  }
}

TEST_CASE("the gradient of a filter is its adjoint: <A x, y> = <x, A^T y>") {
  for (const FirCase& c : cases) {
    CAPTURE(c.op.count, c.op.up, c.op.down, c.op.pad_before, c.op.pad_after);
    const auto x = random_values<double>(c.x.size(), 1);
    const auto y = random_values<double>(c.op.output(c.x).size(), 2);
    const auto back = backward(c, y, 2, not_a_number<double>(x.size()), false);
    CHECK(dot(by_definition(c, x), y) == Approx(dot(x, back)).epsilon(1e-12));
    CHECK(gradient_error(back, [&](nn::Gradient<double> dx) {
            std::vector<double> start(dx.data, dx.data + x.size());
            const auto found = backward(c, y, 1, start, dx.accumulate);
            std::copy(found.begin(), found.end(), dx.data);
          }) < 1e-13);
  }
}

TEST_CASE("the gradient of a filter matches central differences at every pixel") {
  for (const FirCase& c : cases) {
    auto x = random_values<double>(c.x.size(), 1);
    const auto y = random_values<double>(c.op.output(c.x).size(), 2);
    const auto expected = central_differences(x, [&] { return dot(y, by_definition(c, x)); });
    CHECK(relative_distance(backward(c, y, 3, not_a_number<double>(x.size()), false), expected) <
          difference_tolerance);
  }
}

TEST_CASE("filters in float are accurate and bit-identical for any number of threads") {
  for (const nn::Fir& op : {filter({0.25, 0.75, 0.75, 0.25}, 2, 1, 2, 1),
                            filter({0.125, 0.375, 0.375, 0.125}, 1, 2, 1, 1)}) {
    const FirCase c{op, {4, 24, 32, 16}};
    const auto x = random_values<float>(c.x.size(), 3);
    const auto dy = random_values<float>(op.output(c.x).size(), 4);
    const auto y = forward(c, x, 1);
    CHECK(relative_distance(y, by_definition(c, converted<double>(x))) < 1e-6);
    CHECK(y == forward(c, x, 3));
    const std::vector<float> nowhere = not_a_number<float>(x.size());
    CHECK(backward(c, dy, 1, nowhere, false) == backward(c, dy, 3, nowhere, false));
  }
}
