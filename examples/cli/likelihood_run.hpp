// SPDX-License-Identifier: MIT
/// One run of cifar10_likelihood: batches of images, and the files that keep the results.
///
///   likelihood.csv             image, repeat, bits_per_dim, standard_error, bound, bound_error
///   likelihood.png             histogram of the images' bits per dimension
///
/// While images are missing:
///
///   likelihood.partial.csv     the rows of the finished images
///   likelihood.progress.json   their number, and the settings
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <scoresde/data/cifar10.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/state/host_state.hpp>

#include "cli/likelihood_options.hpp"
#include "cli/sample_progress.hpp"

namespace programs {

/// Of one image, in bits per dimension; NaN for what was not computed.
struct ImageBits {
  double bits = 0;
  double standard_error = 0;  ///< of the trace, from the probes
  double bound = 0;
  double bound_error = 0;  ///< standard error, from the draws
};

/// A checkpoint's network and its likelihoods on a backend, for a run.
struct BatchLikelihood {
  std::size_t parameters = 0;  ///< of the network
  std::string device;          ///< description for the output
  /// x holds levels 0 … 255 and is overwritten; `classes` has one per sample, or is empty.
  std::function<std::vector<ImageBits>(
      scoresde::HostState<float>& x, std::span<const std::uint32_t> classes, scoresde::Noise noise)>
      evaluate;
  std::function<std::size_t()>
      evaluations;  ///< images that the ODE or the chain has evaluated so far
};

class LikelihoodRun {
 public:
  /// Throws UsageError for options that do not suit the images, and Error for images of another
  /// size, for finished likelihoods in the folder without --overwrite, for an unfinished run there
  /// without --resume, for --resume without an unfinished run of the same settings, and for files
  /// that cannot be written.
  LikelihoodRun(LikelihoodOptions options, const scoresde::Metadata& configuration);

  /// The options with the number of images of the data.
  [[nodiscard]] const LikelihoodOptions& options() const { return options_; }

  void operator()(const BatchLikelihood& likelihood);

 private:
  void evaluate_batch(std::size_t first, std::size_t count, const BatchLikelihood& likelihood);
  [[nodiscard]] std::vector<std::uint32_t> classes(std::size_t first, std::size_t count) const;
  [[nodiscard]] std::string table() const;
  void save(std::size_t evaluations);
  void finish();
  void load();
  void report() const;
  /// The number of an image that is reported as its bits per dimension.
  [[nodiscard]] double ImageBits::*value() const {
    return options_.discrete ? &ImageBits::bound : &ImageBits::bits;
  }

  LikelihoodOptions options_;
  scoresde::data::SharedImages images_;
  bool conditional_;
  SampleProgress progress_;      ///< samples: images that are finished
  std::vector<ImageBits> rows_;  ///< repeat r of finished image i at i·repeats + r
};

}  // namespace programs
