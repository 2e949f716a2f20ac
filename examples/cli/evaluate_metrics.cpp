// SPDX-License-Identifier: MIT
#include "cli/evaluate_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <scoresde/error.hpp>
#include <scoresde/evaluate/class_accuracy.hpp>
#include <scoresde/evaluate/frechet_distance.hpp>
#include <scoresde/evaluate/frechet_error.hpp>
#include <scoresde/evaluate/inception_score.hpp>
#include <scoresde/evaluate/kernel_distance.hpp>
#include <scoresde/evaluate/numpy_random.hpp>
#include <scoresde/evaluate/precision_recall.hpp>
#include <scoresde/evaluate/reference_floor.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace programs {
namespace {

using Rows = scoresde::Features<float>;
using scoresde::FeatureMoments;
using scoresde::text;

Rows first_rows(const Rows& x, std::size_t n) {
  return {x.values.first(std::min(n, x.size()) * x.dim), x.dim, x.extractor};
}

/// At most n rows in random order, as images can be sorted by class.
scoresde::ChosenFeatures<float> shuffled_rows(const Rows& x, std::size_t n) {
  return choose_features(x, scoresde::NumpyRandom(2020).choice(x.size(), std::min(n, x.size())));
}

/// Real images in the place of the samples, and the others as their reference.
struct Floor {
  scoresde::ChosenFeatures<float> features, logits, rest;
  FeatureMoments moments;  ///< of the rest
};

/// None with fewer than 2n real images.
std::optional<Floor> floor_of(const EvaluatedFeatures& real, std::size_t n) {
  if (real.features.size() < 2 * n) return {};
  const auto order = scoresde::NumpyRandom(2020).permutation(real.features.size());
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(n);
  const std::vector<std::size_t> chosen(order.begin(), middle), others(middle, order.end());
  Floor floor{
      choose_features(real.features, chosen), {}, choose_features(real.features, others), {}};
  if (real.logits.dim > 0) floor.logits = choose_features(real.logits, chosen);
  floor.moments = scoresde::feature_moments(floor.rest.view());
  return floor;
}

double frechet(const Rows& x, const FeatureMoments& reference) {
  return scoresde::frechet_distance(scoresde::feature_moments(x), reference).value;
}

void add_frechet(Evaluation& found, const Rows& samples, const FeatureMoments& reference,
                 const std::optional<Floor>& floor, const MetricOptions& options) {
  Metric metric{"frechet_distance", options.description.distance_name(),
                frechet(samples, reference), scoresde::frechet_standard_error(samples, reference)};
  if (floor) metric.floor = frechet(floor->features.view(), floor->moments);
  metric.note = text(samples.size(), " samples; ");
  metric.note += reference.count > 0 ? text(reference.count, " real images") : "statistics";
  Plot plot{metric.name + " by number of samples", "samples", "distance", {{"samples", {}}}};
  if (floor) plot.curves.push_back({"real images", {}});
  for (std::size_t part = 8; part > 0; part /= 2) {
    const std::size_t n = samples.size() / part;
    if (n < fewest_evaluated) continue;
    const auto x = static_cast<double>(n);
    plot.curves[0].points.emplace_back(
        x, part == 1 ? metric.value : frechet(first_rows(samples, n), reference));
    if (floor)
      plot.curves[1].points.emplace_back(
          x, part == 1 ? *metric.floor
                       : frechet(first_rows(floor->features.view(), n), floor->moments));
  }
  const std::size_t d = samples.dim;
  if (samples.size() < 10 * d)
    found.notes.push_back(text(
        "The Fréchet distance is biased: ", samples.size(),
        " samples are fewer than ten times its ", d,
        " dimensions. Compare it at equal numbers only, or the kernel distance, which is not."));
  found.metrics.push_back(std::move(metric));
  found.plots.push_back(std::move(plot));
}

void add_kernel_distance(Evaluation& found, const Rows& samples, const Rows& real,
                         const std::optional<Floor>& floor, const MetricOptions& options) {
  const std::size_t most = options.pair_images;
  const Rows x = first_rows(samples, most), y = first_rows(real, most);
  const auto distance = scoresde::kernel_distance(x, y);
  Metric metric{"kernel_distance", options.description.kernel_distance_name(), distance.value,
                distance.standard_error};
  if (floor)
    metric.floor = scoresde::kernel_distance(first_rows(floor->features.view(), most),
                                             first_rows(floor->rest.view(), most))
                       .value;
  metric.note = text("all pairs of ", x.size(), " samples and ", y.size(), " real images");
  found.metrics.push_back(std::move(metric));
  constexpr scoresde::KernelDistanceOptions subsets;
  if (options.classes_are_labels || std::min(samples.size(), real.size()) < subsets.subset_size)
    return;
  found.metrics.push_back({"kernel_distance_of_subsets",
                           options.description.kernel_distance_name() + ", subsets",
                           scoresde::kernel_distance_of_subsets(samples, real).value,
                           std::numeric_limits<double>::quiet_NaN(),
                           {},
                           "100 subsets of 1000, torch-fidelity's convention"});
}

/// Distances to the third nearest neighbor at each hundredth.
Curve radii_curve(const std::string& name, std::vector<double> radii) {
  std::sort(radii.begin(), radii.end());
  Curve curve{name, {}};
  for (std::size_t percent = 0; percent <= 100; percent += 2)
    curve.points.emplace_back(static_cast<double>(percent),
                              radii[percent * (radii.size() - 1) / 100]);
  return curve;
}

void add_shares(Evaluation& found, const Rows& samples, const Rows& real,
                const std::optional<Floor>& floor, const MetricOptions& options) {
  const std::size_t most = std::min({options.pair_images, samples.size(), real.size()});
  const auto shares = scoresde::precision_recall(first_rows(real, most), first_rows(samples, most));
  std::optional<scoresde::PrecisionRecall> floors;
  if (floor)
    floors = scoresde::precision_recall(first_rows(floor->rest.view(), most),
                                        first_rows(floor->features.view(), most));
  const auto add = [&](const char* key,
                       scoresde::ShareEstimate scoresde::PrecisionRecall::*member) {
    const auto& share = shares.*member;
    Metric metric{key, key, share.value, share.standard_error};
    if (floors) metric.floor = ((*floors).*member).value;
    metric.note = text("3 nearest neighbors among ", most, " images of each set");
    found.metrics.push_back(std::move(metric));
  };
  add("precision", &scoresde::PrecisionRecall::precision);
  add("recall", &scoresde::PrecisionRecall::recall);
  add("density", &scoresde::PrecisionRecall::density);
  add("coverage", &scoresde::PrecisionRecall::coverage);
  found.plots.push_back({"Distance to the third nearest image of the same set",
                         "percent of images",
                         "distance",
                         {radii_curve("samples", shares.generated_radii),
                          radii_curve("real images", shares.real_radii)}});
}

void add_score(Evaluation& found, const EvaluatedFeatures& samples,
               const std::optional<Floor>& floor, const MetricOptions& options) {
  if (samples.logits.dim == 0) return;
  const auto score = scoresde::inception_score(samples.logits);
  Metric metric{options.classes_are_labels ? "classifier_score" : "inception_score",
                options.classes_are_labels ? "classifier score (" + options.description.name + ")"
                                           : "Inception score (" + options.description.input + ")",
                score.mean, score.standard_error};
  if (floor) metric.floor = scoresde::inception_score(floor->logits.view()).mean;
  metric.note = "10 splits, torch-fidelity's convention";
  found.metrics.push_back(std::move(metric));
}

bool are_labels(std::span<const std::uint32_t> labels, std::size_t classes) {
  return !labels.empty() && std::all_of(labels.begin(), labels.end(),
                                        [&](std::uint32_t label) { return label < classes; });
}

/// `real` may have no images.
void add_accuracy(Evaluation& found, const EvaluatedFeatures& samples,
                  const EvaluatedFeatures& real, const MetricOptions& options) {
  const std::size_t classes = samples.logits.dim;
  if (!options.classes_are_labels || !are_labels(samples.labels, classes)) return;
  const auto accuracy = scoresde::class_accuracy(samples.logits, samples.labels);
  Metric metric{"class_accuracy", "class accuracy", accuracy.value, accuracy.standard_error};
  if (are_labels(real.labels, classes))
    metric.floor = scoresde::class_accuracy(real.logits, real.labels).value;
  metric.note = "share of samples that the classifier assigns to the class they are of";
  found.metrics.push_back(std::move(metric));
}

/// The real images nearest to a row.
std::vector<std::size_t> nearest(std::span<const float> row, const Rows& real, std::size_t count) {
  std::vector<std::pair<double, std::size_t>> distances;
  for (std::size_t i = 0; i < real.size(); ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < real.dim; ++k) {
      const double difference = static_cast<double>(row[k]) - static_cast<double>(real.row(i)[k]);
      sum += difference * difference;
    }
    distances.emplace_back(sum, i);
  }
  const auto last = distances.begin() + static_cast<std::ptrdiff_t>(std::min(count, real.size()));
  std::partial_sort(distances.begin(), last, distances.end());
  std::vector<std::size_t> images;
  for (auto at = distances.begin(); at != last; ++at) images.push_back(at->second);
  return images;
}

