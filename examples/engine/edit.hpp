// SPDX-License-Identifier: MIT
/// The edits of cifar10_edit over a score model of states in host memory.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/pretrained_classifier.hpp>
#include <scoresde/corrector/langevin.hpp>
#include <scoresde/inverse/colorization.hpp>
#include <scoresde/inverse/ddrm.hpp>
#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/inverse/sdedit.hpp>
#include <scoresde/likelihood/latent_codes.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/observer/observer.hpp>
#include <scoresde/ode/tableaux.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/sampler/score_sde_samplers.hpp>
#include <scoresde/score/classifier_gradient.hpp>
#include <scoresde/score/guidance.hpp>
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/state/workspace.hpp>
#include <scoresde/time/log_snr_grid.hpp>
#include <scoresde/time/time_grid.hpp>

#include "cli/edit_input.hpp"
#include "cli/edit_options.hpp"
#include "cli/edit_run.hpp"
#include "cli/sample_run.hpp"
#include "engine/host_network.hpp"
#include "engine/snapshot.hpp"

namespace programs {

/// The last steps of a grid: those that begin at most at the share `strength` of its steps.
[[nodiscard]] inline scoresde::TimeGrid last_steps(const scoresde::TimeGrid& grid,
                                                   double strength) {
  const auto wanted = std::lround(strength * static_cast<double>(grid.size()));
  const std::size_t kept =
      std::clamp<std::size_t>(static_cast<std::size_t>(wanted), 1, grid.size() - 1);
  return scoresde::TimeGrid(
      std::vector<scoresde::TimeStep>(grid.end() - static_cast<std::ptrdiff_t>(kept), grid.end()));
}

/// The grid of the probability flow: even in log-SNR where the SDE has no grid of its own.
[[nodiscard]] inline scoresde::TimeGrid flow_grid(const scoresde::AnySde& any, std::size_t steps) {
  return any.visit([&]<class S>(const S&) {
    if constexpr (scoresde::DiscreteSde<S> || std::same_as<S, scoresde::EdmSde>)
      return snapshot_grid(any, steps);
    else
      return scoresde::log_snr_grid(any, steps);
  });
}

/// Refers to options and run. Not thread-safe, as it keeps the latent codes of the images.
class Edit {
  using Sampler =
      scoresde::PredictorCorrector<scoresde::AnySde, scoresde::Ancestral, scoresde::Langevin>;
  using Flow = scoresde::ProbabilityFlow<scoresde::AnySde, scoresde::Heun>;

 public:
  using State = scoresde::HostState<float>;

  /// Throws Error for numbers that the samplers reject and a classifier that cannot be read.
  Edit(const EditOptions& options, const EditRun& run, const scoresde::AnySde& sde)
      : options_(options),
        input_(run.input()),
        class_of_(run.class_of()),
        conditional_(run.conditional()),
        grid_(snapshot_grid(sde, options.steps)),
        sampler_(sampler(sde, grid_, options.measures() ? options.corrector_steps : 0)),
        short_(sampler(sde, last_steps(grid_, options.strength.value_or(0.5)), 0)),
        flow_(sde, scoresde::Heun{}, flow_grid(sde, options.steps)) {
    if (!options.classifier.empty())
      classifier_ = std::make_unique<scoresde::PretrainedClassifier<HostOps>>(
          options.classifier,
          scoresde::PretrainedClassifierOptions{.batch = options.sampling.batch},
          HostOps(options.sampling.backend.threads));
  }

  /// Fills x with results noise.first_sample, noise.first_sample + 1, …
  template <class Model>
  void operator()(Model& model, State& x, scoresde::Noise noise, SamplingProgress& progress) {
    const std::size_t first = noise.first_sample, results = options_.results;
    if (options_.measures()) return restore(model, x, noise, progress);
    if (options_.task() == EditTask::interpolate || !options_.temperatures.empty()) {
      if (!codes_) encode_images(model, first, x.extents().samples);
      for (std::size_t k = 0; k < x.extents().samples; ++k)
        place_code(x[k], (first + k) / results, (first + k) % results);
      scoresde::Workspace<State, Flow::buffers> work(x);
      flow_.integrate(model, x, noise, work, progress);
    } else if (classifier_) {
      scoresde::ClassifierGradient gradient(*classifier_, classes_of(first, x.extents().samples));
      auto guided = scoresde::classifier_guidance(model, gradient, options_.classifier_scale);
      generate(guided, x, noise, progress);
    } else {
      generate(model, x, noise, progress);
    }
  }

