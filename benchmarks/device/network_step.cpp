// SPDX-License-Identifier: MIT
/// network_step on a GPU: passes launched one by one, and as a captured graph.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>

#include <scoresde/cuda/graph.hpp>
#include <scoresde/cuda/ops.hpp>
#include <scoresde/nn/runtime/network.hpp>

#include "ceilings.hpp"
#include "device_timer.hpp"
#include "engine/precision_option.hpp"
#include "network_passes.hpp"

namespace network_step {
namespace {

using namespace scoresde;
using cuda::FloatBuffer;
using nn::Mode;

FloatBuffer on_device(const cuda::Context& context, std::span<const float> values) {
  FloatBuffer buffer(context, values.size());
  context.copy_to_device(buffer.data(), values.data(), values.size_bytes());
  return buffer;
}

/// A network and the data of its passes on the device.
template <class A>
class DevicePasses {
 public:
  DevicePasses(const cuda::Context& context, const Options& options, const Passes& passes,
               Mode mode)
      : context_(context),
        host_(passes),
        network_(passes.graph, options.batch, mode,
                 cuda::Ops<A>(context, {.cache = options.plan_cache, .autotune = options.autotune},
                              programs::precision_of(options.precision))),
        parameters_(on_device(context, passes.parameters)),
        x_(on_device(context, passes.x)),
        v_(on_device(context, passes.v)),
        y_(context, v_.size()),
        gradient_(context, nn::differentiates(mode) ? parameters_.size() : 0),
        dx_(context, nn::differentiates(mode) ? x_.size() : 0),
        conditioning_buffer_(network_.ops().make_conditioning_buffer(options.batch)) {
    std::vector<double> factors;
    for (const double label : passes.labels) factors.push_back(network_.output_factor(label));
    conditioning_ = conditioning_buffer_.place({.labels = passes.labels, .output_scale = factors});
    if (mode == Mode::inference) network_.freeze(parameters_.span());  // as a sampler does
  }

  void forward() {
    network_.forward_conditioned(parameters_.span(), x_.data(), conditioning_, y_.data(),
                                 host_.dropout(0));
  }
  /// As autograd does between zeroed gradients and the optimizer.
  void training(std::span<float> dx = {}) {
    forward();
    context_.clear(gradient_.data(), gradient_.size() * sizeof(float));
    network_.backward(parameters_.span(), v_.span(), gradient_.span(), dx);
  }
  void operator()() { gradient_.size() == 0 ? forward() : training(); }

  void differentiate(Passes& to) {
    training(dx_.span());
    context_.copy_to_host(to.y.data(), y_.data(), to.y.size() * sizeof(float));
    context_.copy_to_host(to.dx.data(), dx_.data(), to.dx.size() * sizeof(float));
    context_.copy_to_host(to.gradient.data(), gradient_.data(), to.gradient.size() * sizeof(float));
  }

  [[nodiscard]] const nn::Network<cuda::Ops<A>>& network() const { return network_; }

 private:
  cuda::Context context_;
  const Passes& host_;
  nn::Network<cuda::Ops<A>> network_;
  FloatBuffer parameters_, x_, v_, y_, gradient_, dx_;
  cuda::ConditioningBuffer conditioning_buffer_;
  nn::Conditioning conditioning_;
};

nlohmann::ordered_json plans_of(const std::vector<cuda::PlanReport>& reports) {
  double seconds = 0;
  std::size_t fused = 0;
  for (const cuda::PlanReport& report : reports) {
    seconds += report.seconds;
    fused += report.fused ? 1 : 0;
  }
  return {{"plans", reports.size()}, {"fused_plans", fused}, {"plan_seconds", seconds}};
}

template <class A>
nlohmann::ordered_json measured(const cuda::Context& context, const Options& options) {
  Passes passes(options);
  passes.perturb();  // products of near-zero values run faster than those of a trained network
  const std::size_t before = device::bytes_taken(context);
  DevicePasses<A> step(context, options, passes,
                       options.training() ? Mode::training : Mode::inference);
  const Times eager = device::time_runs(
      context, [&] { step(); }, options.seconds / 2, options.runs);
  const cuda::Graph graph(context, [&] { step(); });
  const Times times = device::time_runs(
      context, [&] { graph.launch(); }, options.seconds / 2, options.runs);
  // The pool returns no memory, so this is the peak.
  const std::size_t taken = device::bytes_taken(context) - before;
  const double gflop = passes.gflop(options.training());
  const double gbs = passes.gbytes(sizeof(A), options.training()) / times.median;
  const device::Ceilings ceilings = device::measure_ceilings(context);
  nlohmann::ordered_json line{{"runs", times.runs},
                              {"least_seconds", times.least},
                              {"median_seconds", times.median},
                              {"eager_median_seconds", eager.median},
                              {"images_per_second", double(options.batch) / times.median},
                              {"gflop", gflop},
                              {"gflops", gflop / times.median},
                              {"of_gemm", gflop / times.median / ceilings.gemm_gflops},
                              {"gbs", gbs},
                              {"of_copy", gbs / ceilings.copy_gbs},
                              {"device_peak_bytes", taken},
                              {"workspace_bytes", step.network().workspace_bytes()}};
  line.update(plans_of(step.network().ops().plan_reports()));
  line.update(device::describe(context, ceilings));
  return line;
}

}  // namespace

nlohmann::ordered_json measure_on_device(const Options& options) {
  const cuda::Context context;
  nlohmann::ordered_json line{{"preset", options.preset},
                              {"what", options.what},
                              {"backend", "cuda"},
                              {"precision", options.precision},
                              {"batch", options.batch}};
  line.update(programs::with_activations(options.precision,
                                         [&]<class A>() { return measured<A>(context, options); }));
  return line;
}

void run_on_device(const Options& options, Passes& passes) {
  const cuda::Context context;
  programs::with_activations(options.precision, [&]<class A>() {
    DevicePasses<A>(context, options, passes, Mode::differentiation).differentiate(passes);
  });
}

}  // namespace network_step
