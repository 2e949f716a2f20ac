// SPDX-License-Identifier: MIT
/// ScoreNetwork: a network on the GPU, its parameters and an SDE as a score model for device
/// states.
///
///   ∇log p_t(x) ≈ p(t)·x + q(t)·F(c(t)·x, label(t); θ)
///
/// label, p, q and c are defined by the convention (model/label_convention.hpp). Song et al. 2021
/// (arXiv:2011.13456), appendices C and G.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/cuda/detail/network_kernels.hpp>
#include <scoresde/cuda/device_state.hpp>
#include <scoresde/cuda/ops.hpp>
#include <scoresde/error.hpp>
#include <scoresde/model/label_convention.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/sde.hpp>

namespace scoresde::cuda {

/// Models ScoreModel, PerSampleScoreModel, DifferentiableScoreModel and GraphCapturableScoreModel
/// for DeviceState<float>; a captured sampler evaluates it at every time with one graph. Batches
/// larger than the network's are evaluated in parts. Holds references to the network and to the
/// parameters in device memory, which must outlive it. Not thread-safe.
template <class A, Sde S, class Convention = typename nn::convention_of<S>::type>
class ScoreNetwork {
  static_assert(nn::convention_fits<Convention, S>,
                "ScoreNetwork: a convention of discrete noise levels requires an SDE with "
                "training_steps() and training_time(i)");
  using State = DeviceState<float>;

 public:
  using Scalar = float;

  /// Throws Error unless there is one parameter value per network parameter and input and output
  /// shapes agree, and if the convention rejects its parameters.
  ScoreNetwork(nn::Network<Ops<A>>& network, std::span<const float> parameters, S sde,
               Convention convention = {})
      : network_(&network),
        parameters_(parameters),
        sde_(std::move(sde)),
        convention_(std::move(convention)) {
    require(parameters.size() == network.parameters().size(),
            "score network: the buffer of parameters has ", parameters.size(),
            " scalars; the network's has ", network.parameters().size());
    network.require_score_shape();
    if constexpr (requires { convention_.validate(); }) convention_.validate();
  }

  [[nodiscard]] ScoreForm score_form(double t) const { return convention_.score_form(sde_, t); }
  [[nodiscard]] double label(double t) const { return convention_.label(sde_, t); }
  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] nn::Network<Ops<A>>& network() const { return *network_; }
  /// Elements per sample.
  [[nodiscard]] std::size_t dim() const { return network_->input_shape().size(); }

  /// Sets the class, or nn::no_class, of each sample for the following evaluations; empty: no
  /// classes. The values must outlive the evaluations. Captured runs throw Error if classes are
  /// set.
  void set_classes(std::span<const std::uint32_t> classes) { classes_ = classes; }

  /// output ← F(x, t) with one time for all samples. Throws Error unless each sample has dim()
  /// elements, and during stream capture.
  void evaluate(const State& x, double t, State& output) {
    evaluate_parts(x, output, [t](std::size_t) { return t; });
  }
  /// The same with one time per sample. Throws Error also unless there is one per sample.
  void evaluate(const State& x, std::span<const double> times, State& output) {
    require(times.size() == x.extents().samples, "score network: ", times.size(), " times for ",
            x.extents().samples, " samples");
    evaluate_parts(x, output, [&](std::size_t k) { return times[k]; });
  }

  /// The conditioning of an evaluation at t: labels, output factors and input scales, one of each
  /// for every sample of a part. Valid until the next call.
  [[nodiscard]] std::span<const double> conditioning(double t) {
    const std::size_t n = network_->batch();
    numbers_.resize(3 * n);
    const double label_now = label(t);
    std::fill_n(numbers_.begin(), n, label_now);
    std::fill_n(numbers_.begin() + std::ptrdiff_t(n), n, network_->output_factor(label_now));
    std::fill_n(numbers_.begin() + std::ptrdiff_t(2 * n), n, input_scale(t));
    return numbers_;
  }
  /// evaluate(x, t, output) with conditioning(t) in device memory: no copies, no classes.
  void evaluate(const State& x, DeviceCoefficients conditioning, State& output) {
    require(classes_.empty(),
            "score network: classes are set; a captured run cannot be conditioned on classes");
    const auto [samples, dim] = checked_extents(x, output);
    const std::size_t n = network_->batch();
    for (std::size_t first = 0; first < samples; first += n) {
      const std::size_t count = std::min(n, samples - first);
      const float* in = x.device_data() + first * dim;
      if constexpr (scales_input) in = scaled(in, count, conditioning.data + 2 * n);
      network_->forward_conditioned(
          parameters_, in, {{conditioning.data, count}, {conditioning.data + n, count}, {}},
          output.device_data() + first * dim);
    }
  }

