// SPDX-License-Identifier: MIT
/// A small grid of samples that shows the progress of training, on every backend.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/model/model_ops.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/score/thresholding.hpp>
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/log_snr_grid.hpp>
#include <scoresde/time/time_grid.hpp>

namespace programs {

/// Number of samples in a snapshot.
inline constexpr std::size_t snapshot_samples = 16;

[[nodiscard]] inline scoresde::TimeGrid snapshot_grid(const scoresde::AnySde& any,
                                                      std::size_t steps) {
  if (any.is<scoresde::EdmSde>()) return scoresde::karras_grid(any, steps);
  return any.visit([steps]<class S>(const S& sde) {
    if constexpr (scoresde::DiscreteSde<S>)
      return scoresde::level_grid(
          sde, scoresde::uniform_grid(sde, std::min(steps, scoresde::most_level_steps(
                                                               sde, sde.t_max(), sde.t_min()))));
    else
      return scoresde::uniform_grid(sde, steps);
  });
}

/// A network that is evaluated on host states, so that a snapshot is clipped on every backend: an
/// evaluation copies its images to the backend and its output back.
template <scoresde::nn::ModelOps Ops>
class HostEvaluated {
 public:
  using Scalar = typename Ops::Scalar;
  using State = scoresde::HostState<Scalar>;

  /// For states of these extents. Refers to `ops`.
  HostEvaluated(scoresde::AnyScoreNetwork<Ops> network, const Ops& ops, scoresde::Extents extents)
      : network_(std::move(network)),
        ops_(&ops),
        x_(ops.make_state(extents)),
        output_(ops.make_state(extents)),
        values_(extents.size()) {}

  [[nodiscard]] scoresde::ScoreForm score_form(double t) const { return network_.score_form(t); }
  void set_classes(std::span<const std::uint32_t> classes) { network_.set_classes(classes); }
  void evaluate(const State& x, double t, State& output) {
    ops_->upload(x.span(), Ops::elements(x_));
    network_.evaluate(x_, t, output_);
    ops_->download(Ops::elements(std::as_const(output_)), values_);
    std::copy(values_.begin(), values_.end(), output.data());
  }

 private:
  scoresde::AnyScoreNetwork<Ops> network_;
  const Ops* ops_;
  typename Ops::State x_, output_;
  std::vector<Scalar> values_;
};

/// 16 samples by ancestral steps with clipped denoising, without which a network that was trained
/// for a short time gives saturated images. The noise is always the same, so that snapshots of a
/// run can be compared; for a class-conditional network they are one of each class, then the first
/// classes again.
template <scoresde::nn::ModelOps Ops>
class Snapshot {
  using Scalar = typename Ops::Scalar;
  using Model = HostEvaluated<Ops>;
  using Sampler =
      scoresde::PredictorCorrector<scoresde::AnySde, scoresde::Ancestral, scoresde::NoCorrector>;

 public:
  Snapshot(const scoresde::nn::Graph& graph, const scoresde::AnySde& sde, std::size_t steps,
           bool centered, Ops ops)
      : network_(graph, snapshot_samples, scoresde::nn::Mode::inference, std::move(ops)),
        sampler_(sde, scoresde::Ancestral{}, scoresde::NoCorrector{}, snapshot_grid(sde, steps)),
        grid_{.columns = 4, .centered = centered} {
    const auto classes = static_cast<std::uint32_t>(network_.classes());
    for (std::uint32_t k = 0; classes > 0 && k < snapshot_samples; ++k)
      classes_.push_back(k % classes);
  }

  /// Samples with these parameters, in the backend's memory, and writes the grid.
  template <class S, class Convention>
  void write(const std::filesystem::path& path, std::span<const Scalar> parameters, const S& sde,
             const Convention& convention, std::uint64_t seed) {
    using Score = scoresde::nn::ScoreNetwork<Ops, S, Convention>;
    const scoresde::Extents extents{snapshot_samples, network_.input_shape().size()};
    Model model(scoresde::AnyScoreNetwork<Ops>(Score(network_, parameters, sde, convention)),
                network_.ops(), extents);
    network_.freeze(parameters);  // valid until the next snapshot; training uses another network
    write(path, model, scoresde::HostState<Scalar>(extents), seed);
  }

 private:
  void write(const std::filesystem::path& path, Model& model, scoresde::HostState<Scalar> x,
             std::uint64_t seed) {
    model.set_classes(classes_);
    scoresde::ClippedDenoiser clipped(model, sampler_.sde(),
                                      scoresde::DataRange{grid_.centered ? -1.0 : 0.0, 1.0});
    sampler_.sample(clipped, x, scoresde::Noise{.seed = seed});
    scoresde::io::write_image_grid(path, grid_, x);
  }

  scoresde::nn::Network<Ops> network_;
  Sampler sampler_;
  scoresde::io::ImageGrid grid_;
  std::vector<std::uint32_t> classes_;
};

}  // namespace programs
