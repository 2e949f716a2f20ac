// SPDX-License-Identifier: MIT
/// ConvolutionPlans and MatrixProducts by their definitions, over the host's memory: the
/// counterparts of cuDNN's and cuBLASLt's for the emulated device. Sums are double's.
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <scoresde/cuda/cublaslt_product.hpp>
#include <scoresde/cuda/cudnn_convolution.hpp>
#include <scoresde/cuda/kernels/bfloat16.hpp>
#include <scoresde/error.hpp>

#include "support/emulated_device.hpp"

namespace scoresde::cuda {
namespace {

/// Memory whose elements are of the precision's type.
struct Elements {
  bool rounds;
  void* data;

  [[nodiscard]] double at(std::size_t i) const {
    return rounds ? to_float(static_cast<const Bfloat16*>(data)[i])
                  : static_cast<const float*>(data)[i];
  }
  void set(std::size_t i, double value) const {
    if (rounds)
      static_cast<Bfloat16*>(data)[i] = from_float<Bfloat16>(static_cast<float>(value));
    else
      static_cast<float*>(data)[i] = static_cast<float>(value);
  }
};

/// Asks for workspace and soils it, so that parts of a scratch that overlap show.
constexpr std::size_t workspace_bytes = 1000;

void soil(const char* who, std::span<std::byte> workspace) {
  detail::require(workspace.size() >= workspace_bytes, who, ": the workspace has ",
                  workspace.size(), " bytes; it must have ", workspace_bytes);
  std::memset(workspace.data(), 0xff, workspace_bytes);
}

/// Calls use(pixel of y, tap, pixel of x) for all that meet, pixels counted over samples.
template <class Use>
void for_each_meeting(const nn::Convolution& op, const nn::Shape& x, const Use& use) {
  const nn::Shape y = op.output(x);
  for (std::size_t n = 0; n < x.n; ++n)
    for (std::size_t i = 0; i < y.h; ++i)
      for (std::size_t j = 0; j < y.w; ++j)
        for (std::size_t tap = 0; tap < op.kernel * op.kernel; ++tap) {
          const std::size_t row = i * op.stride + tap / op.kernel;
          const std::size_t column = j * op.stride + tap % op.kernel;
          if (row < op.pad_before || row - op.pad_before >= x.h) continue;
          if (column < op.pad_before || column - op.pad_before >= x.w) continue;
          use((n * y.h + i) * y.w + j, tap,
              (n * x.h + row - op.pad_before) * x.w + column - op.pad_before);
        }
}

}  // namespace

struct PlanTarget {
  Context context;
  std::string name = "emulated device";
};

PlanDevice::PlanDevice(const Context& context)
    : target_(std::make_shared<const PlanTarget>(PlanTarget{context})) {}
const std::string& PlanDevice::name() const { return target_->name; }

struct ConvolutionPlans::Implementation {
  PlanDevice device;
  bool rounds;
  PlanReport report{.graph = "convolution", .engine = "emulated", .workspace = workspace_bytes};

  [[nodiscard]] Elements elements(const void* data) const {
    return {rounds, const_cast<void*>(data)};
  }
  /// Work of the stream: at once, or when the graph is launched.
  template <class Work>
  void run(std::span<std::byte> workspace, const Work& work) const {
    run_emulated(device.target().context.stream(), [=] {
      soil("convolution", workspace);
      work();
    });
  }
};

ConvolutionPlans::ConvolutionPlans(PlanDevice device, Precision precision, PlanOptions)
    : implementation_(new Implementation{std::move(device), precision == Precision::bf16}) {}
ConvolutionPlans::~ConvolutionPlans() = default;
ConvolutionPlans::ConvolutionPlans(ConvolutionPlans&&) noexcept = default;
ConvolutionPlans& ConvolutionPlans::operator=(ConvolutionPlans&&) noexcept = default;

const PlanReport& ConvolutionPlans::plan_forward(const nn::Convolution&, const nn::Shape&,
                                                 const Epilogue&) {
  return implementation_->report;
}
const PlanReport& ConvolutionPlans::plan_backward_data(const nn::Convolution&, const nn::Shape&,
                                                       bool) {
  return implementation_->report;
}
const PlanReport& ConvolutionPlans::plan_backward_filter(const nn::Convolution&, const nn::Shape&) {
  return implementation_->report;
}
std::vector<PlanReport> ConvolutionPlans::reports() const { return {implementation_->report}; }

void ConvolutionPlans::forward(const nn::Convolution& op, const nn::Shape& x,
                               const ConvolutionOperands& in, std::span<std::byte> workspace) {
  const auto of = [this](const void* data) { return implementation_->elements(data); };
  implementation_->run(workspace, [=] {
    const nn::Shape y = op.output(x);
    const std::size_t pixels = y.n * y.pixels(), taps = op.kernel * op.kernel;
    std::vector<double> sums(pixels * y.c);
    for_each_meeting(op, x, [&](std::size_t to, std::size_t tap, std::size_t from) {
      for (std::size_t o = 0; o < y.c; ++o)
        for (std::size_t c = 0; c < x.c; ++c)
          sums[to * y.c + o] +=
              of(in.x).at(from * x.c + c) * of(in.weights).at((o * taps + tap) * x.c + c);
    });
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const std::size_t o = i % y.c, n = i / (y.c * y.pixels());
      if (in.residual != nullptr) sums[i] += of(in.residual).at(i);
      if (in.bias != nullptr) sums[i] += of(in.bias).at(o);
      if (in.channel_bias != nullptr) sums[i] += of(in.channel_bias).at(n * y.c + o);
      of(in.y).set(i, sums[i] * static_cast<double>(in.scale));
    }
  });
}