  /// out ← vᵀ ∂F/∂x at (x, t); requires Mode::differentiation. Throws Error in inference mode, and
  /// as evaluate does.
  void vjp(const State& x, double t, const State& v, State& out) {
    const auto [samples, dim] = checked_extents(x, out);
    static_cast<void>(checked_extents(x, v));
    State& result = staging(1);
    for (std::size_t first = 0; first < samples; first += network_->batch()) {
      const std::size_t count = std::min(network_->batch(), samples - first), size = count * dim;
      forward_part(
          x, first, count, [t](std::size_t) { return t; }, result.device_data());
      float* const to = out.device_data() + first * dim;
      network_->backward(parameters_, {v.device_data() + first * dim, size}, {}, {to, size});
      if constexpr (scales_input)
        detail::affine<float>(x.context(), flat(to, size), input_scale(t), 0, {to});
    }
  }

 private:
  static constexpr bool scales_input = requires(const Convention& convention, const S& sde) {
    convention.input_scale(sde, 0.0);
  };

  [[nodiscard]] double input_scale(double t) const {
    if constexpr (scales_input)
      return convention_.input_scale(sde_, t);
    else
      return 1;
  }
  [[nodiscard]] static nn::View<const float> flat(const float* data, std::size_t size) {
    return {data, {1, size, 1, 1}};
  }

  template <class TimeOf>
  void evaluate_parts(const State& x, State& output, const TimeOf& time_of) {
    const auto [samples, dim] = checked_extents(x, output);
    for (std::size_t first = 0; first < samples; first += network_->batch())
      forward_part(x, first, std::min(network_->batch(), samples - first), time_of,
                   output.device_data() + first * dim);
  }

  template <class TimeOf>
  void forward_part(const State& x, std::size_t first, std::size_t count, const TimeOf& time_of,
                    float* y) {
    const auto [samples, dim] = x.extents();
    require(classes_.empty() || classes_.size() == samples, "score network: ", classes_.size(),
            " classes for ", samples, " samples");
    labels_.resize(count);
    for (std::size_t k = 0; k < count; ++k) labels_[k] = label(time_of(first + k));
    const float* in = x.device_data() + first * dim;
    if constexpr (scales_input) {
      numbers_.resize(count);
      for (std::size_t k = 0; k < count; ++k) numbers_[k] = input_scale(time_of(first + k));
      if (!scales_) scales_.emplace(x.context(), network_->batch() * sizeof(double));
      x.context().copy_to_device(scales_->data(), numbers_.data(), count * sizeof(double));
      in = scaled(in, count, scales_->template data<double>());
    }
    network_->forward(parameters_, {in, count * dim}, labels_, {y, count * dim}, {},
                      classes_.empty() ? classes_ : classes_.subspan(first, count));
  }

  /// c·x for `count` samples, in the network's input buffer.
  const float* scaled(const float* x, std::size_t count, const double* scales) {
    float* const to = staging(0).device_data();
    detail::scale_samples<float>(network_->ops().context(), {x, {count, dim(), 1, 1}}, scales,
                                 {to});
    return to;
  }

  /// A state of one network batch, allocated at first use.
  State& staging(std::size_t which) {
    if (!staging_[which])
      staging_[which].emplace(network_->ops().context(), Extents{network_->batch(), dim()});
    return *staging_[which];
  }

  [[nodiscard]] Extents checked_extents(const State& x, const State& output) const {
    const Extents shape = x.extents();
    require(shape.dim == dim(), "score network: x has ", shape.dim,
            " elements per sample; it must have ", dim());
    require(output.extents() == shape, "score network: x has ", shape.samples, " samples of ",
            shape.dim, ", output has ", output.extents().samples, " of ", output.extents().dim);
    return shape;
  }

  nn::Network<Ops<A>>* network_;
  std::span<const float> parameters_;
  S sde_;
  Convention convention_;
  std::vector<double> labels_, numbers_;
  std::span<const std::uint32_t> classes_;
  std::optional<State> staging_[2];
  std::optional<DeviceMemory> scales_;
};

}  // namespace scoresde::cuda
