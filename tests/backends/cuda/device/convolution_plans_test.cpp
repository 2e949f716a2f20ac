// SPDX-License-Identifier: MIT
/// Convolutions on the device against Eigen's in double, with the same inputs.
#include <tuple>
#include <vector>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/cudnn_convolution.hpp>
#include <scoresde/eigen/ops.hpp>

#include "support/catch.hpp"
#include "support/channels_last.hpp"
#include "support/device_array.hpp"
#include "support/shared_context.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace scoresde;
using namespace scoresde::test;
using cuda::Bfloat16;
using cuda::ConvolutionOperands;
using cuda::ConvolutionPlans;
using cuda::DeviceMemory;
using cuda::Epilogue;
using cuda::PlanDevice;
using cuda::PlanOptions;
using cuda::Precision;

struct Bf16 {
  using T = Bfloat16;
  static constexpr Precision precision = Precision::bf16;
  static constexpr double tolerance = 1e-2;
};
struct Tf32 {
  using T = float;
  static constexpr Precision precision = Precision::tf32;
  static constexpr double tolerance = 1e-3;
};
struct Fp32 {
  using T = float;
  static constexpr Precision precision = Precision::fp32;
  static constexpr double tolerance = 1e-5;
};

/// A convolution with its operands on the host and on the device.
template <class Kind>
struct Case {
  using T = typename Kind::T;
  nn::Convolution op;
  Activations<T> x, weights, dy, bias, channel_bias, residual;
  DeviceMemory x_there, weights_there, dy_there, bias_there, channel_bias_there, residual_there;
  eigen::Ops<double> exact{1};
  std::vector<double> scratch;

  Case(const nn::Convolution& convolution, const nn::Shape& shape)
      : op(convolution),
        x(shape, 1),
        weights({op.out_channels, op.in_channels, op.kernel, op.kernel}, 2, 0, 0.1),
        dy(op.output(shape), 3),
        bias({1, op.out_channels}, 4),
        channel_bias({shape.n, op.out_channels}, 5),
        residual(op.output(shape), 6),
        x_there(on_device(context(), x.memory)),
        weights_there(on_device(context(), weights.memory)),
        dy_there(on_device(context(), dy.memory)),
        bias_there(on_device(context(), bias.memory)),
        channel_bias_there(on_device(context(), channel_bias.memory)),
        residual_there(on_device(context(), residual.memory)),
        scratch(exact.convolution_scratch(op, shape, nn::Mode::training)) {}

  [[nodiscard]] std::vector<double> forward(const Epilogue& epilogue, double scale) {
    std::vector<double> y(dy.exact.size());
    exact.convolution(op, x.view(),
                      {weights.exact.data(), epilogue.bias ? bias.exact.data() : nullptr},
                      {.channel_bias = epilogue.channel_bias ? channel_bias.exact.data() : nullptr},
                      {y.data(), dy.shape}, scratch);
    for (std::size_t i = 0; i < y.size(); ++i)
      y[i] = scale * (y[i] + (epilogue.residual ? residual.exact[i] : 0));
    return y;
  }
  [[nodiscard]] std::vector<double> data_gradient(std::vector<double> before, bool accumulate) {
    exact.convolution_backward(op, x.view(), {weights.exact.data()}, dy.view(),
                               {.x = {before.data(), accumulate}}, scratch);
    return before;
  }
  [[nodiscard]] std::vector<double> weight_gradient(std::vector<double> before) {
    exact.convolution_backward(op, x.view(), {weights.exact.data()}, dy.view(),
                               {.weights = before.data()}, scratch);
    return before;
  }
  [[nodiscard]] ConvolutionOperands operands(const Epilogue& epilogue, float scale, void* y) const {
    return {.x = x_there.data(),
            .weights = weights_there.data(),
            .residual = epilogue.residual ? residual_there.data() : nullptr,
            .bias = epilogue.bias ? bias_there.data() : nullptr,
            .channel_bias = epilogue.channel_bias ? channel_bias_there.data() : nullptr,
            .scale = scale,
            .y = y};
  }
};