 private:
  [[nodiscard]] static Sampler sampler(const scoresde::AnySde& sde, const scoresde::TimeGrid& grid,
                                       std::size_t corrections) {
    const double snr =
        scoresde::score_sde_snr(sde, scoresde::score_sde_pc1000, scoresde::Ancestral{});
    return Sampler(sde, scoresde::Ancestral{},
                   scoresde::Langevin{.snr = snr, .steps = static_cast<int>(corrections)}, grid);
  }

  /// Samples from noise, or from the images with noise.
  template <class Model>
  void generate(Model& model, State& x, scoresde::Noise noise, SamplingProgress& progress) const {
    if (!options_.strength) {
      sampler_.sample(model, x, noise, progress);
      return;
    }
    place(input_.images, noise.first_sample, x);
    scoresde::sdedit(short_, model, x, noise, progress);
  }

  /// x[k] ← the row of result first + k.
  void place(const State& rows, std::size_t first, State& x) const {
    for (std::size_t k = 0; k < x.extents().samples; ++k)
      std::copy_n(rows[(first + k) / options_.results].data(), x.extents().dim, x[k].data());
  }

  template <class Model>
  void restore(Model& model, State& x, scoresde::Noise noise, SamplingProgress& progress) const {
    const EditMeasurement& m = *input_.measurement;
    State y({x.extents().samples, m.op.rows()});
    place(m.y, noise.first_sample, y);
    if (options_.method == "ddrm") {
      const scoresde::LinearProblem problem(m.op, y, m.noise_std);
      scoresde::Ddrm(sampler_.sde(), grid_).sample(model, problem, x, noise, progress);
    } else {
      scoresde::KnownMeasurement known(sampler_.sde(), m.op, y);
      sampler_.sample(model, x, noise, progress, known);
    }
  }

  /// The classes of results first, first + 1, …
  [[nodiscard]] std::vector<std::uint32_t> classes_of(std::size_t first, std::size_t count,
                                                      std::size_t stride = 1) const {
    std::vector<std::uint32_t> classes;
    for (std::size_t k = 0; k < count; ++k) classes.push_back(class_of_(first + k * stride));
    return classes;
  }

  /// The latent codes of all images, with the class of their row; afterwards the model has the
  /// classes of results first, first + 1, … again.
  template <class Model>
  void encode_images(Model& model, std::size_t first, std::size_t count) {
    codes_ = input_.images;
    scoresde::Workspace<State, Flow::buffers> work(*codes_);
    const auto set_classes = [&](std::vector<std::uint32_t> classes) {
      classes_ = std::move(classes);
      if (conditional_) model.set_classes(classes_);
    };
    set_classes(classes_of(0, codes_->extents().samples, options_.results));
    flow_.encode(model, *codes_, work);
    set_classes(classes_of(first, count));
  }

  /// The code of a result: on the arc between two images, or an image's times a temperature.
  void place_code(std::span<float> to, std::size_t row, std::size_t result) const {
    State z = code(row);
    if (options_.temperatures.empty())
      scoresde::spherical_interpolation(
          z, code(row + 1),
          static_cast<double>(result + 1) / static_cast<double>(options_.results + 1), z);
    else
      scoresde::apply_temperature(flow_.sde(), options_.temperatures[result], z);
    std::copy_n(z.data(), to.size(), to.begin());
  }

  /// The latent code of an image.
  [[nodiscard]] State code(std::size_t row) const {
    const std::span<const float> z = std::as_const(*codes_)[row];
    return State({1, z.size()}, {z.begin(), z.end()});
  }

  const EditOptions& options_;
  const EditInput& input_;
  const SampleClasses& class_of_;
  bool conditional_;
  scoresde::TimeGrid grid_;
  Sampler sampler_, short_;
  Flow flow_;
  std::optional<State> codes_;
  std::vector<std::uint32_t> classes_;
  std::unique_ptr<scoresde::PretrainedClassifier<HostOps>> classifier_;
};

}  // namespace programs
