// SPDX-License-Identifier: MIT
/// One run of cifar10_evaluate on any backend: features of all images, metrics and files.
///
///   features.partial, logits.partial   float32 rows of the finished images: real ones, then samples
///   evaluation.progress.json           their number, and the settings of the run
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>

#include <scoresde/evaluate/feature_extractor.hpp>
#include <scoresde/evaluate/feature_statistics.hpp>

#include "cli/evaluate_metrics.hpp"
#include "cli/evaluate_options.hpp"
#include "cli/evaluate_report.hpp"
#include "cli/evaluated_images.hpp"
#include "cli/reference_rows.hpp"
#include "cli/sample_progress.hpp"

namespace programs {

/// What is compared.
struct EvaluationInput {
  std::string samples_name;  ///< for the output
  std::size_t samples = 0, channels = 0, height = 0, width = 0;
  /// The samples, made now unless they are finished; none after a signal.
  std::function<std::optional<EvaluatedImages>()> open_samples;
  std::optional<EvaluatedImages> reference;  ///< or statistics
  std::optional<scoresde::FeatureMoments> statistics;
  std::map<std::string, std::string> settings;  ///< all that the samples depend on
  /// Called before the run is recorded, so that a resumed one does not take samples that it was to
  /// replace for its own.
  std::function<void()> remove_replaced = [] {};

  [[nodiscard]] std::size_t real_images() const { return reference ? reference->count : 0; }
};

/// The files of the results, in --out.
inline constexpr const char* evaluation_name = "evaluation.json";
inline constexpr const char* report_name = "report.html";
/// The settings and progress of an unfinished run.
inline constexpr const char* evaluation_progress_name = "evaluation.progress.json";
/// The results of --table1, whose folder holds evaluations.
inline constexpr const char* table_name = "table1.json";

/// All settings that the results depend on, as text.
[[nodiscard]] std::map<std::string, std::string> evaluate_settings(const EvaluateOptions& o,
                                                                   const EvaluationInput& input);
/// Those that the features of the real images depend on.
[[nodiscard]] std::map<std::string, std::string> reference_settings(const EvaluateOptions& o,
                                                                    const EvaluationInput& input);

/// A network of features on a backend.
struct ImageFeatures {
  scoresde::FeatureDescription description;
  std::size_t classes = 0;          ///< logits per image
  bool classes_are_labels = false;  ///< of the data set
  std::string device, warning;      ///< for the output
  /// Rows of description.dim features and of `classes` logits.
  std::function<void(std::span<const std::uint8_t> images, scoresde::nn::Shape shape,
                     std::span<float> features, std::span<float> logits)>
      compute;
};

class EvaluateRun {
 public:
  /// Throws Error for a finished evaluation in the folder without --overwrite, for a table, for an
  /// unfinished
  /// run there without --resume, for --resume without an unfinished run of the same settings, and
  /// for files that cannot be written.
  EvaluateRun(const EvaluateOptions& options, const EvaluationInput& input);

  /// Throws UsageError for statistics of other features, before samples are made, and Error for
  /// features that are not finite.
  void operator()(const ImageFeatures& network);

 private:
  void evaluate_all(const ImageFeatures& network);
  void remove_partial_files() const;
  void require_statistics_of(const ImageFeatures& network) const;
  void require_space(const ImageFeatures& network) const;
  void report_setup(const ImageFeatures& network) const;
  /// Takes the rows of the real images that another run has kept, if there are any.
  void take_reference_rows();
  /// False after a signal.
  [[nodiscard]] bool compute_features(const ImageFeatures& network, const EvaluatedImages& samples);
  void report_stop() const;
  [[nodiscard]] Evaluation metrics(const ImageFeatures& network,
                                   const EvaluatedImages& samples) const;
  [[nodiscard]] EvaluationFacts facts(const ImageFeatures& network) const;
  void write(const ImageFeatures& network, const EvaluatedImages& samples,
             const Evaluation& evaluation) const;
  [[nodiscard]] ReportImages report_images(const EvaluatedImages& samples,
                                           const Evaluation& evaluation) const;
  [[nodiscard]] std::filesystem::path path(const char* name) const { return options_.out / name; }

  EvaluateOptions options_;
  const EvaluationInput& input_;
  SampleProgress progress_;  ///< samples: finished images, real ones first
  ReferenceRows reference_;
};

}  // namespace programs
