// SPDX-License-Identifier: MIT
/// CapturedSampler: a fixed-step sampler and its model as CUDA graphs, replayed with any seed.
///
/// The graphs launch the same kernels in the same order as the uncaptured sampler, so results are
/// bit-identical. What changes between runs (seed, first sample) is stored in device memory: one
/// capture serves every batch. docs/cuda.md lists what can be captured.
#pragma once

#include <concepts>
#include <span>

#include <scoresde/cuda/detail/step_graphs.hpp>
#include <scoresde/cuda/device_state.hpp>
#include <scoresde/observer/observer.hpp>
#include <scoresde/sampler/prior.hpp>
#include <scoresde/sampler/sampler.hpp>

namespace scoresde::cuda {

/// A model that reads everything that depends on t from device memory, so that one capture serves
/// all steps. conditioning(t) returns a range of doubles of constant length; evaluate(x, c, output)
/// is equivalent to evaluate(x, t, output) if c.data holds conditioning(t).
template <class M, class X>
concept GraphCapturableScoreModel = ScoreModel<M, X> &&
    requires(M& model, const X& x, double t, DeviceCoefficients conditioning, X& output) {
  std::span<const double>(model.conditioning(t));
  { model.evaluate(x, conditioning, output) } -> std::same_as<void>;
};

namespace detail {

/// Replaces the model while a run is recorded.
template <class T, class M>
class RecordedModel {
 public:
  RecordedModel(M& model, StepGraphs& graphs) : model_(model), graphs_(graphs) {}

  [[nodiscard]] ScoreForm score_form(double t) const { return model_.score_form(t); }

  void evaluate(const DeviceState<T>& x, double t, DeviceState<T>& output) const {
    Evaluation call{&model_, &x, &output, t, tabulated, {}, &RecordedModel::play};
    if constexpr (tabulated) {
      const auto numbers = model_.conditioning(t);
      call.numbers = numbers;
      graphs_.add(call);
    } else {
      graphs_.add(call);
    }
  }

 private:
  static constexpr bool tabulated = GraphCapturableScoreModel<M, DeviceState<T>>;

  static void play(const Evaluation& call, DeviceCoefficients conditioning) {
    M& model = *static_cast<M*>(call.model);
    const auto& x = *static_cast<const DeviceState<T>*>(call.x);
    auto& output = *static_cast<DeviceState<T>*>(call.output);
    if constexpr (tabulated)
      model.evaluate(x, conditioning, output);
    else
      model.evaluate(x, call.t, output);
  }

  M& model_;
  StepGraphs& graphs_;
};

/// Marks the end of each step in the recording.
struct StepMarker {
  StepGraphs& graphs;
  template <class X>
  void on_step(const ObservedStep&, const X&) {
    graphs.end_step();
  }
};

}  // namespace detail

/// For samplers with fixed steps (PredictorCorrector, SolverSampler, ProbabilityFlow with a named
/// method) and states of one shape. The model must outlive this object.
template <class T, class Sampler, class Model>
class CapturedSampler {
  static_assert(ScoreModel<Model, DeviceState<T>>,
                "CapturedSampler: the model is not a score model for device states; it needs "
                "evaluate(x, t, output) and score_form(t) returning ScoreForm");
  static_assert(
      requires(const Sampler& sampler) { sampler.grid().front(); },
      "CapturedSampler: the sampler has no grid of steps known before the run; use "
      "PredictorCorrector, SolverSampler or ProbabilityFlow");

 public:
  /// Evaluates the model once, so that it allocates its memory, and captures the run for states of
  /// the shape of `like`. Throws Error for a sampler that reads results from the device (adaptive
  /// steps) and for a model that synchronizes, allocates or copies to the host.
  CapturedSampler(const Sampler& sampler, Model& model, const DeviceState<T>& like)
      : x_(backend(like).make_like(like)), work_(x_), graphs_(warmed(sampler, model)) {
    const detail::RecordedModel<T, Model> recorded(model, graphs_);
    draw_prior(sampler.sde(), sampler.grid().front().t, x_, Noise{}.draw(0));
    statistics_ = sampler.integrate(recorded, x_, Noise{}, work_, detail::StepMarker{graphs_});
    graphs_.end_run();
  }
  CapturedSampler(const CapturedSampler&) = delete;
  CapturedSampler& operator=(const CapturedSampler&) = delete;

  /// Fills x; bit-identical to sampler.sample(model, x, noise). Throws Error for another shape or
  /// context, a purpose other than sampling, and non-finite states.
  SamplerStatistics sample(DeviceState<T>& x, Noise noise) const {
    require(x.extents() == x_.extents() && x.context() == x_.context(),
            "captured sampler: the captured state has ", x_.extents().samples,
            " samples of dimension ", x_.extents().dim, " and the argument has ",
            x.extents().samples, " of ", x.extents().dim, "; shape and context must be the same");
    require(noise.purpose == Purpose::sampling, "captured sampler: noise.purpose is ",
            static_cast<int>(noise.purpose), "; it must be Purpose::sampling (0)");
    graphs_.run(noise.seed, noise.first_sample);
    assign(x, {{1, x_}});
    return statistics_;
  }

  [[nodiscard]] const detail::StepGraphs& graphs() const { return graphs_; }

 private:
  /// Evaluates the model before recording starts, so that it allocates its memory.
  detail::StepGraphs warmed(const Sampler& sampler, Model& model) {
    draw_prior(sampler.sde(), sampler.grid().front().t, x_, Noise{}.draw(0));
    model.evaluate(x_, sampler.grid().front().t, work_[0]);
    return detail::StepGraphs(x_.context());
  }

  DeviceState<T> x_;
  Workspace<DeviceState<T>, Sampler::buffers> work_;
  detail::StepGraphs graphs_;
  SamplerStatistics statistics_{};
};

template <class T, class Sampler, class Model>
CapturedSampler(const Sampler&, Model&, const DeviceState<T>&)
    -> CapturedSampler<T, Sampler, Model>;

}  // namespace scoresde::cuda
