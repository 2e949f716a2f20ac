// SPDX-License-Identifier: MIT
/// The score model of cifar10_sample on a GPU: the network's, in the chosen precision, with
/// optional guidance. A single type, so that every sampler is compiled once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include <scoresde/checkpoint/pretrained.hpp>
#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/device_state.hpp>
#include <scoresde/cuda/ops.hpp>
#include <scoresde/model/class_conditional.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/registry/class_choice.hpp>
#include <scoresde/score/guidance.hpp>

#include "engine/counted_network.hpp"
#include "engine/device_network.hpp"
#include "engine/device_options.hpp"

namespace programs {

/// The network of a checkpoint on the device.
class DeviceNetwork {
  template <class A>
  using Held = std::unique_ptr<scoresde::PretrainedScore<scoresde::cuda::Ops<A>>>;
  using Any = std::variant<Held<scoresde::cuda::Bfloat16>, Held<float>>;

 public:
  DeviceNetwork(const scoresde::cuda::Context& context, const std::filesystem::path& checkpoint,
                const BackendOptions& o, const scoresde::PretrainedOptions& options) {
    with_activations(o.precision, [&]<class A>() {
      using Ops = scoresde::cuda::Ops<A>;
      held_ = std::make_unique<scoresde::PretrainedScore<Ops>>(
          checkpoint, options, Ops(context, plan_options(o), precision_of(o.precision)));
    });
  }

  /// use(network) with the PretrainedScore.
  template <class Use>
  decltype(auto) visit(const Use& use) const {
    return std::visit([&](const auto& network) -> decltype(auto) { return use(*network); }, held_);
  }

 private:
  Any held_;
};

/// A DeviceNetwork of either precision as a score under its SDE. Refers to the network.
class DeviceScore {
  using State = scoresde::cuda::DeviceState<float>;

 public:
  using Scalar = float;

  explicit DeviceScore(const DeviceNetwork& network) : network_(&network) {}

  [[nodiscard]] scoresde::ScoreForm score_form(double t) const {
    return network_->visit([&](const auto& score) { return score.score_form(t); });
  }
  void set_classes(std::span<const std::uint32_t> classes) {
    network_->visit([&](auto& score) { score.set_classes(classes); });
  }
  [[nodiscard]] std::span<const double> conditioning(double t) {
    return network_->visit([&](auto& score) { return score.conditioning(t); });
  }
  /// Evaluates at one time, at a time per sample, or at conditioning(t) on the device.
  template <class Times>
  void evaluate(const State& x, const Times& t, State& output) {
    network_->visit([&](auto& score) { score.evaluate(x, t, output); });
  }
  /// out ← vᵀ ∂F/∂x, of a network in Mode::differentiation.
  void vjp(const State& x, double t, const State& v, State& out) {
    network_->visit([&](auto& score) { score.vjp(x, t, v, out); });
  }

 private:
  const DeviceNetwork* network_;
};

class DeviceModel {
  using State = scoresde::cuda::DeviceState<float>;
  using Counted = CountedNetwork<DeviceScore>;
  using Conditioning = scoresde::nn::ClassConditional<Counted>;

 public:
  DeviceModel(const DeviceNetwork& network, const scoresde::AnySde& sde,
              const scoresde::ClassChoice& choice)
      : network_(DeviceScore(network)),
        weight_(choice.guidance),
        interval_(guidance_interval(sde, choice)) {}
  DeviceModel(const DeviceModel&) = delete;
  DeviceModel& operator=(const DeviceModel&) = delete;

  /// Sets the class of each sample of the next batch; empty for an unconditional network. `classes`
  /// must outlive its evaluations.
  void set_classes(std::span<const std::uint32_t> classes) {
    guided_.reset();
    network_.set_classes(classes);
    if (weight_ == 0 || classes.empty()) return;
    with_.emplace(network_, std::vector<std::uint32_t>(classes.begin(), classes.end()));
    without_.emplace(network_, classes.size(), scoresde::nn::no_class);
    guided_.emplace(*with_, *without_, scoresde::GuidanceWeights{weight_, -weight_}, interval_);
  }
  /// Images evaluated by the network, without those of graph replays.
  [[nodiscard]] std::size_t evaluations() const { return network_.evaluations(); }

  [[nodiscard]] scoresde::ScoreForm score_form(double t) const { return network_.score_form(t); }
  void evaluate(const State& x, double t, State& output) { evaluate_at(x, t, output); }
  void evaluate(const State& x, std::span<const double> times, State& output) {
    evaluate_at(x, times, output);
  }

  /// The members of a GraphCapturableScoreModel, for unconditional networks.
  [[nodiscard]] std::span<const double> conditioning(double t) {
    return network_.network().conditioning(t);
  }
  void evaluate(const State& x, scoresde::cuda::DeviceCoefficients conditioning, State& output) {
    network_.network().evaluate(x, conditioning, output);
  }

 private:
  template <class Times>
  void evaluate_at(const State& x, const Times& t, State& output) {
    if (guided_)
      guided_->evaluate(x, t, output);
    else
      network_.evaluate(x, t, output);
  }

  Counted network_;
  double weight_;
  scoresde::TimeInterval interval_;
  std::optional<Conditioning> with_, without_;
  std::optional<scoresde::GuidedScore<Conditioning, Conditioning>> guided_;
};

}  // namespace programs
