// SPDX-License-Identifier: MIT
#include <scoresde/eigen/detail/channels_last.hpp>
#include <scoresde/eigen/detail/convolution.hpp>
#include <scoresde/eigen/detail/convolution_weights.hpp>
#include <scoresde/eigen/detail/tile.hpp>
#include <scoresde/eigen/detail/window.hpp>
#include <scoresde/eigen/detail/winograd.hpp>
#include <scoresde/eigen/detail/winograd_transforms.hpp>
#include <scoresde/eigen/detail/winograd_weights.hpp>
#include <scoresde/eigen/ops.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

struct Case {
  nn::Convolution op;
  nn::Shape x;
};

nn::Convolution convolution(std::size_t in, std::size_t out, std::size_t kernel, std::size_t stride,
                            std::size_t before, std::size_t after, bool input_major = false,
                            double scale = 1) {
  return {.in_channels = in,
          .out_channels = out,
          .kernel = kernel,
          .stride = stride,
          .pad_before = before,
          .pad_after = after,
          .input_major = input_major,
          .scale = scale};
}

/// Odd extents, one or several samples, and every code path: pointwise, in-place packets, panels,
/// strides.
const std::vector<Case> cases = {
    {convolution(3, 5, 3, 1, 1, 1), {3, 3, 7, 5}},
    {convolution(5, 3, 3, 1, 1, 1, false, 0.7), {1, 5, 4, 8}},
    {convolution(2, 9, 3, 1, 1, 1), {3, 2, 3, 16}},
    {convolution(9, 17, 3, 1, 1, 1), {1, 9, 2, 4}},
    {convolution(4, 3, 3, 2, 0, 1, false, -1.5), {3, 4, 8, 6}},
    {convolution(3, 4, 3, 2, 1, 1), {1, 3, 7, 5}},
    {convolution(3, 2, 3, 1, 2, 0), {3, 3, 5, 6}},
    {convolution(2, 3, 5, 3, 1, 4), {1, 2, 9, 7}},
    {convolution(2, 3, 2, 2, 0, 0), {3, 2, 6, 5}},
    {convolution(3, 2, 4, 1, 1, 2), {1, 3, 5, 4}},
    {convolution(11, 6, 1, 1, 0, 0), {3, 11, 5, 3}},
    {convolution(4, 9, 1, 1, 0, 0, true, 0.5), {3, 4, 4, 4}},
    {convolution(5, 3, 1, 2, 0, 0), {1, 5, 5, 7}},
    {convolution(2, 3, 1, 1, 1, 1), {1, 2, 3, 4}},
};

template <class T>
struct Terms {
  const T *bias, *channel_bias, *residual;
};

/// y by definition, in double.
template <class T>
std::vector<double> by_definition(const Case& c, const std::vector<T>& x, const std::vector<T>& w,
                                  const Terms<T>& add) {
  const nn::Shape in = c.x, out = c.op.output(in);
  const std::size_t k = c.op.kernel;
  std::vector<double> y;
  for (std::size_t n = 0; n < out.n; ++n)
    for (std::size_t o = 0; o < out.c; ++o)
      for (std::size_t i = 0; i < out.h; ++i)
        for (std::size_t j = 0; j < out.w; ++j) {
          double sum = add.bias != nullptr ? add.bias[o] : 0;
          if (add.channel_bias != nullptr) sum += add.channel_bias[n * out.c + o];
          if (add.residual != nullptr) sum += add.residual[y.size()];
          for (std::size_t ch = 0; ch < in.c; ++ch)
            for (std::size_t a = 0; a < k; ++a)
              for (std::size_t b = 0; b < k; ++b) {
                const std::size_t row = i * c.op.stride + a, column = j * c.op.stride + b;
                if (row < c.op.pad_before || column < c.op.pad_before) continue;
                if (row - c.op.pad_before >= in.h || column - c.op.pad_before >= in.w) continue;
                const std::size_t weight =
                    c.op.input_major ? ch * out.c + o : ((o * in.c + ch) * k + a) * k + b;
                sum +=
                    static_cast<double>(w[weight]) *
                    static_cast<double>(x[((n * in.c + ch) * in.h + row - c.op.pad_before) * in.w +
                                          column - c.op.pad_before]);
              }
          y.push_back(sum * c.op.scale);
        }
  return y;
}

template <class T>
struct Values {
  std::vector<T> x, w, bias, channel_bias, residual, dy;
  [[nodiscard]] Terms<T> terms() const {
    return {bias.data(), channel_bias.data(), residual.data()};
  }
};

template <class T>
Values<T> values_of(const Case& c) {
  const nn::Shape y = c.op.output(c.x);
  return {random_values<T>(c.x.size(), 1), random_values<T>(c.op.weight_size(), 2),
          random_values<T>(y.c, 3),        random_values<T>(y.n * y.c, 4),
          random_values<T>(y.size(), 6),   random_values<T>(y.size(), 5)};
}

