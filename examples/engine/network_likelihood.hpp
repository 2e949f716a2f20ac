// SPDX-License-Identifier: MIT
/// The network of a checkpoint and its likelihoods, on every backend.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/pretrained.hpp>
#include <scoresde/likelihood/bits_per_dim.hpp>
#include <scoresde/likelihood/discrete_likelihood_bound.hpp>
#include <scoresde/likelihood/likelihood_bound.hpp>
#include <scoresde/likelihood/probability_flow_likelihood.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/state/host_state.hpp>

#include "cli/likelihood_options.hpp"
#include "cli/likelihood_run.hpp"

namespace programs {

template <scoresde::nn::ModelOps Ops>
class NetworkLikelihood {
  using Host = scoresde::HostState<float>;
  using State = typename Ops::State;
  using Flow =
      scoresde::ProbabilityFlowLikelihood<scoresde::AnySde, scoresde::AdaptiveRungeKutta<>>;
  static constexpr double missing = std::numeric_limits<double>::quiet_NaN();

 public:
  /// Throws Error for a checkpoint that cannot be read, and UsageError for times that the SDE does
  /// not have.
  NetworkLikelihood(const LikelihoodOptions& options, const scoresde::AnySde& sde, Ops ops)
      : options_(options),
        sde_(sde),
        flow_(flow(options, sde)),
        bound_(bound(options, sde)),
        network_(options.checkpoint,
                 {.batch = options.batch,
                  .mode = options.discrete ? scoresde::nn::Mode::inference
                                           : scoresde::nn::Mode::differentiation},
                 std::move(ops)) {}

  /// `device` names the backend in the output.
  [[nodiscard]] BatchLikelihood batches(const std::string& device) {
    return {network_.network().parameters().count(),
            scoresde::text(device, ", batches of ", options_.batch, " in ",
                           network_.network().workspace_bytes() / (1 << 20), " MiB of workspace"),
            [this](Host& x, std::span<const std::uint32_t> classes, scoresde::Noise noise) {
              network_.set_classes(classes);
              return network_.config().centered ? evaluate<scoresde::Centered>(x, noise)
                                                : evaluate<scoresde::UnitInterval>(x, noise);
            },
            [this] { return evaluations_; }};
  }
  [[nodiscard]] const Ops& ops() const { return network_.ops(); }

 private:
  static std::optional<Flow> flow(const LikelihoodOptions& options, const scoresde::AnySde& sde) {
    using scoresde::Scope;
    if (options.discrete) return {};
    const scoresde::AdaptiveRungeKutta<> solver{
        .rtol = options.rtol,
        .atol = options.atol,
        .scope = options.control == "scipy" ? Scope::batch : Scope::per_sample};
    return scoresde::as_usage([&] {
      return Flow(sde, solver, {.probes = options.probes},
                  scoresde::TimeStep{options.eps, sde.t_max()});
    });
  }
  static std::optional<scoresde::LikelihoodBound<scoresde::AnySde>> bound(
      const LikelihoodOptions& options, const scoresde::AnySde& sde) {
    if (options.discrete || options.draws == 0) return {};
    return scoresde::LikelihoodBound(sde, options.eps,
                                     scoresde::LikelihoodBoundOptions{.draws = options.draws});
  }

  /// x holds levels and is overwritten.
  template <class Scaling>
  std::vector<ImageBits> evaluate(Host& x, scoresde::Noise noise) {
    if (options_.discrete) return evaluate_chain<Scaling>(x, noise);
    if (options_.dequantization == "uniform")
      return evaluate_flow(x, scoresde::UniformDequantization<Scaling>{}, noise);
    return evaluate_flow(x, scoresde::truncated_normal_dequantization<Scaling>(sde_, options_.eps),
                         noise);
  }

  template <class Dequantization>
  std::vector<ImageBits> evaluate_flow(Host& levels, const Dequantization& dequantization,
                                       scoresde::Noise noise) {
    const auto batch = scoresde::dequantize(levels, dequantization, noise.draw(0));
    State x = on_backend(levels);
    std::vector<ImageBits> images(scoresde::extents(x).samples,
                                  {missing, missing, missing, missing});
    if (bound_) {
      auto bound = bound_->evaluate(network_, x, noise);
      for (double& value : bound.negative_log_p) value = -value;
      const auto bits = scoresde::bits_per_dim(bound.negative_log_p, batch);
      for (std::size_t k = 0; k < images.size(); ++k) {
        images[k].bound = bits[k];
        images[k].bound_error = scoresde::bits_of_nats(bound.standard_error[k], batch.dim);
      }
    }
    const auto found = flow_->log_likelihood(network_, x, noise);
    evaluations_ += found.statistics.nfe * images.size();
    const auto bits = scoresde::bits_per_dim(found.log_p, batch);
    for (std::size_t k = 0; k < images.size(); ++k) {
      images[k].bits = bits[k];
      images[k].standard_error = scoresde::bits_of_nats(found.standard_error[k], batch.dim);
    }
    return images;
  }

  /// DDPM's bound of the levels themselves.
  template <class Scaling>
  std::vector<ImageBits> evaluate_chain(Host& levels, scoresde::Noise noise) {
    using scoresde::PosteriorVariance;
    constexpr double step = Scaling::scale / 255;
    for (float& value : std::span(levels.data(), levels.size()))
      value = static_cast<float>(Scaling::shift + step * static_cast<double>(value));
    const State x = on_backend(levels);
    const auto bound = sde_.visit([&]<class S>(const S& sde) {
      if constexpr (std::same_as<S, scoresde::DdpmSde>)
        return scoresde::DiscreteLikelihoodBound<Scaling>(
                   sde, {.variance = options_.variance == "large" ? PosteriorVariance::large
                                                                  : PosteriorVariance::small,
                         .draws = options_.draws})
            .evaluate(network_, x, noise);
      else
        return scoresde::DiscreteLikelihoodBoundValue{};
    });
    const auto [samples, dim] = scoresde::extents(x);
    evaluations_ += bound.nfe * samples;
    std::vector<ImageBits> images;
    for (std::size_t k = 0; k < samples; ++k)
      images.push_back({missing, missing, scoresde::bits_of_nats(bound.negative_log_p[k], dim),
                        scoresde::bits_of_nats(bound.standard_error[k], dim)});
    return images;
  }

  [[nodiscard]] State on_backend(const Host& x) const {
    State placed = network_.make_state(x.extents().samples);
    ops().upload({x.data(), x.size()}, Ops::elements(placed));
    return placed;
  }

  LikelihoodOptions options_;
  scoresde::AnySde sde_;
  std::optional<Flow> flow_;
  std::optional<scoresde::LikelihoodBound<scoresde::AnySde>> bound_;
  scoresde::PretrainedScore<Ops> network_;
  std::size_t evaluations_ = 0;  ///< images that the ODE or the chain has evaluated
};

}  // namespace programs
