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
#include <scoresde/inverse/sdedit.hpp>
#include <scoresde/likelihood/latent_codes.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/observer/observer.hpp>
#include <scoresde/ode/tableaux.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/sampler/final_step.hpp>
#include <scoresde/sampler/probability_flow.hpp>
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
#include "cli/stop_signals.hpp"
#include "engine/host_network.hpp"
#include "engine/restoration.hpp"
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

/// Ends an integration without a progress of its own when a signal has requested a stop.
struct StopOnSignal {
  template <class X>
  scoresde::StepAction on_step(const scoresde::ObservedStep&, const X&) const {
    return stop_requested() ? scoresde::StepAction::stop : scoresde::StepAction::proceed;
  }
};

/// Refers to options and run. Not thread-safe, as it keeps the latent codes of images.
class Edit {
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
        sampler_(edit_sampler(sde, grid_, 0)),
        short_(edit_sampler(sde, last_steps(grid_, options.strength.value_or(0.5)), 0)),
        flow_(sde, scoresde::Heun{}, flow_grid(sde, options.steps),
              {.final_step = scoresde::FinalStep::keep_noise}) {
    if (input_.measurement) restoration_.emplace(options, *input_.measurement, sde, grid_);
    if (!options.classifier.empty())
      classifier_ = std::make_unique<scoresde::PretrainedClassifier<HostOps>>(
          options.classifier,
          scoresde::PretrainedClassifierOptions{.batch = options.sampling.batch},
          HostOps(options.sampling.backend.threads));
  }

  /// Fills x with results noise.first_sample, noise.first_sample + 1, …
  template <class Model>
  void operator()(Model& model, State& x, scoresde::Noise noise, SamplingProgress& progress) {
    const std::size_t first = noise.first_sample, count = x.extents().samples;
    if (restoration_) {
      set_classes(model, classes_of(first, count, options_.samples_per_result()));
      (*restoration_)(model, x, noise, progress);
    } else if (options_.task() == EditTask::interpolate || !options_.temperatures.empty()) {
      decode_codes(model, x, noise, progress);
    } else if (classifier_) {
      scoresde::ClassifierGradient gradient(*classifier_, classes_of(first, count));
      auto guided = scoresde::classifier_guidance(model, gradient, options_.classifier_scale);
      generate(guided, x, noise, progress);
    } else {
      generate(model, x, noise, progress);
    }
  }

 private:
  /// Samples from noise, or from the images with noise.
  template <class Model>
  void generate(Model& model, State& x, scoresde::Noise noise, SamplingProgress& progress) const {
    if (!options_.strength) {
      sampler_.sample(model, x, noise, progress);
      return;
    }
    for (std::size_t k = 0; k < x.extents().samples; ++k)
      copy(input_.images[(noise.first_sample + k) / options_.results], x[k]);
    scoresde::sdedit(short_, model, x, noise, progress);
  }

  /// Results decoded from the latent codes of their images.
  template <class Model>
  void decode_codes(Model& model, State& x, scoresde::Noise noise, SamplingProgress& progress) {
    const std::size_t first = noise.first_sample, count = x.extents().samples;
    const std::size_t results = options_.results, last = (first + count - 1) / results;
    encode_images(model, first / results, last + (options_.temperatures.empty() ? 2 : 1));
    for (std::size_t k = 0; k < count; ++k)
      place_code(x[k], (first + k) / results, (first + k) % results);
    set_classes(model, classes_of(first, count));
    scoresde::Workspace<State, Flow::buffers> work(x);
    flow_.integrate(model, x, noise, work, progress);
  }

  /// Keeps the latent codes of images begin, …, end − 1, with the class of their row; computes
  /// those that are not kept already.
  template <class Model>
  void encode_images(Model& model, std::size_t begin, std::size_t end) {
    const std::size_t dim = input_.shape.size(), kept = first_code_ + codes_.extents().samples;
    State codes({end - begin, dim});
    std::size_t known = begin;
    for (; known >= first_code_ && known < std::min(kept, end); ++known)
      copy(code(known), codes[known - begin]);
    State fresh({end - known, dim});
    std::vector<std::uint32_t> classes;
    for (std::size_t row = known; row < end; ++row) {
      copy(input_.images[row], fresh[row - known]);
      classes.push_back(class_of_(row * options_.results));
    }
    if (known < end) {
      set_classes(model, std::move(classes));
      scoresde::Workspace<State, Flow::buffers> work(fresh);
      flow_.encode(model, fresh, work, StopOnSignal{});
    }
    for (std::size_t row = known; row < end; ++row)
      copy(std::as_const(fresh)[row - known], codes[row - begin]);
    codes_ = std::move(codes);
    first_code_ = begin;
  }

  /// The code of a result: on the arc between two images, or an image's times a temperature.
  void place_code(std::span<float> to, std::size_t row, std::size_t result) const {
    State z = state_of(code(row));
    if (options_.temperatures.empty())
      scoresde::spherical_interpolation(
          z, state_of(code(row + 1)),
          static_cast<double>(result + 1) / static_cast<double>(options_.results + 1), z);
    else
      scoresde::apply_temperature(flow_.sde(), options_.temperatures[result], z);
    copy(std::as_const(z)[0], to);
  }

  /// The latent code of an image that is kept.
  [[nodiscard]] std::span<const float> code(std::size_t row) const {
    return codes_[row - first_code_];
  }
  [[nodiscard]] static State state_of(std::span<const float> values) {
    return State({1, values.size()}, {values.begin(), values.end()});
  }
  static void copy(std::span<const float> from, std::span<float> to) {
    std::copy(from.begin(), from.end(), to.begin());
  }

  /// The classes of results first, first + 1, …, `copies` times each.
  [[nodiscard]] std::vector<std::uint32_t> classes_of(std::size_t first, std::size_t count,
                                                      std::size_t copies = 1) const {
    std::vector<std::uint32_t> classes;
    for (std::size_t k = 0; k < count * copies; ++k)
      classes.push_back(class_of_(first + k / copies));
    return classes;
  }
  template <class Model>
  void set_classes(Model& model, std::vector<std::uint32_t> classes) {
    if (!conditional_) return;
    classes_ = std::move(classes);
    model.set_classes(classes_);
  }

  const EditOptions& options_;
  const EditInput& input_;
  const SampleClasses& class_of_;
  bool conditional_;
  scoresde::TimeGrid grid_;
  EditSampler sampler_, short_;
  Flow flow_;
  std::optional<Restoration> restoration_;
  State codes_;  ///< of images first_code_, first_code_ + 1, …
  std::size_t first_code_ = 0;
  std::vector<std::uint32_t> classes_;
  std::unique_ptr<scoresde::PretrainedClassifier<HostOps>> classifier_;
};

}  // namespace programs
