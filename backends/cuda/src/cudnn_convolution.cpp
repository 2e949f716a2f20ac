// SPDX-License-Identifier: MIT
/// Builds plans of convolutions, with fallbacks, and runs them.
#include <chrono>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include <scoresde/cuda/cudnn_convolution.hpp>

#include "cudnn_convolution_graphs.hpp"
#include "cudnn_epilogue.hpp"
#include "cudnn_plan.hpp"
#include "cudnn_plan_cache.hpp"

namespace scoresde::cuda {
namespace {

using scoresde::require;
using scoresde::text;

enum class Pass { forward, backward_data, backward_filter };

/// The key of a plan, in addition to the precision.
struct PlanKey {
  Pass pass;
  ConvolutionGeometry op;
  nn::Shape x;
  Epilogue epilogue{};
  bool accumulate = false;

  [[nodiscard]] auto order() const {
    return std::tuple(pass, op, x.n, x.h, x.w, epilogue, accumulate);
  }
  bool operator<(const PlanKey& other) const { return order() < other.order(); }
};

struct Entry {
  ExecutionPlan plan;
  PlanReport report;
};

void check_shapes(const ConvolutionGeometry& op, const nn::Shape& x) {
  require(x.n > 0 && x.h > 0 && x.w > 0, "convolution: the input has no elements: ", x.n, "×", x.c,
          "×", x.h, "×", x.w);
  require(op.in_channels == x.c, "convolution: the input has ", x.c,
          " channels; the weights require ", op.in_channels);
  const std::string kernel = ConvolutionGeometry::words(op.kernel);
  require(op.out_channels > 0 && op.taps() > 0 && op.stride > 0, "convolution: ", op.out_channels,
          " output channels, kernel ", kernel, " and stride ", op.stride, " must all be positive");
  const std::size_t pixels[] = {x.h, x.w};
  for (std::size_t i = 0; i < 2; ++i)
    require(pixels[i] + op.before[i] + op.after[i] >= op.kernel[i], "convolution: a kernel of ",
            kernel, " does not fit an image of ", x.h, "×", x.w);
}

}  // namespace

struct ConvolutionPlans::Implementation {
  PlanDevice device;
  Precision precision;
  PlanOptions options;
  PlanCache cache;
  std::map<PlanKey, Entry> entries;

  [[nodiscard]] PlanRules rules() const {
    return {.tensor_cores = precision != Precision::fp32,
            .compiled_at_run_time = options.compile,
            .deterministic = options.deterministic,
            .workspace_limit = options.workspace_limit};
  }

  /// The cache key: everything that a stored plan depends on.
  [[nodiscard]] std::string stored_under(const OperationGraph& graph) const {
    std::string key = text("cuDNN ", cudnn().version, "; ", device.name(), "; ", rules().words(),
                           "; at most ", options.workspace_limit, " bytes of workspace; ");
    if (options.autotune > 0) key += text("fastest of ", options.autotune, "; ");
    return key + graph.words();
  }

  [[nodiscard]] std::optional<PlanFound> stored(const std::string& key) const {
    const std::optional<std::string> json = cache.find(key);
    if (!json) return std::nullopt;
    try {
      return PlanFound{ExecutionPlan(device.target(), *json),
                       "stored in " + cache.file(key).string()};
    } catch (const Error&) {
      return std::nullopt;  // for example, built by another driver version
    }
  }

  /// A plan of the graph, or none and the reason in `why`.
  [[nodiscard]] std::optional<PlanFound> plan(const OperationGraph& graph, std::string& why) const {
    const std::string key = stored_under(graph);
    if (std::optional<PlanFound> found = stored(key)) return found;
    PlanSearch search =
        search_plans(graph, device.target(), rules(), std::max<std::size_t>(options.autotune, 1));
    if (search.found.empty()) {
      why = search.rejections;
      return std::nullopt;
    }
    const std::size_t best =
        options.autotune == 0 ? 0 : fastest_plan(graph, device.target(), search.found);
    cache.keep(key, search.found[best].plan.json());
    return std::move(search.found[best]);
  }

