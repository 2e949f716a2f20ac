// SPDX-License-Identifier: MIT
/// The metrics of cifar10_evaluate, with error bars and floors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/evaluate/feature_extractor.hpp>
#include <scoresde/evaluate/feature_statistics.hpp>
#include <scoresde/evaluate/features.hpp>

namespace programs {

/// The fewest samples for which every metric has an error bar: ten groups or splits.
inline constexpr std::size_t fewest_evaluated = 10;

struct Metric {
  std::string key;                   ///< of the JSON file
  std::string name;                  ///< of the distance, by its features
  double value = 0, error = 0;       ///< standard error; NaN where it is not defined
  std::optional<double> floor = {};  ///< of real images in the place of the samples
  std::string note = {};             ///< how it was computed
};

struct Curve {
  std::string name;
  std::vector<std::pair<double, double>> points;
};
struct Plot {
  std::string title, x, y;  ///< title and axes
  std::vector<Curve> curves;
};

struct Evaluation {
  std::vector<Metric> metrics;
  std::vector<Plot> plots;
  std::vector<std::string> notes;
  std::vector<std::vector<std::size_t>> neighbors;  ///< of the first samples, nearest first
};

/// Features, logits (dimension 0 if there are none) and labels (or none) of a set of images.
struct EvaluatedFeatures {
  scoresde::Features<float> features, logits;
  std::span<const std::uint32_t> labels;
};

struct MetricOptions {
  scoresde::FeatureDescription description;
  bool classes_are_labels = false;               ///< the logits are of the classes of the data set
  std::size_t pair_images = 0;                   ///< of each set, for metrics of pairs
  std::size_t neighbors_of = 16, neighbors = 5;  ///< samples and neighbors of each
};

/// All metrics of samples against real images. The floor is the value of as many real images, at
/// random, against the others; it needs twice as many as there are samples. Throws Error for fewer
/// than fewest_evaluated images in a set, and as the metrics do.
[[nodiscard]] Evaluation evaluate(const EvaluatedFeatures& samples,
                                  const EvaluatedFeatures& reference, const MetricOptions& options);

/// Those that need no images of the reference.
[[nodiscard]] Evaluation evaluate(const EvaluatedFeatures& samples,
                                  const scoresde::FeatureMoments& reference,
                                  const MetricOptions& options);

}  // namespace programs