template <class T>
std::vector<T> forward(const Case& c, const Values<T>& v, std::size_t threads, const Terms<T>& add,
                       const T* prepared = nullptr) {
  const eigen::Ops<T> ops(threads);
  GuardedScratch<T> scratch(ops.convolution_scratch(c.op, c.x, nn::Mode::training));
  std::vector<T> y = not_a_number<T>(c.op.output(c.x).size());
  ops.convolution(c.op, {v.x.data(), c.x}, {v.w.data(), add.bias, prepared},
                  {add.channel_bias, add.residual}, {y.data(), c.op.output(c.x)}, scratch.span());
  REQUIRE(scratch.intact());
  return y;
}

/// The same with weights prepared beforehand.
template <class T>
std::vector<T> forward_prepared(const Case& c, const Values<T>& v, const Terms<T>& add) {
  const eigen::Ops<T> ops(2);
  GuardedScratch<T> prepared(ops.convolution_prepared_size(c.op, nn::Mode::inference));
  ops.prepare_convolution(c.op, {v.w.data()}, prepared.span().data());
  REQUIRE(prepared.intact());
  return forward(c, v, 2, add, prepared.span().data());
}

template <class T>
struct Gradients {
  std::vector<T> dx, dw, dbias, dchannel_bias, dresidual;
};

template <class T>
Gradients<T> backward(const Case& c, const Values<T>& v, std::size_t threads) {
  const eigen::Ops<T> ops(threads);
  GuardedScratch<T> scratch(ops.convolution_scratch(c.op, c.x, nn::Mode::training));
  Gradients<T> g{not_a_number<T>(v.x.size()), std::vector<T>(v.w.size()),
                 std::vector<T>(v.bias.size()), not_a_number<T>(v.channel_bias.size()),
                 not_a_number<T>(v.residual.size())};
  ops.convolution_backward(c.op, {v.x.data(), c.x}, {v.w.data()}, {v.dy.data(), c.op.output(c.x)},
                           {.x = {g.dx.data(), false},
                            .weights = g.dw.data(),
                            .bias = g.dbias.data(),
                            .channel_bias = {g.dchannel_bias.data(), false},
                            .residual = {g.dresidual.data(), false}},
                           scratch.span());
  REQUIRE(scratch.intact());
  return g;
}

}  // namespace

TEST_CASE("convolution matches its definition, with and without fused terms") {
  constexpr const double* none = nullptr;
  for (const Case& c : cases) {
    const auto v = values_of<double>(c);
    for (const std::size_t threads : {1u, 2u, 3u})
      for (const double* bias : {none, v.bias.data()})
        for (const double* channel_bias : {none, v.channel_bias.data()})
          for (const double* residual : {none, v.residual.data()}) {
            const Terms<double> add{bias, channel_bias, residual};
            CHECK(relative_distance(forward(c, v, threads, add), by_definition(c, v.x, v.w, add)) <
                  1e-14);
          }
  }
}

TEST_CASE("prepared weights give bit-identical convolutions") {
  for (const Case& c : cases) {
    const auto v = values_of<double>(c);
    CHECK(forward_prepared(c, v, v.terms()) == forward(c, v, 2, v.terms()));
    const auto single = values_of<float>(c);
    CHECK(forward_prepared(c, single, single.terms()) == forward(c, single, 1, single.terms()));
  }
}

TEST_CASE("convolution gradients match central differences") {
  for (const Case& c : cases) {
    auto v = values_of<double>(c);
    INFO("kernel " << c.op.kernel << " stride " << c.op.stride << " in " << c.op.in_channels);
    const auto loss = [&] { return dot(v.dy, by_definition(c, v.x, v.w, v.terms())); };
    const std::size_t threads = 1 + c.x.n % 3;
    const Gradients<double> g = backward(c, v, threads);
    CHECK(relative_distance(g.dx, central_differences(v.x, loss)) < difference_tolerance);
    CHECK(relative_distance(g.dw, central_differences(v.w, loss)) < difference_tolerance);
    CHECK(relative_distance(g.dbias, central_differences(v.bias, loss)) < difference_tolerance);
    CHECK(relative_distance(g.dchannel_bias, central_differences(v.channel_bias, loss)) <
          difference_tolerance);
    CHECK(relative_distance(g.dresidual, central_differences(v.residual, loss)) <
          difference_tolerance);
  }
}

TEST_CASE("convolution gradients are skipped, written or added as requested") {
  for (const Case& c : cases) {
    const auto v = values_of<double>(c);
    const Gradients<double> g = backward(c, v, 2);
    const eigen::Ops<double> ops(2);
    GuardedScratch<double> scratch(ops.convolution_scratch(c.op, c.x, nn::Mode::training));
    const nn::View<const double> x{v.x.data(), c.x}, dy{v.dy.data(), c.op.output(c.x)};
    const auto run = [&](const nn::ConvolutionGradients<double>& to) {
      ops.convolution_backward(c.op, x, {v.w.data()}, dy, to, scratch.span());
    };
    CHECK(gradient_error(g.dx, [&](auto d) { run({.x = d}); }) < 1e-14);
    CHECK(gradient_error(g.dchannel_bias, [&](auto d) { run({.channel_bias = d}); }) < 1e-14);
    CHECK(gradient_error(g.dresidual, [&](auto d) { run({.residual = d}); }) < 1e-14);
    std::vector<double> dw = v.w, db = v.bias;
    run({.weights = dw.data()});
    run({.bias = db.data()});
    CHECK(relative_distance(dw, sum_of(v.w, g.dw)) < 1e-14);
    CHECK(relative_distance(db, sum_of(v.bias, g.dbias)) < 1e-14);
  }
}