  /// The plan of the whole graph or, if there is none, of its first part, whose remainder runs as
  /// one of the library's kernels. Graphs without parts have no fallback.
  [[nodiscard]] Entry make(const OperationGraph& whole, const OperationGraph* part,
                           bool try_whole) const {
    const auto begin = std::chrono::steady_clock::now();
    std::string why;
    std::optional<PlanFound> found;
    if (try_whole) found = plan(whole, why);
    const bool fused = found.has_value();
    if (!found && part != nullptr) found = plan(*part, why);
    require(found.has_value(), "convolution: cuDNN has no plan on ", device.name(), " for the ",
            part != nullptr ? part->words() : whole.words(), ": ", why,
            "; a larger PlanOptions::workspace_limit, "
            "deterministic = false, channels padded to aligned_channels, or "
            "another precision may help");
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    const std::size_t workspace = found->plan.workspace();
    return {std::move(found->plan),
            {whole.words(), std::move(found->engine), workspace, fused, taken.count()}};
  }

  [[nodiscard]] Entry make(const PlanKey& key) const {
    const ConvolutionProblem problem{key.op, key.x, precision};
    if (key.pass == Pass::backward_data)
      return make(backward_data_graph(problem, key.accumulate), nullptr, true);
    if (key.pass == Pass::forward) {
      const OperationGraph part = forward_graph(problem, {});
      return make(forward_graph(problem, key.epilogue), key.epilogue.empty() ? nullptr : &part,
                  options.compile || !only_generated(key.epilogue));
    }
    const bool rounds = precision == Precision::bf16;
    const OperationGraph part = rounded_backward_filter_graph(problem);
    Entry entry =
        make(backward_filter_graph(problem), rounds ? &part : nullptr, options.compile || !rounds);
    if (!entry.report.fused) entry.report.workspace += rounded_gradient_bytes(key.op);
    return entry;
  }

  /// cuDNN has compiled kernels for residual and bias; for the other terms, finding that it has
  /// none takes 0.1 s.
  [[nodiscard]] static bool only_generated(const Epilogue& epilogue) {
    return epilogue.channel_bias || epilogue.scale;
  }

  /// Bytes of the rounded gradient, which precedes the plan's own workspace.
  [[nodiscard]] static std::size_t rounded_gradient_bytes(const ConvolutionGeometry& op) {
    constexpr std::size_t alignment = 256;
    return (op.weight_size() * 2 + alignment - 1) / alignment * alignment;
  }

  const Entry& entry(const PlanKey& key) {
    const auto found = entries.find(key);
    if (found != entries.end()) return found->second;
    check_shapes(key.op, key.x);
    return entries.emplace(key, make(key)).first->second;
  }

  /// The plan of a run, after checking the workspace and making the device current.
  const Entry& ready(const PlanKey& key, std::span<std::byte> workspace) {
    const Entry& made = entry(key);
    require(device.target().handle != nullptr, "convolution: plans for ", device.name(),
            " were built from a device description; they cannot be run");
    require(workspace.size() >= made.report.workspace, "convolution: the workspace has ",
            workspace.size(), " bytes; it must have at least ", made.report.workspace, " for the ",
            made.report.graph);
    device.target().context->activate();
    return made;
  }

