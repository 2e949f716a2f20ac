// SPDX-License-Identifier: MIT
/// The score model of cifar10_sample: the network's, with optional guidance and clipping. A single
/// type, so that every sampler is compiled once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <scoresde/error.hpp>
#include <scoresde/model/guided.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/score/guidance.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/score/thresholding.hpp>

#include "cli/sample_options.hpp"
#include "engine/counted_network.hpp"

namespace programs {

template <class Network>
class SampledModel {
  using Guided = scoresde::nn::GuidedNetwork<CountedNetwork<Network>>;

 public:
  SampledModel(Network network, const scoresde::AnySde& sde, const SampleOptions& options,
               bool centered)
      : network_(std::move(network)),
        guided_(network_, options.classes.guidance, guidance_interval(sde, options.classes)),
        clipped_(guided_, sde, scoresde::DataRange{centered ? -1.0 : 0.0, 1.0}),
        thresholded_(guided_, sde, {.quantile = options.dynamic_threshold.value_or(1)}),
        clips_(options.clip_denoised),
        thresholds_(options.dynamic_threshold.has_value()) {}
  SampledModel(const SampledModel&) = delete;
  SampledModel& operator=(const SampledModel&) = delete;

  /// Sets the class of each sample of the next batch; empty for an unconditional network.
  void set_classes(std::span<const std::uint32_t> classes) { guided_.set_classes(classes); }
  /// Images evaluated by the network.
  [[nodiscard]] std::size_t evaluations() const { return network_.evaluations(); }

  [[nodiscard]] scoresde::ScoreForm score_form(double t) const {
    return clips_ || thresholds_ ? clipped_.score_form(t) : guided_.score_form(t);
  }
  /// Evaluates at one time, or at a time per sample.
  template <class X, class Times>
  requires requires(Network& network, const X& x, const Times& t, X& output) {
    network.evaluate(x, t, output);
  }
  void evaluate(const X& x, const Times& t, X& output) {
    if (clips_)
      clipped_.evaluate(x, t, output);
    else if (thresholds_)
      thresholded_.evaluate(x, t, output);
    else
      guided_.evaluate(x, t, output);
  }
  /// out ← vᵀ ∂F/∂x, where the network is differentiable. Throws Error for a model that clips.
  template <class X>
  requires scoresde::DifferentiableScoreModel<Guided, X>
  void vjp(const X& x, double t, const X& v, X& out) {
    scoresde::require(!clips_ && !thresholds_,
                      "sampled model: a clipped estimate is not differentiable");
    guided_.vjp(x, t, v, out);
  }

 private:
  CountedNetwork<Network> network_;
  Guided guided_;
  scoresde::ClippedDenoiser<Guided, scoresde::AnySde> clipped_;
  scoresde::DynamicallyThresholdedDenoiser<Guided, scoresde::AnySde> thresholded_;
  bool clips_, thresholds_;
};

}  // namespace programs