void ConvolutionPlans::backward_data(const nn::Convolution& op, const nn::Shape& x,
                                     const void* weights, const void* dy, nn::Gradient<void> dx,
                                     std::span<std::byte> workspace) {
  if (dx.data == nullptr) return;
  const auto of = [this](const void* data) { return implementation_->elements(data); };
  implementation_->run(workspace, [=] {
    const std::size_t out = op.out_channels, taps = op.kernel * op.kernel;
    std::vector<double> sums(x.size());
    for_each_meeting(op, x, [&](std::size_t from, std::size_t tap, std::size_t to) {
      for (std::size_t o = 0; o < out; ++o)
        for (std::size_t c = 0; c < x.c; ++c)
          sums[to * x.c + c] +=
              of(dy).at(from * out + o) * of(weights).at((o * taps + tap) * x.c + c);
    });
    for (std::size_t i = 0; i < sums.size(); ++i)
      of(dx.data).set(i, sums[i] + (dx.accumulate ? of(dx.data).at(i) : 0.0));
  });
}

void ConvolutionPlans::backward_filter(const nn::Convolution& op, const nn::Shape& x,
                                       const void* input, const void* dy, float* dweights,
                                       std::span<std::byte> workspace) {
  if (dweights == nullptr) return;
  const auto of = [this](const void* data) { return implementation_->elements(data); };
  implementation_->run(workspace, [=] {
    const std::size_t out = op.out_channels, taps = op.kernel * op.kernel;
    std::vector<double> sums(op.weight_size());
    for_each_meeting(op, x, [&](std::size_t to, std::size_t tap, std::size_t from) {
      for (std::size_t o = 0; o < out; ++o)
        for (std::size_t c = 0; c < x.c; ++c)
          sums[(o * taps + tap) * x.c + c] +=
              of(dy).at(to * out + o) * of(input).at(from * x.c + c);
    });
    for (std::size_t i = 0; i < sums.size(); ++i) dweights[i] += static_cast<float>(sums[i]);
  });
}

struct MatrixProducts::Implementation {
  Context context;
  bool rounds;
};

MatrixProducts::MatrixProducts(const Context& context, Precision precision, std::size_t)
    : implementation_(new Implementation{context, precision == Precision::bf16}) {}
MatrixProducts::~MatrixProducts() = default;
MatrixProducts::MatrixProducts(MatrixProducts&&) noexcept = default;
MatrixProducts& MatrixProducts::operator=(MatrixProducts&&) noexcept = default;

std::size_t MatrixProducts::plan(const MatrixProduct&) { return workspace_bytes; }

void MatrixProducts::run(const MatrixProduct& p, const ProductOperands& in,
                         std::span<std::byte> workspace) {
  detail::require(p.bias == (in.bias != nullptr), "product: its bias is given or missing");
  const bool rounds = implementation_->rounds;
  run_emulated(implementation_->context.stream(), [=] {
    soil("product", workspace);
    const auto of = [rounds](const void* data) {
      return Elements{rounds, const_cast<void*>(data)};
    };
    const Elements c{rounds && !p.float32_c, in.c}, bias{c.rounds, const_cast<void*>(in.bias)};
    const auto row = [](std::size_t given, std::size_t length) {
      return given > 0 ? given : length;
    };
    const std::size_t row_a = row(p.row_a, p.transpose_a ? p.m : p.k);
    const std::size_t row_b = row(p.row_b, p.transpose_b ? p.k : p.n), row_c = row(p.row_c, p.n);
    const std::size_t size_a = (p.transpose_a ? p.k : p.m) * row_a;
    const std::size_t size_b = (p.transpose_b ? p.n : p.k) * row_b;
    for (std::size_t s = 0; s < p.batch; ++s)
      for (std::size_t i = 0; i < p.m; ++i)
        for (std::size_t j = 0; j < p.n; ++j) {
          double sum = 0;
          for (std::size_t k = 0; k < p.k; ++k)
            sum += of(in.a).at(s * size_a + (p.transpose_a ? k * row_a + i : i * row_a + k)) *
                   of(in.b).at(s * size_b + (p.transpose_b ? j * row_b + k : k * row_b + j));
          const std::size_t at = s * p.m * row_c + i * row_c + j;
          double value = static_cast<double>(in.alpha) * sum;
          if (in.beta != 0) value += static_cast<double>(in.beta) * c.at(at);
          if (in.bias != nullptr) value += bias.at(j);
          c.set(at, value);
        }
  });
}

}  // namespace scoresde::cuda
