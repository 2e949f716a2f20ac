// SPDX-License-Identifier: MIT
/// Searches, stores and runs cuDNN's execution plans.
#include "cudnn_plan.hpp"

#include <algorithm>
#include <utility>

namespace scoresde::cuda {
namespace {

using scoresde::require;
using scoresde::text;

/// Numerical notes that are never allowed: rounded inputs or sums, and inaccurate transforms.
constexpr cudnnBackendNumericalNote_t inaccurate[] = {
    CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS,
    CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION,
    CUDNN_NUMERICAL_NOTE_FFT,
    CUDNN_NUMERICAL_NOTE_WINOGRAD,
    CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4,
    CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6,
    CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13};

struct Engine {
  explicit Engine(const Descriptor& configuration) {
    const std::vector<Descriptor> engine =
        configuration.descriptors(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    require(!engine.empty(), "cuDNN: a configuration has no engine");
    index = engine[0].value<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
    notes = engine[0].values<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE);
    const auto behavior =
        engine[0].values<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE);
    compiled = std::find(behavior.begin(), behavior.end(),
                         CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) != behavior.end();
  }

  [[nodiscard]] bool has(cudnnBackendNumericalNote_t note) const {
    return std::find(notes.begin(), notes.end(), note) != notes.end();
  }
  [[nodiscard]] bool keeps(const PlanRules& rules) const {
    return std::none_of(std::begin(inaccurate), std::end(inaccurate),
                        [this](auto note) { return has(note); }) &&
           (rules.compiled_at_run_time || !compiled) &&
           (rules.tensor_cores || !has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE)) &&
           (!rules.deterministic || !has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC));
  }
  [[nodiscard]] std::string words() const {
    return text("engine ", index, compiled ? " (compiled at run time)" : "");
  }

  std::int64_t index = 0;
  std::vector<cudnnBackendNumericalNote_t> notes;
  bool compiled = false;
};

/// Statistics of a search.
struct Rejections {
  std::size_t listed = 0, against_rules = 0, too_large = 0, failed = 0;
  std::string last;

  [[nodiscard]] std::string words(const PlanRules& rules) const {
    std::string words = text("cuDNN lists ", listed, " configurations");
    if (against_rules > 0) words += text("; ", against_rules, " are not ", rules.words());
    if (too_large > 0)
      words += text("; ", too_large, " require more than ", rules.workspace_limit,
                    " bytes of workspace");
    if (failed > 0) words += text("; ", failed, " fail to build");
    if (!last.empty()) words += text("; last error: ", last);
    return words;
  }
};

std::vector<Descriptor> configurations(const Descriptor& graph, const PlanTarget& target,
                                       cudnnBackendHeurMode_t mode) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  if (target.properties) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *target.properties);
  heuristics.finalize("heuristics");
  return heuristics.descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
}

/// Adds the plan of the configuration to search.found, or counts why it was rejected.
void try_configuration(const Descriptor& configuration, const PlanTarget& target,
                       const PlanRules& rules, PlanSearch& search, Rejections& rejections) {
  ++rejections.listed;
  try {
    const Engine engine(configuration);
    if (!engine.keeps(rules)) {
      ++rejections.against_rules;
      return;
    }
    ExecutionPlan plan(target, configuration);
    if (plan.workspace() > rules.workspace_limit)
      ++rejections.too_large;
    else
      search.found.push_back({std::move(plan), engine.words()});
  } catch (const Error& error) {
    ++rejections.failed;
    rejections.last = error.what();
  }
}

}  // namespace

std::string PlanRules::words() const {
  return text("accurate", tensor_cores ? "" : " to float32", deterministic ? ", deterministic" : "",
              compiled_at_run_time ? "" : ", compiled beforehand");
}

ExecutionPlan::ExecutionPlan(const PlanTarget& target, const Descriptor& configuration) {
  plan_.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
  finalize(target);
}

ExecutionPlan::ExecutionPlan(const PlanTarget& target, const std::string& json) {
  plan_.set_array(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, json.data(), json.size());
  finalize(target);
}

void ExecutionPlan::finalize(const PlanTarget& target) {
  if (target.properties)
    plan_.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *target.properties);
  else
    plan_.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, target.handle);
  plan_.finalize("an execution plan");
  const auto bytes = plan_.value<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
  workspace_ = static_cast<std::size_t>(bytes);
}

std::string ExecutionPlan::json() const {
  const auto characters = plan_.values<char>(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
  return {characters.begin(), std::find(characters.begin(), characters.end(), '\0')};
}

void ExecutionPlan::run(cudnnHandle_t handle, const Bindings& operands, void* workspace) const {
  Descriptor variables(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  variables.set_array(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, operands.ids(), operands.count())
      .set_raw(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, operands.count(),
               operands.data())
      .set_raw(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace)
      .finalize("the pointers of a run");
  check_cudnn(cudnn().execute(handle, plan_.get(), variables.get()), "running a plan");
}

PlanSearch search_plans(const OperationGraph& graph, const PlanTarget& target,
                        const PlanRules& rules, std::size_t wanted) {
  PlanSearch search;
  Rejections rejections;
  const Descriptor finished = graph.finalize(target.handle);
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    if (mode == CUDNN_HEUR_MODE_FALLBACK && !search.found.empty()) break;
    try {
      for (const Descriptor& configuration : configurations(finished, target, mode)) {
        try_configuration(configuration, target, rules, search, rejections);
        if (search.found.size() == wanted) return search;
      }
    } catch (const Error& error) {
      rejections.last = error.what();
    }
  }
  search.rejections = rejections.words(rules);
  return search;
}

}  // namespace scoresde::cuda
