// SPDX-License-Identifier: MIT
/// ExecutionPlan: an implementation of a graph by cuDNN, selected by its heuristics, stored as JSON
/// and run on device pointers.
///
/// Heuristics (mode A, then its fallback) list configurations by expected time; the first that
/// builds and satisfies the rules is used. Plans can be built for a device that is only described
/// (CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR), and run on a machine that has the device.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <scoresde/cuda/context.hpp>

#include "cudnn_descriptor.hpp"
#include "cudnn_graph.hpp"

namespace scoresde::cuda {

/// The device for which plans are built: that of a context, with cuDNN's handle for its stream; or
/// described by properties, for which plans can be built and stored but not run.
struct PlanTarget {
  std::optional<Context> context;
  cudnnHandle_t handle = nullptr;
  std::optional<Descriptor> properties;
  std::string name;  ///< plans are valid for devices of this name
};

/// Constraints of plans. In all cases sums are float32 and inputs are not rounded.
struct PlanRules {
  bool tensor_cores = true;  ///< with float32 tensors this is tf32
  bool compiled_at_run_time = true;
  bool deterministic = true;
  std::size_t workspace_limit = 0;

  [[nodiscard]] std::string words() const;
};

/// The pointers of a run, in device memory except host scalars.
class Bindings {
 public:
  void add(Operand which, const void* data) {
    ids_.at(count_) = static_cast<std::int64_t>(which);
    data_[count_++] = data;
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] const std::int64_t* ids() const { return ids_.data(); }
  [[nodiscard]] const void* const* data() const { return data_.data(); }

 private:
  static constexpr std::size_t most_ = 8;
  std::array<std::int64_t, most_> ids_{};
  std::array<const void*, most_> data_{};
  std::size_t count_ = 0;
};

class ExecutionPlan {
 public:
  /// Throws Error if cuDNN cannot build a plan of this configuration for the target.
  ExecutionPlan(const PlanTarget& target, const Descriptor& configuration);
  /// From a string of json(). Throws Error if cuDNN rejects it.
  ExecutionPlan(const PlanTarget& target, const std::string& json);

  [[nodiscard]] std::size_t workspace() const { return workspace_; }  ///< bytes
  [[nodiscard]] std::string json() const;
  /// Runs on the handle's stream. Throws Error if cuDNN fails.
  void run(cudnnHandle_t handle, const Bindings& operands, void* workspace) const;

 private:
  void finalize(const PlanTarget& target);

  Descriptor plan_{CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR};
  std::size_t workspace_ = 0;
};

/// A plan and the number of its engine.
struct PlanFound {
  ExecutionPlan plan;
  std::string engine;
};

/// The result of a search: the first usable plans, and why others were rejected.
struct PlanSearch {
  std::vector<PlanFound> found;
  std::string rejections;
};

/// Up to `wanted` plans in cuDNN's order; the result may be empty.
[[nodiscard]] PlanSearch search_plans(const OperationGraph& graph, const PlanTarget& target,
                                      const PlanRules& rules, std::size_t wanted);

/// Index of the plan that runs fastest, on temporary memory. Throws Error if the device does not
/// have enough memory.
[[nodiscard]] std::size_t fastest_plan(const OperationGraph& graph, const PlanTarget& target,
                                       std::span<const PlanFound> plans);

}  // namespace scoresde::cuda
