// SPDX-License-Identifier: MIT
/// Network operations on the CPU: GFLOP/s of each convolution of a small CIFAR-10 network at batch
/// 32, forward and backward, with Eigen's matrix product of the same FLOPs, and a whole network.
///
/// `input` is the gradient of the activations, `weights` that of the parameters. The matrix product
/// has the extents of the convolution's im2col form; forming it is not timed.
#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <scoresde/eigen/detail/core.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/registry/presets.hpp>

namespace {

using namespace scoresde;
using Ops = eigen::Ops<float>;

constexpr std::size_t batch = 32;

struct Layer {
  std::size_t in, out, side, kernel, stride = 1;
};

constexpr std::array layers{Layer{3, 32, 32, 3},  Layer{32, 32, 32, 3}, Layer{96, 32, 32, 3},
                            Layer{32, 3, 32, 3},  Layer{96, 32, 32, 1}, Layer{32, 32, 32, 3, 2},
                            Layer{32, 64, 16, 3}, Layer{64, 64, 16, 3}, Layer{128, 64, 16, 3},
                            Layer{64, 64, 16, 1}, Layer{64, 64, 8, 3},  Layer{128, 64, 8, 3},
                            Layer{96, 96, 4, 3},  Layer{192, 96, 4, 3}};

std::vector<float> normal(std::size_t count, std::uint64_t index) {
  std::vector<float> z(count);
  fill_normal(z, Noise{.seed = 1}.draw(index), 0, 0);
  return z;
}

/// A layer's tensors and scratch.
struct Case {
  explicit Case(const benchmark::State& state)
      : layer(layers[static_cast<std::size_t>(state.range(0))]),
        ops(static_cast<std::size_t>(state.range(1))),
        op{.in_channels = layer.in,
           .out_channels = layer.out,
           .kernel = layer.kernel,
           .stride = layer.stride,
           .pad_before = layer.stride == 2 ? 0 : layer.kernel / 2,
           .pad_after = layer.kernel / 2},
        shape{batch, layer.in, layer.side, layer.side},
        x(normal(shape.size(), 1)),
        w(normal(op.weight_size(), 2)),
        bias(normal(layer.out, 3)),
        y(normal(op.output(shape).size(), 4)),
        dx(x),
        dw(w),
        scratch(ops.allocate(ops.convolution_scratch(op, shape, nn::Mode::training))) {}

  [[nodiscard]] nn::View<const float> input() const { return {x.data(), shape}; }
  [[nodiscard]] nn::View<const float> gradient() const { return {y.data(), op.output(shape)}; }
  [[nodiscard]] double flops() const {
    return 2.0 *
           static_cast<double>(op.output(shape).size() * layer.in * layer.kernel * layer.kernel);
  }
  void report(benchmark::State& state) const {
    state.SetLabel(std::to_string(layer.in) + "->" + std::to_string(layer.out) + " k" +
                   std::to_string(layer.kernel) + (layer.stride == 2 ? " s2 " : " ") +
                   std::to_string(layer.side) + "x" + std::to_string(layer.side));
    state.counters["FLOP/s"] =
        benchmark::Counter(flops(), benchmark::Counter::kIsIterationInvariantRate);
  }

  Layer layer;
  Ops ops;
  nn::Convolution op;
  nn::Shape shape;
  std::vector<float> x, w, bias, y, dx, dw;
  Ops::Buffer scratch;
};

void convolution_forward(benchmark::State& state) {
  Case c(state);
  for ([[maybe_unused]] auto _ : state)
    c.ops.convolution(c.op, c.input(), {c.w.data(), c.bias.data()}, {},
                      {c.y.data(), c.op.output(c.shape)}, c.scratch);
  c.report(state);
}

void convolution_backward_input(benchmark::State& state) {
  Case c(state);
  for ([[maybe_unused]] auto _ : state)
    c.ops.convolution_backward(c.op, c.input(), {c.w.data()}, c.gradient(),
                               {.x = {c.dx.data(), false}}, c.scratch);
  c.report(state);
}

void convolution_backward_weights(benchmark::State& state) {
  Case c(state);
  for ([[maybe_unused]] auto _ : state)
    c.ops.convolution_backward(c.op, c.input(), {c.w.data()}, c.gradient(),
                               {.weights = c.dw.data()}, c.scratch);
  c.report(state);
}

void eigen_product(benchmark::State& state) {
  const Case c(state);
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto depth = static_cast<Eigen::Index>(c.op.weight_size() / c.layer.out);
  const auto out = static_cast<Eigen::Index>(c.layer.out);
  const auto pixels = static_cast<Eigen::Index>(c.op.output(c.shape).size() / c.layer.out);
  const Matrix w = Matrix::Random(out, depth), columns = Matrix::Random(depth, pixels);
  Matrix y(out, pixels);
  Eigen::setNbThreads(static_cast<int>(state.range(1)));
  for ([[maybe_unused]] auto _ : state) {
    y.noalias() = w * columns;
    benchmark::DoNotOptimize(y.data());
  }
  c.report(state);
}

void layers_and_threads(benchmark::internal::Benchmark* b) {
  b->ArgNames({"layer", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
  for (const int threads : {1, 2})
    for (std::size_t i = 0; i < layers.size(); ++i) b->Args({static_cast<int>(i), threads});
}
BENCHMARK(convolution_forward)->Apply(layers_and_threads);
BENCHMARK(convolution_backward_input)->Apply(layers_and_threads);
BENCHMARK(convolution_backward_weights)->Apply(layers_and_threads);
BENCHMARK(eigen_product)->Apply(layers_and_threads);

/// One pass over 32 images with the preset cifar10_small.
void network(benchmark::State& state, bool backward) {
  const Ops ops(static_cast<std::size_t>(state.range(0)));
  nn::Network<Ops> net(nn::unet(nn::preset("cifar10_small").network), batch, nn::Mode::training,
                       ops);
  std::vector<float> parameters(net.parameters().size()), gradient(parameters.size());
  nn::initialize<float>(net.parameters(), parameters, 1);
  const std::vector<float> x = normal(batch * net.input_shape().size(), 5);
  const std::vector<double> labels(batch, 500.0);
  std::vector<float> y(x.size());
  for ([[maybe_unused]] auto _ : state) {
    net.forward(parameters, x, labels, y);
    if (backward) net.backward(parameters, x, gradient);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch));
}
BENCHMARK_CAPTURE(network, forward, false)
    ->ArgName("threads")
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(network, forward_and_backward, true)
    ->ArgName("threads")
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
