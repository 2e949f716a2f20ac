// SPDX-License-Identifier: MIT
/// Convolutions of the emulated device, in place of cuDNN, by loops on the host.
///
/// Sums are float; results are rounded to the activation type. If run-time compiled kernels are
/// disabled (PlanOptions::compile), the epilogue and the sum of a rounded weight gradient are the
/// library's own kernels, as on a device. A run requires a small workspace and overwrites it.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include <scoresde/cuda/bfloat16.hpp>
#include <scoresde/cuda/cudnn_convolution.hpp>

#include "convolution_geometry.hpp"
#include "cudnn_epilogue.hpp"
#include "support/emulated_device.hpp"

namespace scoresde::cuda {

struct PlanTarget {
  Context context;
  std::string name;
};

PlanDevice::PlanDevice(const Context& context)
    : target_(std::make_shared<PlanTarget>(PlanTarget{context, context.name()})) {}
const std::string& PlanDevice::name() const { return target_->name; }

namespace {

constexpr std::size_t spoiled = 64;  ///< workspace size in bytes

/// Calls visit(offset of an output pixel, offset of an input pixel, tap) for all taps that hit the
/// image.
template <class Visit>
void for_each_tap(const ConvolutionGeometry& op, const nn::Shape& x, const Visit& visit) {
  const nn::Shape y = op.output(x);
  for (std::size_t pixel = 0; pixel < y.n * y.pixels(); ++pixel)
    for (std::size_t tap = 0; tap < op.taps(); ++tap) {
      const std::size_t row = pixel / y.w % y.h * op.stride + tap / op.kernel[1];
      const std::size_t column = pixel % y.w * op.stride + tap % op.kernel[1];
      const std::size_t h = row - op.before[0], w = column - op.before[1];
      if (h < x.h && w < x.w)  // negative positions wrap around to huge values
        visit(pixel * y.c, (pixel / y.pixels() * x.pixels() + h * x.w + w) * x.c, tap);
    }
}

template <class T>
std::vector<float> floats(const void* from, std::size_t count) {
  std::vector<float> values(count);
  const T* const numbers = static_cast<const T*>(from);
  std::transform(numbers, numbers + count, values.begin(), [](T v) { return to_float(v); });
  return values;
}

template <class T>
void put(const std::vector<float>& values, void* to) {
  std::transform(values.begin(), values.end(), static_cast<T*>(to),
                 [](float value) { return from_float<T>(value); });
}

/// A convolution with weights (out, k, k, in): forward, backward data and backward filter.
template <class T>
struct Convolved {
  ConvolutionGeometry op;
  nn::Shape x;

  [[nodiscard]] std::size_t weight(std::size_t out, std::size_t tap) const {
    return (out * op.taps() + tap) * op.in_channels;
  }

  void forward(const ConvolutionOperands& o) const {
    const std::vector<float> in = floats<T>(o.x, x.size());
    const std::vector<float> weights = floats<T>(o.weights, op.weight_size());
    std::vector<float> y(op.output(x).size());
    for_each_tap(op, x, [&](std::size_t to, std::size_t from, std::size_t tap) {
      for (std::size_t k = 0; k < op.out_channels; ++k) {
        const float* const w = weights.data() + weight(k, tap);
        float sum = 0;
        for (std::size_t c = 0; c < op.in_channels; ++c) sum += w[c] * in[from + c];
        y[to + k] += sum;
      }
    });
    put<T>(y, o.y);
  }

  void fused(const ConvolutionOperands& o) const {
    forward(o);
    const nn::Shape shape = op.output(x);
    std::vector<float> y = floats<T>(o.y, shape.size());
    const auto add = [&](const void* part, std::size_t count, const auto& at) {
      if (part == nullptr) return;
      const std::vector<float> values = floats<T>(part, count);
      for (std::size_t i = 0; i < y.size(); ++i) y[i] += values[at(i)];
    };
    const std::size_t c = shape.c, pixels = shape.pixels();
    add(o.residual, y.size(), [](std::size_t i) { return i; });
    add(o.bias, c, [c](std::size_t i) { return i % c; });
    add(o.channel_bias, shape.n * c,
        [c, pixels](std::size_t i) { return i / (c * pixels) * c + i % c; });
    for (float& value : y) value *= o.scale;
    if (o.relu)
      for (float& value : y) value = value < 0 ? 0 : value;
    put<T>(y, o.y);
  }

  void backward_data(const void* weights, const void* dy, nn::Gradient<void> dx) const {
    const std::vector<float> w = floats<T>(weights, op.weight_size());
    const std::vector<float> out = floats<T>(dy, op.output(x).size());
    std::vector<float> sum(x.size());
    if (dx.accumulate) sum = floats<T>(dx.data, x.size());
    for_each_tap(op, x, [&](std::size_t from, std::size_t to, std::size_t tap) {
      for (std::size_t k = 0; k < op.out_channels; ++k)
        for (std::size_t c = 0; c < op.in_channels; ++c)
          sum[to + c] += out[from + k] * w[weight(k, tap) + c];
    });
    put<T>(sum, dx.data);
  }