struct Problem {
  nn::Convolution op;
  nn::Shape x;
};

/// Kernels, strides and padding of the networks; odd extents; images of three channels.
std::vector<Problem> problems() {
  const nn::Convolution same{.in_channels = 16, .out_channels = 24};
  nn::Convolution pointwise = same, strided = same, valid = same, stem = same, head = same;
  pointwise.kernel = 1;
  pointwise.pad_before = pointwise.pad_after = 0;
  strided.stride = valid.stride = 2;
  strided.pad_before = valid.pad_before = valid.pad_after = 0;
  stem.in_channels = 3;
  head.out_channels = 3;
  const nn::Convolution wide{.in_channels = 64, .out_channels = 64};
  return {{same, {2, 16, 8, 8}},    {same, {3, 16, 7, 5}},  {pointwise, {2, 16, 6, 6}},
          {strided, {2, 16, 8, 8}}, {valid, {2, 16, 9, 9}}, {stem, {2, 3, 8, 8}},
          {head, {2, 16, 8, 8}},    {wide, {2, 64, 16, 16}}};
}

constexpr Epilogue epilogues[] = {{},
                                  {.bias = true},
                                  {.bias = true, .channel_bias = true},
                                  {.residual = true, .bias = true},
                                  {.residual = true, .bias = true, .scale = true},
                                  {.residual = true, .channel_bias = true, .scale = true}};

/// With and without kernels generated at run time.
const std::vector<PlanOptions> ways = {{.compile = true}, {.compile = false}};

}  // namespace

TEMPLATE_TEST_CASE("convolutions and their epilogues match the double operation", "", Bf16, Tf32,
                   Fp32) {
  using T = typename TestType::T;
  for (const PlanOptions& options : ways) {
    ConvolutionPlans plans(PlanDevice(context()), TestType::precision, options);
    for (const Problem& problem : problems()) {
      Case<TestType> c(problem.op, problem.x);
      for (const Epilogue& epilogue : epilogues) {
        const auto& report = plans.plan_forward(c.op, c.x.shape, epilogue);
        CAPTURE(report.graph, report.engine, report.fused);
        const float scale = epilogue.scale ? 0.70710678f : 1.0f;
        const DeviceMemory y = poisoned_memory(context(), c.dy.memory.size() * sizeof(T));
        const DeviceMemory workspace = poisoned_memory(context(), report.workspace);
        plans.forward(c.op, c.x.shape, c.operands(epilogue, scale, y.data()), bytes_of(workspace));
        CHECK(relative_distance(from_channels_last(on_host<T>(y), c.dy.shape),
                                c.forward(epilogue, scale)) < TestType::tolerance);
      }
    }
  }
}

TEMPLATE_TEST_CASE("gradients of convolutions match the double operation", "", Bf16, Tf32, Fp32) {
  using T = typename TestType::T;
  for (const PlanOptions& options : ways) {
    ConvolutionPlans plans(PlanDevice(context()), TestType::precision, options);
    for (const Problem& problem : problems()) {
      Case<TestType> c(problem.op, problem.x);
      for (const bool accumulate : {false, true}) {
        const auto& report = plans.plan_backward_data(c.op, c.x.shape, accumulate);
        CAPTURE(report.graph, report.engine);
        const Target<T> target(c.x.shape, accumulate);
        const DeviceMemory dx = on_device(context(), target.memory);
        const DeviceMemory workspace = poisoned_memory(context(), report.workspace);
        plans.backward_data(c.op, c.x.shape, c.weights_there.data(), c.dy_there.data(),
                            {dx.data(), accumulate}, bytes_of(workspace));
        CHECK(relative_distance(from_channels_last(on_host<T>(dx), c.x.shape),
                                c.data_gradient(target.before, accumulate)) < TestType::tolerance);
      }
      const auto& report = plans.plan_backward_filter(c.op, c.x.shape);
      CAPTURE(report.graph, report.engine, report.fused);
      const Activations<float> before(c.weights.shape, 7);
      const DeviceMemory dweights = on_device(context(), before.memory);
      const DeviceMemory workspace = poisoned_memory(context(), report.workspace);
      plans.backward_filter(c.op, c.x.shape, c.x_there.data(), c.dy_there.data(),
                            dweights.data<float>(), bytes_of(workspace));
      CHECK(relative_distance(from_channels_last(on_host<float>(dweights), c.weights.shape),
                              c.weight_gradient(before.exact)) < TestType::tolerance);
    }
  }
}

