// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/resize.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

struct ConvolutionCase {
  nn::RectangularConvolution op;
  nn::Shape x;
};

/// The kernels of Inception, channels that leave partial tiles, several parts of the sum, strides,
/// and windows of one column, row and pixel.
const std::vector<ConvolutionCase> convolutions = {
    {{3, 5, 1, 1}, {3, 3, 4, 7}},
    {{700, 6, 1, 1}, {2, 700, 5, 9}},
    {{400, 13, 1, 1}, {1, 400, 14, 11}},  // several blocks of panels, the last one incomplete
    {{7, 8, 1, 1, 2}, {1, 7, 9, 23}},
    {{5, 9, 1, 7, 1, 0, 3}, {3, 5, 17, 17}},
    {{60, 4, 7, 1, 1, 3, 0}, {2, 60, 9, 17}},
    {{4, 6, 5, 5, 1, 2, 2}, {1, 4, 11, 13}},
    {{3, 10, 3, 3, 2}, {2, 3, 11, 9}},
    {{40, 12, 3, 3, 2, 1, 0}, {1, 40, 12, 8}},
    {{20, 24, 3, 3, 1, 1, 1, false}, {2, 20, 9, 11}},  // Winograd's algorithm in float
    {{16, 16, 3, 3}, {1, 16, 12, 10}},
    {{2, 3, 1, 3, 1, 0, 1}, {1, 2, 8, 8}},
    {{2, 3, 4, 2, 3, 2, 1}, {5, 2, 7, 6}},
    {{1, 1, 3, 1, 1, 1, 0}, {1, 1, 1, 1}},
};

std::vector<double> by_definition(const ConvolutionCase& c, const std::vector<double>& x,
                                  const std::vector<double>& w, const std::vector<double>& bias) {
  const auto& [op, in] = c;
  const nn::Shape out = op.output(in);
  std::vector<double> y;
  for (std::size_t n = 0; n < out.n; ++n)
    for (std::size_t o = 0; o < out.c; ++o)
      for (std::size_t i = 0; i < out.h; ++i)
        for (std::size_t j = 0; j < out.w; ++j) {
          double sum = bias[o];
          for (std::size_t k = 0; k < in.c; ++k)
            for (std::size_t a = 0; a < op.height; ++a)
              for (std::size_t b = 0; b < op.width; ++b) {
                const std::size_t r = i * op.stride + a - op.pad_rows;
                const std::size_t s = j * op.stride + b - op.pad_columns;
                if (r < in.h && s < in.w)  // negative positions wrap around to huge values
                  sum += w[((o * in.c + k) * op.height + a) * op.width + b] *
                         x[((n * in.c + k) * in.h + r) * in.w + s];
              }
          y.push_back(op.relu ? std::max(sum, 0.0) : sum);
        }
  return y;
}

template <class T>
std::vector<T> convolved(const ConvolutionCase& c, const std::vector<double>& x,
                         const std::vector<double>& w, const std::vector<double>& bias,
                         std::size_t threads) {
  const eigen::Ops<T> ops(threads);
  const std::vector<T> in(x.begin(), x.end()), weights(w.begin(), w.end()),
      b(bias.begin(), bias.end());
  auto prepared = ops.allocate(ops.convolution_prepared_size(c.op));
  std::vector<T> y(c.op.output(c.x).size(), std::numeric_limits<T>::quiet_NaN());
  std::vector<T> scratch(ops.convolution_scratch(c.op, c.x));
  ops.prepare_convolution(c.op, {weights.data(), b.data()}, prepared.data());
  ops.convolution(c.op, {in.data(), c.x}, {weights.data(), b.data(), prepared.data()},
                  {y.data(), c.op.output(c.x)}, scratch);
  return y;
}

template <class T>
double largest_difference(const std::vector<T>& found, const std::vector<double>& wanted) {
  REQUIRE(found.size() == wanted.size());
  double most = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double difference = std::abs(static_cast<double>(found[i]) - wanted[i]);
    most = difference <= most ? most : difference;  // not a number counts
  }
  return most;
}

double pooled_by_definition(const nn::AveragePool& op, const nn::Shape& in, const double* plane,
                            std::size_t i, std::size_t j) {
  double most = -std::numeric_limits<double>::infinity();
  for (std::size_t a = 0; a < op.height; ++a)
    for (std::size_t b = 0; b < op.width; ++b) {
      const std::size_t r = i * op.stride + a - op.pad, s = j * op.stride + b - op.pad;
      if (r < in.h && s < in.w) most = std::max(most, plane[r * in.w + s]);
    }
  return most;
}

}  // namespace