  [[nodiscard]] std::vector<float> weight_gradient(const void* input, const void* dy) const {
    const std::vector<float> in = floats<T>(input, x.size());
    const std::vector<float> out = floats<T>(dy, op.output(x).size());
    std::vector<float> sum(op.weight_size());
    for_each_tap(op, x, [&](std::size_t to, std::size_t from, std::size_t tap) {
      for (std::size_t k = 0; k < op.out_channels; ++k)
        for (std::size_t c = 0; c < op.in_channels; ++c)
          sum[weight(k, tap) + c] += out[to + k] * in[from + c];
    });
    return sum;
  }
};

}  // namespace

struct ConvolutionPlans::Implementation {
  Context context;
  Precision precision;
  bool fuses;
  std::vector<std::unique_ptr<PlanReport>> reports;

  const PlanReport& report(std::size_t rounded_gradient = 0) {
    reports.push_back(std::make_unique<PlanReport>(
        PlanReport{"convolution", "emulated", spoiled + rounded_gradient, fuses, 0}));
    return *reports.back();
  }
  [[nodiscard]] std::size_t rounded_gradient(const nn::Convolution& op) const {
    return fuses || precision != Precision::bf16 ? 0 : op.weight_size() * sizeof(Bfloat16);
  }

  /// Executes the work, or records it during graph capture, and overwrites the workspace.
  template <class Work>
  void ask(std::span<std::byte> workspace, std::size_t needed, const Work& work) const {
    require(workspace.size() >= needed, "convolution: the workspace has ", workspace.size(),
            " bytes; it must have at least ", needed);
    const auto all = [=, which = precision] {
      std::memset(workspace.data(), 0xff, needed);
      if (which == Precision::bf16)
        work(Bfloat16{});
      else
        work(float{});
    };
    if (context.stream()->captured != nullptr)
      context.stream()->captured->emplace_back(all);
    else
      all();
  }

  void forward(const ConvolutionGeometry& op, const nn::Shape& x,
               const ConvolutionOperands& operands, std::span<std::byte> workspace) const {
    ask(workspace, spoiled, [=, fused = fuses]<class T>(T) {
      const Convolved<T> convolved{op, x};
      fused ? convolved.fused(operands) : convolved.forward(operands);
    });
    if (!fuses) apply_epilogue(context, precision, op.output(x), operands);
  }
};

ConvolutionPlans::ConvolutionPlans(PlanDevice device, Precision precision, PlanOptions options)
    : implementation_(new Implementation{device.target().context, precision, options.compile, {}}) {
}
ConvolutionPlans::~ConvolutionPlans() = default;
ConvolutionPlans::ConvolutionPlans(ConvolutionPlans&&) noexcept = default;
ConvolutionPlans& ConvolutionPlans::operator=(ConvolutionPlans&&) noexcept = default;

const PlanReport& ConvolutionPlans::plan_forward(const nn::Convolution&, const nn::Shape&,
                                                 const Epilogue&) {
  return implementation_->report();
}
const PlanReport& ConvolutionPlans::plan_forward(const nn::RectangularConvolution&,
                                                 const nn::Shape&) {
  return implementation_->report();
}
const PlanReport& ConvolutionPlans::plan_backward_data(const nn::Convolution&, const nn::Shape&,
                                                       bool) {
  return implementation_->report();
}
const PlanReport& ConvolutionPlans::plan_backward_filter(const nn::Convolution& op,
                                                         const nn::Shape&) {
  return implementation_->report(implementation_->rounded_gradient(op));
}

void ConvolutionPlans::forward(const nn::Convolution& op, const nn::Shape& x,
                               const ConvolutionOperands& operands,
                               std::span<std::byte> workspace) {
  implementation_->forward(op, x, operands, workspace);
}
void ConvolutionPlans::forward(const nn::RectangularConvolution& op, const nn::Shape& x,
                               const ConvolutionOperands& operands,
                               std::span<std::byte> workspace) {
  implementation_->forward(op, x, operands, workspace);
}

void ConvolutionPlans::backward_data(const nn::Convolution& op, const nn::Shape& x,
                                     const void* weights, const void* dy, nn::Gradient<void> dx,
                                     std::span<std::byte> workspace) {
  if (dx.data == nullptr) return;
  implementation_->ask(workspace, spoiled, [=]<class T>(T) {
    Convolved<T>{op, x}.backward_data(weights, dy, dx);
  });
}

void ConvolutionPlans::backward_filter(const nn::Convolution& op, const nn::Shape& x,
                                       const void* input, const void* dy, float* dweights,
                                       std::span<std::byte> workspace) {
  if (dweights == nullptr) return;
  const std::size_t rounded = implementation_->rounded_gradient(op);
  implementation_->ask(workspace, spoiled + rounded, [=]<class T>(T) {
    const std::vector<float> gradient = Convolved<T>{op, x}.weight_gradient(input, dy);
    if (rounded > 0)
      put<T>(gradient, workspace.data());
    else
      for (std::size_t i = 0; i < gradient.size(); ++i) dweights[i] += gradient[i];
  });
  if (rounded > 0)
    add_rounded_gradient(implementation_->context, workspace.data(), op.weight_size(), dweights);
}

std::vector<PlanReport> ConvolutionPlans::reports() const {
  std::vector<PlanReport> all;
  for (const auto& report : implementation_->reports) all.push_back(*report);
  return all;
}

}  // namespace scoresde::cuda