  void forward(const ConvolutionGeometry& op, const nn::Shape& x,
               const ConvolutionOperands& operands, std::span<std::byte> workspace) {
    require(operands.residual == nullptr || operands.residual != operands.y,
            "convolution: the residual is y; it must be different memory");
    const Epilogue epilogue{operands.residual != nullptr, operands.bias != nullptr,
                            operands.channel_bias != nullptr, operands.scale != 1, operands.relu};
    const Entry& made = ready({Pass::forward, op, x, epilogue}, workspace);
    Bindings bindings;
    bindings.add(Operand::x, operands.x);
    bindings.add(Operand::weights, operands.weights);
    bindings.add(Operand::y, operands.y);
    if (made.report.fused) {
      if (epilogue.residual) bindings.add(Operand::residual, operands.residual);
      if (epilogue.bias) bindings.add(Operand::bias, operands.bias);
      if (epilogue.channel_bias) bindings.add(Operand::channel_bias, operands.channel_bias);
      if (epilogue.scale) bindings.add(Operand::scale, &operands.scale);
    }
    made.plan.run(device.target().handle, bindings, workspace.data());
    if (!made.report.fused)
      apply_epilogue(*device.target().context, precision, op.output(x), operands);
  }
};

ConvolutionPlans::ConvolutionPlans(PlanDevice device, Precision precision, PlanOptions options)
    : implementation_(
          new Implementation{std::move(device), precision, options, PlanCache(options.cache), {}}) {
  require(
      options.autotune == 0 || implementation_->device.target().handle != nullptr,
      "convolution: PlanOptions::autotune needs the device; PlanDevice is only a description of ",
      implementation_->device.name());
}
ConvolutionPlans::~ConvolutionPlans() = default;
ConvolutionPlans::ConvolutionPlans(ConvolutionPlans&&) noexcept = default;
ConvolutionPlans& ConvolutionPlans::operator=(ConvolutionPlans&&) noexcept = default;

const PlanReport& ConvolutionPlans::plan_forward(const nn::Convolution& op, const nn::Shape& x,
                                                 const Epilogue& epilogue) {
  return implementation_->entry({Pass::forward, op, x, epilogue}).report;
}

const PlanReport& ConvolutionPlans::plan_backward_data(const nn::Convolution& op,
                                                       const nn::Shape& x, bool accumulate) {
  return implementation_->entry({Pass::backward_data, op, x, {}, accumulate}).report;
}

const PlanReport& ConvolutionPlans::plan_backward_filter(const nn::Convolution& op,
                                                         const nn::Shape& x) {
  return implementation_->entry({Pass::backward_filter, op, x}).report;
}

const PlanReport& ConvolutionPlans::plan_forward(const nn::RectangularConvolution& op,
                                                 const nn::Shape& x) {
  return implementation_->entry({Pass::forward, op, x, {.bias = true, .relu = op.relu}}).report;
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
  const Entry& made =
      implementation_->ready({Pass::backward_data, op, x, {}, dx.accumulate}, workspace);
  Bindings bindings;
  bindings.add(Operand::y, dy);
  bindings.add(Operand::weights, weights);
  bindings.add(Operand::x, dx.data);
  made.plan.run(implementation_->device.target().handle, bindings, workspace.data());
}

void ConvolutionPlans::backward_filter(const nn::Convolution& op, const nn::Shape& x,
                                       const void* input, const void* dy, float* dweights,
                                       std::span<std::byte> workspace) {
  if (dweights == nullptr) return;
  const Entry& made = implementation_->ready({Pass::backward_filter, op, x}, workspace);
  void* target = dweights;
  std::byte* free = workspace.data();
  if (!made.report.fused) {
    target = free;
    free += Implementation::rounded_gradient_bytes(op);
  }
  Bindings bindings;
  bindings.add(Operand::x, input);
  bindings.add(Operand::y, dy);
  bindings.add(Operand::dweights, target);
  if (made.report.fused && implementation_->precision == Precision::bf16)
    bindings.add(Operand::dweights_before, dweights);
  made.plan.run(implementation_->device.target().handle, bindings, free);
  if (!made.report.fused)
    add_rounded_gradient(*implementation_->device.target().context, target, op.weight_size(),
                         dweights);
}

std::vector<PlanReport> ConvolutionPlans::reports() const {
  std::vector<PlanReport> reports;
  for (const auto& [key, entry] : implementation_->entries) reports.push_back(entry.report);
  return reports;
}

}  // namespace scoresde::cuda