void require_enough(const char* set, std::size_t count) {
  scoresde::require(count >= fewest_evaluated, "evaluation: there are ", count, " ", set,
                    "; the error bars need at least ", fewest_evaluated);
}

}  // namespace

Evaluation evaluate(const EvaluatedFeatures& samples, const EvaluatedFeatures& reference,
                    const MetricOptions& options) {
  require_enough("samples", samples.features.size());
  require_enough("real images", reference.features.size());
  Evaluation found;
  const std::size_t n = samples.features.size();
  const auto shuffled = shuffled_rows(samples.features, n);
  const auto pairs = shuffled_rows(reference.features, options.pair_images);
  const auto floor = floor_of(reference, n);
  if (!floor)
    found.notes.push_back(text("There are no floors: they need ", 2 * n, " real images, and ",
                               reference.features.size(), " are there."));
  add_frechet(found, shuffled.view(), scoresde::feature_moments(reference.features), floor,
              options);
  add_kernel_distance(found, shuffled.view(), pairs.view(), floor, options);
  add_shares(found, shuffled.view(), pairs.view(), floor, options);
  add_score(found, samples, floor, options);
  add_accuracy(found, samples, reference, options);
  for (std::size_t i = 0; i < std::min(n, options.neighbors_of); ++i)
    found.neighbors.push_back(
        nearest(samples.features.row(i), reference.features, options.neighbors));
  return found;
}

Evaluation evaluate(const EvaluatedFeatures& samples, const FeatureMoments& reference,
                    const MetricOptions& options) {
  require_enough("samples", samples.features.size());
  Evaluation found;
  add_frechet(found, shuffled_rows(samples.features, samples.features.size()).view(), reference, {},
              options);
  add_score(found, samples, {}, options);
  add_accuracy(found, samples, {}, options);
  return found;
}

}  // namespace programs
