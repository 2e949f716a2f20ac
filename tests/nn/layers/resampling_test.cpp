// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <numeric>
#include <variant>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/layers/block_settings.hpp>
#include <scoresde/nn/layers/resampling.hpp>
#include <scoresde/nn/runtime/network.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;
using nn::Resample;

namespace {

/// One plane, zero outside.
struct Plane {
  std::ptrdiff_t h, w;
  std::vector<double> values;

  Plane(std::ptrdiff_t height, std::ptrdiff_t width)
      : h(height), w(width), values(std::size_t(height * width)) {}
  [[nodiscard]] double at(std::ptrdiff_t i, std::ptrdiff_t j) const {
    return i < 0 || j < 0 || i >= h || j >= w ? 0.0 : values[std::size_t(i * w + j)];
  }
  double& operator()(std::ptrdiff_t i, std::ptrdiff_t j) { return values[std::size_t(i * w + j)]; }
};

/// A zero after every pixel but the last.
Plane with_zeros_between(const Plane& x) {
  Plane y(2 * x.h - 1, 2 * x.w - 1);
  for (std::ptrdiff_t i = 0; i < x.h; ++i)
    for (std::ptrdiff_t j = 0; j < x.w; ++j) y(2 * i, 2 * j) = x.at(i, j);
  return y;
}

/// Σ k[a, b] x[i + a − before, j + b − before], k square.
Plane correlate(const Plane& x, const std::vector<double>& k, std::ptrdiff_t side,
                std::ptrdiff_t before, std::ptrdiff_t after, std::ptrdiff_t stride = 1) {
  Plane y((x.h + before + after - side) / stride + 1, (x.w + before + after - side) / stride + 1);
  for (std::ptrdiff_t i = 0; i < y.h; ++i)
    for (std::ptrdiff_t j = 0; j < y.w; ++j)
      for (std::ptrdiff_t a = 0; a < side; ++a)
        for (std::ptrdiff_t b = 0; b < side; ++b)
          y(i, j) +=
              k[std::size_t(a * side + b)] * x.at(i * stride + a - before, j * stride + b - before);
  return y;
}

/// The outer product of the taps, of sum `gain`, flipped for `correlate`.
std::vector<double> outer(const std::vector<double>& taps, double gain) {
  const double sum = std::accumulate(taps.begin(), taps.end(), 0.0);
  std::vector<double> k;
  for (auto a = taps.rbegin(); a != taps.rend(); ++a)
    for (auto b = taps.rbegin(); b != taps.rend(); ++b) k.push_back(*a * *b * gain / (sum * sum));
  return k;
}

std::ptrdiff_t half_up(std::ptrdiff_t p) { return (p + 1) >> 1; }
std::ptrdiff_t half_down(std::ptrdiff_t p) { return p >> 1; }

/// The definition: StyleGAN2's four operations with the pads of its published TensorFlow code;
/// empty `weights`: no convolution.
Plane by_definition(const Plane& x, const std::vector<double>& taps, Resample how,
                    const std::vector<double>& weights) {
  const auto n = static_cast<std::ptrdiff_t>(taps.size());
  const bool convolved = !weights.empty();
  if (how == Resample::up) {
    const std::ptrdiff_t p = n - 2 - (convolved ? 2 : 0);
    Plane y = with_zeros_between(x);
    if (convolved) y = correlate(y, weights, 3, 2, 2);
    return correlate(y, outer(taps, 4), n, half_up(p) + 1, half_down(p) + 1);
  }
  const std::ptrdiff_t p = n - 2 + (convolved ? 2 : 0);
  const Plane y = correlate(x, outer(taps, 1), n, half_up(p), half_down(p));
  if (convolved) return correlate(y, weights, 3, 0, 0, 2);
  Plane z((y.h - 1) / 2 + 1, (y.w - 1) / 2 + 1);
  for (std::ptrdiff_t i = 0; i < z.h; ++i)
    for (std::ptrdiff_t j = 0; j < z.w; ++j) z(i, j) = y.at(2 * i, 2 * j);
  return z;
}

/// The flat buffer of a graph of one convolution, whose weight is its first tensor.
std::vector<double> flat(const nn::Graph& graph, const std::vector<double>& weights, double bias) {
  const nn::ParameterTable& table = graph.parameters();
  std::vector<double> buffer(table.size());
  std::copy(weights.begin(), weights.end(), buffer.begin() + std::ptrdiff_t(table[0].offset));
  buffer[table[1].offset] = bias;
  return buffer;
}

std::vector<double> run(const nn::Graph& graph, const std::vector<double>& parameters,
                        const std::vector<double>& x) {
  const std::vector<double> label{1.0};
  std::vector<double> y(graph.shape(graph.output()).size());
  nn::Network<eigen::Ops<double>>(graph, 1, nn::Mode::inference).forward(parameters, x, label, y);
  return y;
}

const std::vector<std::vector<double>> kernels = {
    {1, 1}, {1, 3, 3, 1}, {1, 2, 1}, {3, -1, 0.5}, {1, 4, 6, 4, 1}, {5, 1, -2, 3, 0.5}};

}  // namespace