TEST_CASE("rectangular convolutions agree with their definition") {
  for (const ConvolutionCase& c : convolutions) {
    INFO(c.op.height << "x" << c.op.width << " of " << c.op.in_channels << " channels");
    const auto x = random_values<double>(c.x.size(), 1),
               w = random_values<double>(c.op.weight_size(), 2),
               bias = random_values<double>(c.op.out_channels, 3);
    const auto wanted = by_definition(c, x, w, bias);
    const double scale = std::sqrt(double(c.op.weight_size()) / double(c.op.out_channels));
    CHECK(largest_difference(convolved<double>(c, x, w, bias, 2), wanted) < 1e-13 * scale);
    CHECK(largest_difference(convolved<float>(c, x, w, bias, 1), wanted) < 4e-6 * scale);
  }
}

TEST_CASE("a rectangular convolution has the same bits for any threads and batch") {
  for (const ConvolutionCase& c : convolutions) {
    const auto x = random_values<double>(c.x.size(), 1),
               w = random_values<double>(c.op.weight_size(), 2),
               bias = random_values<double>(c.op.out_channels, 3);
    const auto all = convolved<float>(c, x, w, bias, 1);
    CHECK(convolved<float>(c, x, w, bias, 3) == all);
    ConvolutionCase last = c;
    last.x.n = 1;
    const std::size_t size = c.x.size() / c.x.n, out = all.size() / c.x.n;
    const std::vector<double> sample(x.end() - std::ptrdiff_t(size), x.end());
    CHECK(convolved<float>(last, sample, w, bias, 2) ==
          std::vector<float>(all.end() - std::ptrdiff_t(out), all.end()));
  }
}

TEST_CASE("max pooling agrees with its definition and keeps what is not a number") {
  const std::vector<std::pair<nn::AveragePool, nn::Shape>> pools = {
      {{.height = 3, .width = 3, .stride = 2}, {2, 3, 17, 35}},
      {{.height = 3, .width = 3, .stride = 1, .pad = 1}, {2, 2, 8, 8}},
      {{.height = 3, .width = 3, .stride = 1, .pad = 1}, {1, 2, 5, 21}},
      {{.height = 2, .width = 4, .stride = 3, .pad = 1}, {1, 2, 6, 7}},
      {{.height = 2, .width = 2, .stride = 2}, {1, 1, 2, 1030}}};
  for (const auto& [op, in] : pools) {
    const nn::Shape out = op.output(in);
    auto x = random_values<double>(in.size(), 7);
    std::vector<double> y(out.size());
    const eigen::Ops<double> ops(2);
    ops.max_pool({op}, {x.data(), in}, {y.data(), out});
    for (std::size_t k = 0; k < out.size(); ++k)
      CHECK(y[k] == pooled_by_definition(op, in, x.data() + k / out.pixels() * in.pixels(),
                                         k / out.w % out.h, k % out.w));
    std::fill(x.begin(), x.end(), std::numeric_limits<double>::quiet_NaN());
    ops.max_pool({op}, {x.data(), in}, {y.data(), out});
    CHECK(std::isnan(y.front()));
    CHECK(std::isnan(y.back()));
  }
}

TEST_CASE("resizing of feature maps is that of their planes, clipped") {
  const nn::Shape in{2, 3, 5, 4};
  const nn::Resize op{
      .rule = ResizeRule::pil_bicubic, .height = 9, .width = 7, .lowest = -0.5, .highest = 0.5};
  const auto x = random_values<double>(in.size(), 5);
  const eigen::Ops<double> ops(2);
  std::vector<double> y(op.output(in).size()), scratch(ops.resize_scratch(op, in));
  ops.resize(op, {x.data(), in}, {y.data(), op.output(in)}, scratch);
  std::vector<double> plane(63);
  for (std::size_t k = 0; k < 6; ++k) {
    resize_plane<double>(op.rule, {5, 4}, {9, 7}, x.data() + k * 20, plane.data(), scratch.data());
    for (std::size_t i = 0; i < 63; ++i) CHECK(y[k * 63 + i] == std::clamp(plane[i], -0.5, 0.5));
  }
  CHECK(*std::max_element(y.begin(), y.end()) == 0.5);
}
