// SPDX-License-Identifier: MIT
/// Times plans on the device.
#include <algorithm>
#include <limits>
#include <vector>

#include <cuda_runtime_api.h>

#include <scoresde/cuda/device_memory.hpp>

#include "check.hpp"
#include "cudnn_plan.hpp"

namespace scoresde::cuda {
namespace {

/// Memory filled with 0.0115 (in bfloat16 and in float32): zeros would draw less power and run
/// faster.
[[nodiscard]] DeviceMemory filled_memory(const Context& context, std::size_t bytes) {
  DeviceMemory memory(context, bytes);
  if (bytes > 0)
    check(cudaMemsetAsync(memory.data(), 0x3c, bytes, context.stream()),
          "filling memory to time plans");
  return memory;
}

class Stopwatch {
 public:
  explicit Stopwatch(cudaStream_t stream) : stream_(stream) {
    check(cudaEventCreate(&begin_), "creating an event");
    check(cudaEventCreate(&end_), "creating an event");
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }

  /// Time of `work` on the stream in milliseconds.
  template <class Work>
  [[nodiscard]] float time(const Work& work) {
    check(cudaEventRecord(begin_, stream_), "timing a plan");
    work();
    check(cudaEventRecord(end_, stream_), "timing a plan");
    check(cudaEventSynchronize(end_), "timing a plan");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin_, end_), "timing a plan");
    return milliseconds;
  }

 private:
  cudaStream_t stream_;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

}  // namespace

std::size_t fastest_plan(const OperationGraph& graph, const PlanTarget& target,
                         std::span<const PlanFound> plans) {
  constexpr int rounds = 5, runs = 4;
  const Context& context = *target.context;
  std::vector<DeviceMemory> memory;
  Bindings operands;
  const float one = 1;
  for (const OperationGraph::Memory& operand : graph.memory()) {
    if (!operand.on_host) memory.push_back(filled_memory(context, operand.bytes));
    operands.add(operand.which, operand.on_host ? &one : memory.back().data());
  }
  std::size_t workspace_size = 0;
  for (const PlanFound& found : plans)
    workspace_size = std::max(workspace_size, found.plan.workspace());
  const DeviceMemory workspace = filled_memory(context, workspace_size);
  Stopwatch stopwatch(context.stream());
  std::vector<float> best(plans.size(), std::numeric_limits<float>::infinity());
  // Rounds over all plans, so that clock changes affect all of them; the first round warms up.
  for (int round = 0; round <= rounds; ++round)
    for (std::size_t i = 0; i < plans.size(); ++i) {
      const float time = stopwatch.time([&] {
        for (int run = 0; run < runs; ++run)
          plans[i].plan.run(target.handle, operands, workspace.data());
      });
      if (round > 0) best[i] = std::min(best[i], time);
    }
  return static_cast<std::size_t>(std::min_element(best.begin(), best.end()) - best.begin());
}

}  // namespace scoresde::cuda
