// SPDX-License-Identifier: MIT
/// One run of cifar10_sample on any backend: samples and their files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/observer/observer.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/state/host_state.hpp>

#include "cli/progress_bar.hpp"
#include "cli/sample_classes.hpp"
#include "cli/sample_options.hpp"
#include "cli/sample_store.hpp"

namespace programs {

/// An observer that shows the progress of a run, by steps, or, if their number is not known, by the
/// time that the batch has reached.
class SamplingProgress {
 public:
  SamplingProgress(std::size_t samples, double t_max, double t_min)
      : samples_(static_cast<double>(samples)), t_max_(t_max), t_min_(t_min) {}

  void begin_batch(std::size_t first, std::size_t count) {
    first_ = static_cast<double>(first);
    count_ = static_cast<double>(count);
  }
  /// Ends the batch if a signal has requested a stop.
  template <class X>
  scoresde::StepAction on_step(const scoresde::ObservedStep& step, const X&) {
    return show(step);
  }
  /// Shows a batch whose steps cannot be observed.
  void on_batch(std::size_t nfe);
  /// Whether a signal ended the batch early.
  [[nodiscard]] bool stopped() const { return stopped_; }
  void end_line() { bar_.end_line(); }

 private:
  scoresde::StepAction show(const scoresde::ObservedStep& step);

  ProgressBar bar_{"sample", 10};
  bool stopped_ = false;
  double samples_, t_max_, t_min_, first_ = 0, count_ = 0;
};

/// One batch: the number of samples and what they depend on.
struct SampleBatch {
  std::size_t count = 0;
  scoresde::Noise noise;
  std::span<const std::uint32_t> classes;  ///< one per sample; empty for an unconditional network
  SamplingProgress& progress;
};

/// A checkpoint's network and a sampler on a backend, for a run.
struct BatchSampler {
  std::size_t batch = 0;       ///< samples per batch, at most
  std::size_t parameters = 0;  ///< of the network
  std::string device;          ///< description for the output
  std::function<scoresde::HostState<float>(const SampleBatch&)> sample;
  std::function<std::size_t()> evaluations;  ///< images that the network has evaluated so far
};

class SampleRun {
 public:
  /// Throws Error for images that a PNG cannot hold, for a threshold that does not suit the data's
  /// range, for finished samples in the folder without --overwrite, for an unfinished run there
  /// without --resume, and for --resume without an unfinished run of the same settings. The first
  /// rank alone reads and writes the folder.
  SampleRun(const SampleOptions& options, const scoresde::Metadata& configuration);

  void operator()(const BatchSampler& sampler, double t_max);

 private:
  void check_folder();
  /// Appends the samples to `store`, which the first rank has.
  void sample_all(SampleStore* store, const BatchSampler& sampler, double t_max);
  /// Writes this rank's batch of those that follow `done` samples, if there is one, to `images`.
  /// False if a signal ended it or came before.
  [[nodiscard]] bool sample_own(std::size_t done, const BatchSampler& sampler,
                                SamplingProgress& progress, std::vector<float>& images);
  /// Of the batches of all ranks.
  struct Round {
    bool complete;
    std::size_t evaluations;  ///< since the start of the run
  };
  /// A stop of one rank is then a stop of all.
  [[nodiscard]] Round agree(bool complete, std::size_t evaluations) const;
  [[nodiscard]] std::span<const std::uint32_t> classes_from(std::size_t first, std::size_t count);
  [[nodiscard]] bool writes() const { return options_.ranks->is_first(); }
  void write_each(std::size_t first, std::span<const float> images) const;
  [[nodiscard]] Metadata metadata() const;
  void report_setup(std::size_t parameters, const std::string& device) const;
  void report_end(double seconds) const;
  void report_stop(SampleStore& store) const;
  [[nodiscard]] std::string nfe_text() const;
  [[nodiscard]] std::string sampler_text() const;
  [[nodiscard]] std::string preset_name() const;

  SampleOptions options_;
  scoresde::Metadata configuration_;
  scoresde::nn::UNetConfig network_;
  SampleClasses class_of_;
  SampleProgress progress_;             ///< at the start of the run
  std::vector<std::uint32_t> classes_;  ///< of the batch, if the network is conditional
  std::size_t evaluations_ = 0;
};

}  // namespace programs
