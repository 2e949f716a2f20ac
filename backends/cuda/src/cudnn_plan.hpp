// SPDX-License-Identifier: MIT
/// ExecutionPlan: one way in which cuDNN computes a graph, found by its heuristics, stored as JSON
/// and run on device pointers.
///
/// Heuristics (mode A, then its fallback) list configurations in the order of the time that they
/// expect; what builds and keeps the rules is taken. Plans can be made for a device that is only
/// described (CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR), and run where that device is.
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

/// The device that plans are made for: of a context, with cuDNN's handle of its stream; or
/// described by properties, and then plans can be made and stored, not run.
struct PlanTarget {
  std::optional<Context> context;
  cudnnHandle_t handle = nullptr;
  std::optional<Descriptor> properties;
  std::string name;  ///< plans are good for devices of the same name
};

/// What a plan may do. Sums are float32's and inputs are not rounded, whatever the rules.
struct PlanRules {
  bool tensor_cores = true;  ///< of float32 tensors these compute in tf32
  bool compiled_at_run_time = true;
  bool deterministic = true;
  std::size_t workspace_limit = 0;

  [[nodiscard]] std::string words() const;
};

/// The pointers of a run: on the device, but of host scalars on the host.
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
  /// Throws Error when cuDNN cannot build a plan of this configuration for the target.
  ExecutionPlan(const PlanTarget& target, const Descriptor& configuration);
  /// From what json() returned. Throws Error for what cuDNN does not accept.
  ExecutionPlan(const PlanTarget& target, const std::string& json);

  [[nodiscard]] std::size_t workspace() const { return workspace_; }  ///< bytes
  [[nodiscard]] std::string json() const;
  /// Runs on the stream of the handle. Throws Error when cuDNN refuses.
  void run(cudnnHandle_t handle, const Bindings& operands, void* workspace) const;

 private:
  void finalize(const PlanTarget& target);

  Descriptor plan_{CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR};
  std::size_t workspace_ = 0;
};

/// A plan and cuDNN's number of its engine.
struct PlanFound {
  ExecutionPlan plan;
  std::string engine;
};

/// What a search gave: the first plans that could be had, and why others could not.
struct PlanSearch {
  std::vector<PlanFound> found;
  std::string refusals;
};

/// Up to `wanted` plans in cuDNN's order; none is no error here.
[[nodiscard]] PlanSearch search_plans(const OperationGraph& graph, const PlanTarget& target,
                                      const PlanRules& rules, std::size_t wanted);

/// Which of the plans runs fastest on memory that is allocated for this purpose.
/// Throws Error when there is too little memory.
[[nodiscard]] std::size_t fastest_plan(const OperationGraph& graph, const PlanTarget& target,
                                       std::span<const PlanFound> plans);

}  // namespace scoresde::cuda
