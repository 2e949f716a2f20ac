// SPDX-License-Identifier: MIT
/// The tasks of cifar10_edit that measure: images of which A x = y + noise is known.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <scoresde/corrector/langevin.hpp>
#include <scoresde/error.hpp>
#include <scoresde/inverse/colorization.hpp>
#include <scoresde/inverse/ddrm.hpp>
#include <scoresde/inverse/dps.hpp>
#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/inverse/pigdm.hpp>
#include <scoresde/inverse/twisted_smc.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/score_sde_samplers.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/time_grid.hpp>

#include "cli/edit_input.hpp"
#include "cli/edit_options.hpp"
#include "cli/sample_run.hpp"

namespace programs {

/// The sampler of edits: ancestral steps with Langevin corrections.
using EditSampler =
    scoresde::PredictorCorrector<scoresde::AnySde, scoresde::Ancestral, scoresde::Langevin>;
[[nodiscard]] inline EditSampler edit_sampler(const scoresde::AnySde& sde,
                                              const scoresde::TimeGrid& grid,
                                              std::size_t corrections) {
  const double snr =
      scoresde::score_sde_snr(sde, scoresde::score_sde_pc1000, scoresde::Ancestral{});
  return EditSampler(sde, scoresde::Ancestral{},
                     scoresde::Langevin{.snr = snr, .steps = static_cast<int>(corrections)}, grid);
}

/// Makes images by options.method. Refers to options and measurement.
class Restoration {
 public:
  using State = scoresde::HostState<float>;

  /// Throws UsageError for an operator or a grid that the method rejects.
  Restoration(const EditOptions& options, const EditMeasurement& measurement,
              const scoresde::AnySde& sde, const scoresde::TimeGrid& grid)
      : options_(options),
        measurement_(measurement),
        sampler_(edit_sampler(sde, grid, options.method == "known" ? options.corrector_steps : 0)) {
    try {
      const EditOperator& op = measurement.op;
      if (options.method == "known") scoresde::KnownMeasurement(sde, op, measurement.y);
      if (options.method == "pigdm") scoresde::PredictedLikelihood(sde, problem(measurement.y));
      if (options.method == "twisted_smc")
        smc_.emplace(sde, grid, scoresde::TwistedSmcOptions{.particles = options.particles});
    } catch (const scoresde::Error& failure) {
      throw scoresde::UsageError(scoresde::text("--method ", options.method, ": ", failure.what()));
    }
  }

  /// Fills x with results noise.first_sample, noise.first_sample + 1, … The model must be
  /// conditioned on a class for each of the options.samples_per_result() samples of each result.
  template <class Model>
  void operator()(Model& model, State& x, scoresde::Noise noise, SamplingProgress& progress) const {
    if (smc_) return choose(model, x, noise, progress);
    const State y = measured(noise.first_sample, x.extents().samples, 1);
    if (options_.method == "known") {
      scoresde::KnownMeasurement known(sampler_.sde(), measurement_.op, y);
      sampler_.sample(model, x, noise, progress, known);
    } else if (options_.method == "dps") {
      scoresde::Dps dps(sampler_.sde(), problem(y), options_.dps_scale);
      sampler_.sample(model, x, noise, progress, dps);
    } else if (options_.method == "pigdm") {
      auto posterior = scoresde::pigdm(model, sampler_.sde(), problem(y));
      sampler_.sample(posterior, x, noise, progress);
    } else {
      scoresde::Ddrm(sampler_.sde(), sampler_.grid()).sample(model, problem(y), x, noise, progress);
    }
  }

 private:
  using Problem = scoresde::LinearProblem<EditOperator, State>;

  [[nodiscard]] Problem problem(const State& y) const {
    return {measurement_.op, y, measurement_.noise_std};
  }

  /// What is measured of results first, first + 1, …, `copies` times each.
  [[nodiscard]] State measured(std::size_t first, std::size_t count, std::size_t copies) const {
    State y({count * copies, measurement_.op.rows()});
    for (std::size_t k = 0; k < count * copies; ++k) {
      const auto row = measurement_.y[(first + k / copies) / options_.results];
      std::copy(row.begin(), row.end(), y[k].begin());
    }
    return y;
  }

  /// x[k] ← one of the particles of result first + k, drawn by their weights.
  template <class Model>
  void choose(Model& model, State& x, scoresde::Noise noise, SamplingProgress& progress) const {
    const auto [count, dim] = x.extents();
    const std::size_t particles = options_.particles;
    const State y = measured(noise.first_sample, count, particles);
    State all({count * particles, dim});
    noise.first_sample *= static_cast<std::uint32_t>(particles);
    const auto found = smc_->sample(model, problem(y), all, noise, progress);
    const auto draw = noise.draw(2 * sampler_.grid().size() + 1);  // twisted SMC uses those before
    for (std::size_t k = 0; k < count; ++k) {
      const auto weights = std::span(found.weights).subspan(k * particles, particles);
      const std::size_t chosen = drawn(weights, scoresde::uniform(draw, k * particles, 0));
      std::copy_n(all[k * particles + chosen].data(), dim, x[k].data());
    }
  }

  /// The index i in whose share of [0, 1) the number u lies.
  [[nodiscard]] static std::size_t drawn(std::span<const double> weights, double u) {
    std::size_t i = 0;
    for (double upper = weights[0]; u >= upper && i + 1 < weights.size(); upper += weights[i]) ++i;
    return i;
  }

  const EditOptions& options_;
  const EditMeasurement& measurement_;
  EditSampler sampler_;
  std::optional<scoresde::TwistedSmc<scoresde::AnySde>> smc_;
};

}  // namespace programs