TEST_CASE("convolutions are bit-reproducible, and null gradients are not computed") {
  ConvolutionPlans plans(PlanDevice(context()), Precision::bf16);
  Case<Bf16> c({.in_channels = 64, .out_channels = 64}, {4, 64, 16, 16});
  const auto& report = plans.plan_backward_filter(c.op, c.x.shape);
  const DeviceMemory workspace = poisoned_memory(context(), report.workspace);
  std::vector<float> first;
  for (int run = 0; run < 3; ++run) {
    const DeviceMemory dweights =
        on_device(context(), std::vector<float>(c.weights.memory.size(), 0));
    plans.backward_filter(c.op, c.x.shape, c.x_there.data(), c.dy_there.data(),
                          dweights.data<float>(), bytes_of(workspace));
    const auto bits = on_host<float>(dweights);
    if (run == 0) first = bits;
    CHECK(bits == first);
  }
  const std::size_t made = plans.reports().size();
  plans.backward_filter(c.op, c.x.shape, c.x_there.data(), c.dy_there.data(), nullptr, {});
  plans.backward_data(c.op, c.x.shape, c.weights_there.data(), c.dy_there.data(), {}, {});
  CHECK(plans.reports().size() == made);
}

TEST_CASE("autotuned plans match the double operation and are stored") {
  const TemporaryFolder folder;
  Case<Bf16> c({.in_channels = 64, .out_channels = 64}, {4, 64, 16, 16});
  const Epilogue parts{.residual = true, .bias = true, .scale = true};
  const auto& [convolution, shape] = std::tie(c.op, c.x.shape);
  for (int process = 0; process < 2; ++process) {
    const DeviceMemory y = poisoned_memory(context(), c.dy.memory.size() * sizeof(Bfloat16));
    const ConvolutionOperands operands = c.operands(parts, 0.5f, y.data());
    //! [convolution]
    ConvolutionPlans plans(PlanDevice(context()), Precision::bf16,
                           {.cache = folder.path(), .autotune = 4});
    const std::size_t bytes = plans.plan_forward(convolution, shape, parts).workspace;
    const DeviceMemory workspace(context(), bytes);
    plans.forward(convolution, shape, operands, {workspace.data<std::byte>(), bytes});
    //! [convolution]
    CHECK(relative_distance(from_channels_last(on_host<Bfloat16>(y), c.dy.shape),
                            c.forward(parts, 0.5)) < Bf16::tolerance);
  }
}

TEST_CASE("a workspace that is too small is rejected") {
  ConvolutionPlans plans(PlanDevice(context()), Precision::bf16, {.compile = false});
  Case<Bf16> c({.in_channels = 64, .out_channels = 64}, {4, 64, 16, 16});
  const auto& report = plans.plan_backward_filter(c.op, c.x.shape);
  REQUIRE(report.workspace > 0);
  CHECK_THROWS_WITH(plans.backward_filter(c.op, c.x.shape, c.x_there.data(), c.dy_there.data(),
                                          c.weights_there.data<float>(), {}),
                    Catch::Contains("the workspace has 0 bytes; it must have"));
}
