// SPDX-License-Identifier: MIT
/// CapturedSampler: a fixed-step sampler and its model as CUDA graphs, replayed with any seed.
///
/// The kernels, their order and their numbers are those of the sampler run without it, so the bits
/// are too. What changes between runs, the seed and the first sample, lies in device memory:
/// one capture serves every batch. docs/cuda.md says what can be captured.
#pragma once

#include <concepts>
#include <span>

#include <scoresde/cuda/device_state.hpp>
#include <scoresde/cuda/step_graphs.hpp>
#include <scoresde/sampler/sampler.hpp>

namespace scoresde::cuda {

/// A model whose evaluation depends on t through numbers that it reads from device memory: one
/// capture serves all steps. numbers(t) returns a range of doubles, always as many;
/// evaluate(x, told, output) does what evaluate(x, t, output) does when told.data holds numbers(t).
template <class M, class X>
concept TabulatedScoreModel = ScoreModel<M, X> &&
    requires(M& model, const X& x, double t, DeviceNumbers told, X& output) {
  std::span<const double>(model.numbers(t));
  { model.evaluate(x, told, output) } -> std::same_as<void>;
};

/// Stands for the model while a run is written down.
template <class T, class M>
class RecordedModel {
 public:
  RecordedModel(M& model, StepGraphs& graphs) : model_(model), graphs_(graphs) {}

  [[nodiscard]] ScoreForm score_form(double t) const { return model_.score_form(t); }

  void evaluate(const DeviceState<T>& x, double t, DeviceState<T>& output) const {
    Evaluation call{&model_, &x, &output, t, tabulated, {}, &RecordedModel::play};
    if constexpr (tabulated) {
      const auto numbers = model_.numbers(t);
      call.numbers = numbers;
      graphs_.add(call);
    } else {
      graphs_.add(call);
    }
  }

 private:
  static constexpr bool tabulated = TabulatedScoreModel<M, DeviceState<T>>;

  static void play(const Evaluation& call, DeviceNumbers told) {
    M& model = *static_cast<M*>(call.model);
    const auto& x = *static_cast<const DeviceState<T>*>(call.x);
    auto& output = *static_cast<DeviceState<T>*>(call.output);
    if constexpr (tabulated)
      model.evaluate(x, told, output);
    else
      model.evaluate(x, call.t, output);
  }

  M& model_;
  StepGraphs& graphs_;
};

/// Tells where a step ends.
struct StepMarker {
  StepGraphs& graphs;
  template <class X>
  void on_step(const ObservedStep&, const X&) {
    graphs.end_step();
  }
};

/// For a sampler of fixed steps (PredictorCorrector, Multistep, ProbabilityFlow with a method by
/// name) over states of one shape. The model must outlive it.
template <class T, class Sampler, class Model>
class CapturedSampler {
  static_assert(ScoreModel<Model, DeviceState<T>>,
                "CapturedSampler: the model is no score model for device states; it needs "
                "evaluate(x, t, output) and score_form(t) returning ScoreForm");
  static_assert(
      requires(const Sampler& sampler) { sampler.grid().front(); },
      "CapturedSampler: the sampler has no grid of steps known before the run; take "
      "PredictorCorrector, Multistep or ProbabilityFlow");

 public:
  /// Evaluates the model once, so that it makes its memory, and captures the run for states like
  /// `like`. Throws Error for a sampler that needs numbers from the device (adaptive steps) and a
  /// model that waits, allocates or copies to the host.
  CapturedSampler(const Sampler& sampler, Model& model, const DeviceState<T>& like)
      : x_(backend(like).make_like(like)), work_(x_), graphs_(warmed(sampler, model)) {
    const RecordedModel<T, Model> recorded(model, graphs_);
    draw_prior(sampler.sde(), sampler.grid().front().t, x_, Noise{}.draw(0));
    statistics_ = sampler.integrate(recorded, x_, Noise{}, work_, StepMarker{graphs_});
    graphs_.end_run();
  }
  CapturedSampler(const CapturedSampler&) = delete;
  CapturedSampler& operator=(const CapturedSampler&) = delete;

  /// Fills x as sampler.sample(model, x, noise) does, bit for bit. Throws Error for another shape,
  /// a purpose other than sampling, and states that are not finite.
  SamplerStatistics sample(DeviceState<T>& x, Noise noise) const {
    detail::require(x.extents() == x_.extents() && x.context() == x_.context(),
                    "captured sampler: captured for ", x_.extents().samples,
                    " samples of dimension ", x_.extents().dim, " and called with ",
                    x.extents().samples, " of ", x.extents().dim,
                    "; shape and context must be the same");
    detail::require(noise.purpose == Purpose::sampling, "captured sampler: the noise has purpose ",
                    static_cast<int>(noise.purpose), "; it must be that of sampling, 0");
    graphs_.run(noise.seed, noise.first_sample);
    const Term<DeviceState<T>> whole{1, &x_};
    backend(x).assign(x, std::span<const Term<DeviceState<T>>>(&whole, 1), NoiseTerm{});
    return statistics_;
  }

  [[nodiscard]] const StepGraphs& graphs() const { return graphs_; }

 private:
  /// Before anything is written down: the model makes its memory in its first evaluation.
  StepGraphs warmed(const Sampler& sampler, Model& model) {
    draw_prior(sampler.sde(), sampler.grid().front().t, x_, Noise{}.draw(0));
    model.evaluate(x_, sampler.grid().front().t, work_[0]);
    return StepGraphs(x_.context());
  }

  DeviceState<T> x_;
  Workspace<DeviceState<T>, Sampler::buffers> work_;
  StepGraphs graphs_;
  SamplerStatistics statistics_{};
};

/// CapturedSampler{sampler, model, like}.
template <class T, class Sampler, class Model>
CapturedSampler(const Sampler&, Model&, const DeviceState<T>&)
    -> CapturedSampler<T, Sampler, Model>;

}  // namespace scoresde::cuda
