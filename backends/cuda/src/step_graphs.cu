// SPDX-License-Identifier: MIT
/// StepGraphs: converts a recording to graphs and a table, and replays them.
#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <optional>
#include <vector>

#include <scoresde/cuda/detail/step_graphs.hpp>
#include <scoresde/cuda/device_memory.hpp>
#include <scoresde/cuda/graph.hpp>
#include <scoresde/sampler/sampler.hpp>

#include "enqueue.cuh"
#include "kernels/copy_row_kernel.hpp"
#include "kernels/step_row.hpp"
#include "recording.hpp"

namespace scoresde::cuda::detail {
namespace {

using Structure = std::vector<std::uint64_t>;

/// The structures of all calls of a step, each with its length to keep the sequence unambiguous.
Structure structure_of(const Recording::Step& step) {
  Structure all;
  for (const RecordedCall& call : step) {
    all.push_back(call.structure.size());
    all.insert(all.end(), call.structure.begin(), call.structure.end());
  }
  return all;
}

std::size_t numbers_of(const Recording::Step& step) {
  std::size_t count = 0;
  for (const RecordedCall& call : step) count += call.numbers.size();
  return count;
}

/// The maximum of a count over all steps, or over all their calls.
template <class Items, class CountOf>
std::size_t largest(const Items& items, const CountOf& count_of) {
  std::size_t most = 0;
  for (const auto& item : items) most = std::max(most, count_of(item));
  return most;
}

}  // namespace

struct StepGraphs::Parts {
  Context context;
  Recording recording;
  std::optional<DeviceMemory> table, run, scratch, conditioning, flags;
  std::map<Structure, std::size_t> kinds;
  std::vector<Graph> graphs;
  std::vector<std::size_t> graph_of_step;
  std::vector<unsigned> flag_values;

  explicit Parts(const Context& c) : context(c) { context.record(&recording); }
  ~Parts() { stop(); }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  void stop() {
    if (context.recording() == &recording) context.record(nullptr);
  }

  /// Memory shared by all graphs, which run one after another.
  void make_memory() {
    const auto& steps = recording.steps();
    const std::size_t stride = std::max<std::size_t>(1, largest(steps, numbers_of));
    std::vector<double> rows(steps.size() * stride);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      auto to = rows.begin() + static_cast<std::ptrdiff_t>(i * stride);
      for (const RecordedCall& call : steps[i])
        to = std::copy(call.numbers.begin(), call.numbers.end(), to);
    }
    const auto most = [&](auto count_of) {
      return largest(steps, [&](const Recording::Step& step) { return largest(step, count_of); });
    };
    table.emplace(context, rows.size() * sizeof(double));
    context.copy_to_device(table->data(), rows.data(), table->bytes());
    run.emplace(context, sizeof(RunState));
    scratch.emplace(context, most([](const RecordedCall& call) { return call.scratch_bytes; }));
    conditioning.emplace(context, sizeof(double) * most([](const RecordedCall& call) {
                                    return call.numbers.size();
                                  }));
    flag_values.assign(recording.checks().size(), 0);
    flags.emplace(context, flag_values.size() * sizeof(unsigned));
  }

  void replay(const Recording::Step& step, std::size_t stride) const {
    ReplayArguments arguments{{table->data<double>(), run->data<RunState>(), stride, 0},
                              scratch->data(),
                              conditioning->data<double>(),
                              flags->data<unsigned>()};
    for (const RecordedCall& call : step) {
      call.replay(arguments);
      arguments.row = arguments.row.after(call.numbers.size());
    }
    enqueue(context, AdvanceKernel{run->data<RunState>()}, "the end of a step");
  }

  void capture() {
    const auto& steps = recording.steps();
    const std::size_t stride = std::max<std::size_t>(1, largest(steps, numbers_of));
    for (const Recording::Step& step : steps) {
      const auto [kind, is_new] = kinds.try_emplace(structure_of(step), graphs.size());
      if (is_new) graphs.emplace_back(context, [&] { replay(step, stride); });
      graph_of_step.push_back(kind->second);
    }
  }

  void check_flags() {
    context.copy_to_host(flag_values.data(), flags->data(), flags->bytes());
    for (std::size_t i = 0; i < flag_values.size(); ++i)
      if (flag_values[i] != 0) {
        const RecordedCheck& check = recording.checks()[i];
        throw_not_finite(check.sampler.c_str(), flag_values[i] - 1, check.step);
      }
  }
};

StepGraphs::StepGraphs(const Context& context) {
  require(context.recording() == nullptr,
          "captured sampler: another run of this context is being captured");
  parts_ = std::make_unique<Parts>(context);
}
StepGraphs::StepGraphs(StepGraphs&&) noexcept = default;
StepGraphs& StepGraphs::operator=(StepGraphs&&) noexcept = default;
StepGraphs::~StepGraphs() = default;

void StepGraphs::add(const Evaluation& call) {
  RecordedCall recorded;
  recorded.structure = {'e', word(call.model), word(call.x), word(call.output), call.tabulated};
  recorded.numbers.assign(call.numbers.begin(), call.numbers.end());
  if (!call.tabulated) recorded.structure.push_back(std::bit_cast<std::uint64_t>(call.t));
  const auto count = static_cast<unsigned>(call.numbers.size());
  recorded.structure.push_back(count);
  Evaluation kept = call;
  kept.numbers = {};
  recorded.replay = [kept, count, context = parts_->context](const ReplayArguments& arguments) {
    if (count > 0)
      enqueue(context, CopyRowKernel{arguments.row, arguments.conditioning, count},
              "the parameters of a step");
    kept.evaluate(kept, {arguments.conditioning});
  };
  parts_->recording.add(std::move(recorded));
}

void StepGraphs::end_step() { parts_->recording.end_graph(); }

void StepGraphs::end_run() {
  parts_->recording.end_graph();
  parts_->stop();
  parts_->make_memory();
  parts_->capture();
}

void StepGraphs::run(std::uint64_t seed, std::uint32_t first_sample) const {
  Parts& parts = *parts_;
  const RunState start{seed, first_sample, 0};
  parts.context.copy_to_device(parts.run->data(), &start, sizeof(start));
  std::fill(parts.flag_values.begin(), parts.flag_values.end(), 0u);
  parts.context.copy_to_device(parts.flags->data(), parts.flag_values.data(), parts.flags->bytes());
  for (const std::size_t kind : parts.graph_of_step) parts.graphs[kind].launch();
  parts.check_flags();
}

std::size_t StepGraphs::launches() const { return parts_->graph_of_step.size(); }
std::size_t StepGraphs::graphs() const { return parts_->graphs.size(); }

}  // namespace scoresde::cuda::detail