TEST_CASE("FIR resampling matches StyleGAN2's definition for any taps") {
  for (const auto& taps : kernels)
    for (const Resample how : {Resample::up, Resample::down}) {
      CAPTURE(taps, int(how));
      Plane x(6, 10);
      x.values = small::normals<double>(60, 3);
      nn::Graph graph(1, 6, 10);
      nn::resample(graph, graph.input(), how, {.fir = taps});
      const Plane wanted = by_definition(x, taps, how, {});
      const auto y = run(graph, {}, x.values);
      REQUIRE(y.size() == (how == Resample::up ? 240 : 15));
      REQUIRE(y.size() == wanted.values.size());
      for (std::size_t i = 0; i < y.size(); ++i)
        CHECK(y[i] == Approx(wanted.values[i]).epsilon(1e-12).margin(1e-13));
    }
}

TEST_CASE("convolutions with a filter match upsample, convolve, filter, and the reverse") {
  for (const auto& taps : kernels)
    for (const Resample how : {Resample::up, Resample::down}) {
      CAPTURE(taps, int(how));
      Plane x(6, 10);
      x.values = small::normals<double>(60, 3);
      nn::Graph graph(1, 6, 10);
      nn::resample_with_convolution(graph, graph.input(), "r", 1, how, {.fir = taps});
      REQUIRE(graph.parameters().contains("r.Conv2d_0.weight"));
      const std::vector<double> weights = small::normals<double>(9, 4);
      const Plane wanted = by_definition(x, taps, how, weights);
      const auto y = run(graph, flat(graph, weights, 0.25), x.values);
      REQUIRE(y.size() == (how == Resample::up ? 240 : 15));
      REQUIRE(y.size() == wanted.values.size());
      for (std::size_t i = 0; i < y.size(); ++i)
        CHECK(y[i] == Approx(wanted.values[i] + 0.25).epsilon(1e-12).margin(1e-13));
    }
}

TEST_CASE("a filter with unit sum preserves constants away from the border, up and down") {
  for (const auto& taps : kernels)
    for (const Resample how : {Resample::up, Resample::down}) {
      nn::Graph graph(1, 16, 16);
      nn::resample(graph, graph.input(), how, {.fir = taps});
      const auto y = run(graph, {}, std::vector<double>(256, 3.0));
      const std::size_t side = how == Resample::up ? 32 : 8;
      // Upsampling weights even and odd pixels with half the taps each: equal for binomial taps
      // only.
      const double even =
          taps[0] + (taps.size() > 2 ? taps[2] : 0) + (taps.size() > 4 ? taps[4] : 0);
      const double sum = std::accumulate(taps.begin(), taps.end(), 0.0);
      if (how == Resample::up && std::abs(2 * even - sum) > 1e-12) continue;
      CHECK(y[side / 2 * side + side / 2] == Approx(3.0).epsilon(1e-12));
    }
}

TEST_CASE("plain resampling pads below and right only, and names its layer Conv_0") {
  nn::Graph graph(1, 4, 6);
  nn::resample_with_convolution(graph, graph.input(), "d", 1, Resample::down, {});
  REQUIRE(graph.parameters().contains("d.Conv_0.weight"));
  Plane x(4, 6);
  x.values = small::normals<double>(24, 3);
  const std::vector<double> weights = small::normals<double>(9, 4);
  const Plane wanted = correlate(x, weights, 3, 0, 1, 2);
  const auto y = run(graph, flat(graph, weights, 0), x.values);
  REQUIRE(y.size() == 6);
  for (std::size_t i = 0; i < y.size(); ++i) CHECK(y[i] == Approx(wanted.values[i]).epsilon(1e-13));

  nn::Graph doubled(1, 4, 6);
  nn::resample_with_convolution(doubled, doubled.input(), "u", 1, Resample::up, {});
  Plane twice(8, 12);
  for (std::ptrdiff_t i = 0; i < 8; ++i)
    for (std::ptrdiff_t j = 0; j < 12; ++j) twice(i, j) = x.at(i / 2, j / 2);
  const Plane large = correlate(twice, weights, 3, 1, 1);
  const auto z = run(doubled, flat(doubled, weights, 0), x.values);
  REQUIRE(z.size() == 96);
  for (std::size_t i = 0; i < z.size(); ++i)
    CHECK(z[i] == Approx(large.values[i]).epsilon(1e-13).margin(1e-14));
}

TEST_CASE("Resample::none is the identity, and downsampling rejects odd extents") {
  nn::Graph graph(1, 5, 4);
  CHECK(nn::resample(graph, graph.input(), Resample::none, {}) == graph.input());
  CHECK_THROWS_WITH(nn::resample(graph, graph.input(), Resample::down, {}),
                    Catch::Matchers::Contains("5×4"));
}

TEST_CASE("a plain downsampling convolution pads below and right, or all sides") {
  for (const bool symmetric : {false, true}) {
    nn::Graph graph(4, 8, 8);
    const nn::BlockSettings settings{.symmetric_halving = symmetric};
    const nn::Tensor half =
        nn::resample_with_convolution(graph, graph.input(), "r", 6, Resample::down, settings);
    CHECK(graph.shape(half) == nn::Shape{1, 6, 4, 4});
    const auto& op = std::get<nn::node::Convolution>(graph.nodes().back().operation).shape;
    CHECK(op.stride == 2);
    CHECK(op.pad_before == std::size_t{symmetric});
    CHECK(op.pad_after == 1);
  }
}
