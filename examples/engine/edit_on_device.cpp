// SPDX-License-Identifier: MIT
/// cifar10_edit --backend cuda: the network on the device, the edits in host memory.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/device_state.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>

#include "cli/edit_run.hpp"
#include "engine/device_model.hpp"
#include "engine/edit.hpp"
#include "engine/engine.hpp"
#include "engine/sampled_model.hpp"

namespace programs {
namespace {

/// A DeviceScore over states in host memory, which it copies.
class CopiedScore {
  using DeviceState = scoresde::cuda::DeviceState<float>;

 public:
  using Scalar = float;
  using State = scoresde::HostState<float>;

  explicit CopiedScore(const DeviceNetwork& network) : network_(&network), score_(network) {}

  [[nodiscard]] scoresde::ScoreForm score_form(double t) const { return score_.score_form(t); }
  void set_classes(std::span<const std::uint32_t> classes) { score_.set_classes(classes); }
  template <class Times>
  requires requires(DeviceScore& score, const DeviceState& x, const Times& t, DeviceState& output) {
    score.evaluate(x, t, output);
  }
  void evaluate(const State& x, const Times& t, State& output) {
    place(x, x_);
    reserve(x, output_);
    score_.evaluate(*x_, t, *output_);
    output_->read(output.span());
  }
  /// out ← vᵀ ∂F/∂x, of a network in Mode::differentiation.
  void vjp(const State& x, double t, const State& v, State& out) {
    place(x, x_);
    place(v, v_);
    reserve(x, output_);
    score_.vjp(*x_, t, *v_, *output_);
    output_->read(out.span());
  }

 private:
  using Placed = std::optional<DeviceState>;

  /// Memory for a state like x.
  void reserve(const State& x, Placed& state) const {
    if (!state || state->extents() != x.extents())
      network_->visit([&](const auto& held) { state = held.make_state(x.extents().samples); });
  }
  void place(const State& x, Placed& state) const {
    reserve(x, state);
    state->write(x.span());
  }

  const DeviceNetwork* network_;
  DeviceScore score_;
  Placed x_, v_, output_;
};

}  // namespace

void edit_on_device(const EditOptions& given, const scoresde::Metadata& configuration) {
  EditOptions options = given;
  SampleOptions& s = options.sampling;
  const scoresde::AnySde sde = scoresde::sampled_sde(configuration);
  EditRun run(options, configuration);
  s.samples = run.results();
  const scoresde::cuda::Context context(s.backend.device);
  const std::size_t batch = std::min(s.batch, s.samples);
  using scoresde::nn::Mode;
  const auto network = within_device_memory("a smaller --batch needs less", [&] {
    return DeviceNetwork(
        context, s.checkpoint, s.backend,
        {.batch = batch * s.classes.evaluations(),
         .mode = options.differentiates() ? Mode::differentiation : Mode::inference});
  });
  Edit edit(options, run, sde);
  SampledModel<CopiedScore> model(CopiedScore(network), sde, s,
                                  scoresde::network_of(configuration).centered);
  const std::size_t parameters =
      network.visit([](const auto& held) { return held.network().parameters().count(); });
  const BatchSampler editor{
      batch, parameters,
      scoresde::text(device_description(context, s.backend), ", batches of ", batch),
      [&](const SampleBatch& one) {
        scoresde::HostState<float> x({one.count, run.input().shape.size()});
        model.set_classes(one.classes);
        edit(model, x, one.noise, one.progress);
        return x;
      },
      [&] { return model.evaluations(); }};
  run(editor, sde.t_max(), sde.t_min());
}

}  // namespace programs