namespace {

/// The shapes of a small U-Net, on which float takes its fast paths.
const std::vector<Case> network_cases = {
    {convolution(3, 32, 3, 1, 1, 1), {3, 3, 32, 32}},
    {convolution(32, 3, 3, 1, 1, 1), {1, 32, 32, 32}},
    {convolution(32, 40, 3, 1, 1, 1), {3, 32, 16, 16}},
    {convolution(20, 32, 3, 1, 1, 1), {4, 20, 8, 8}},
    {convolution(64, 33, 3, 1, 1, 1), {5, 64, 4, 4}},
    {convolution(32, 32, 3, 2, 0, 1), {2, 32, 16, 16}},
    {convolution(48, 32, 1, 1, 0, 0), {3, 48, 16, 16}},
    {convolution(32, 48, 1, 1, 0, 0, true), {3, 32, 8, 8}},
    // Winograd tiles: cut by the border, more than one round of them, rounds that end inside a row.
    {convolution(17, 24, 3, 1, 1, 1, false, 0.7), {2, 17, 9, 11}},
    {convolution(16, 19, 3, 1, 2, 0), {3, 16, 8, 13}},
    {convolution(16, 16, 3, 1, 0, 0), {1, 16, 10, 10}},
    {convolution(18, 16, 3, 1, 1, 1), {1, 18, 37, 61}},
    {convolution(16, 17, 3, 1, 1, 1), {11, 16, 8, 25}},
    {convolution(16, 16, 3, 1, 1, 1), {1, 16, 8, 520}},
};

/// 3×3 convolutions of stride 1 over complete tiles, which float computes in Winograd's domain.
bool in_tiles(const Case& c) {
  const nn::Shape y = c.op.output(c.x);
  return c.op.kernel == 3 && c.op.stride == 1 && std::min(y.h, y.w) >= 8 &&
         std::min(c.op.in_channels, c.op.out_channels) >= 16;
}

}  // namespace

TEST_CASE("convolution in float is accurate to rounding") {
  for (const Case& c : network_cases) {
    const auto single = values_of<float>(c);
    const auto wide = values_of<double>(c);
    const auto y = by_definition(c, single.x, single.w, single.terms());
    const double bound = in_tiles(c) ? 2e-6 : 1e-6;
    CHECK(relative_distance(forward(c, single, 2, single.terms()), y) < bound);
    CHECK(relative_distance(forward(c, wide, 2, wide.terms()), y) < 1e-14);
    const auto g = backward(c, single, 2);
    const auto reference = backward(c, wide, 2);
    CHECK(relative_distance(g.dx, reference.dx) < bound);
    CHECK(relative_distance(g.dw, reference.dw) < 2e-6);
    CHECK(relative_distance(g.dbias, reference.dbias) < 1e-5);
    CHECK(relative_distance(g.dchannel_bias, reference.dchannel_bias) < 1e-5);
  }
}

TEST_CASE("convolution is bit-identical for any number of threads, forward and backward") {
  for (const Case& c : network_cases) {
    const auto v = values_of<float>(c);
    const auto y = forward<float>(c, v, 1, v.terms());
    const auto one = backward(c, v, 1);
    CHECK(y == forward<float>(c, v, 2, v.terms()));
    CHECK(y == forward<float>(c, v, 3, v.terms()));
    for (const std::size_t threads : {2u, 3u, 16u}) {
      const auto many = backward(c, v, threads);
      CHECK(one.dx == many.dx);
      CHECK(one.dw == many.dw);
      CHECK(one.dbias == many.dbias);
      CHECK(one.dchannel_bias == many.dchannel_bias);
    }
  }
}

TEST_CASE("a sample's convolution is bit-identical alone and in a batch") {
  for (const Case& c : network_cases) {
    if (c.x.n == 1) continue;
    const auto v = values_of<float>(c);
    const auto batch = forward<float>(c, v, 2, v.terms());
    const auto gradient = backward(c, v, 2).dx;
    const std::size_t out = batch.size() / c.x.n, in = v.x.size() / c.x.n, k = c.x.n - 1;
    const auto last = [k](const std::vector<float>& all, std::size_t size) {
      return std::vector<float>(all.begin() + static_cast<std::ptrdiff_t>(k * size), all.end());
    };
    Case one = c;
    one.x.n = 1;
    Values<float> alone = v;
    alone.x = last(v.x, in);
    alone.dy = last(v.dy, out);
    alone.residual = last(v.residual, out);
    alone.channel_bias = last(v.channel_bias, c.op.out_channels);
    CHECK(forward<float>(one, alone, 1, alone.terms()) == last(batch, out));
    CHECK(backward(one, alone, 1).dx == last(gradient, in));
  }
}
