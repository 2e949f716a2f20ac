// SPDX-License-Identifier: MIT
/// How many class-conditional samples a classifier assigns to the class that they are of.
///
///   accuracy = |{i: argmax_c logits_ic = label_i}|/n
///
/// Ravuri and Vinyals 2019 (arXiv:1905.10887) measure the converse, a classifier trained on
/// samples.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/evaluate/features.hpp>
#include <scoresde/evaluate/standard_error.hpp>

namespace scoresde {

struct ClassAccuracy {
  double value = 0, standard_error = 0;
  std::size_t classes = 0;
  /// (class, predicted class) → samples, classes × classes.
  std::vector<std::size_t> confusion;

  /// Number of samples of a class.
  [[nodiscard]] std::size_t count(std::size_t label) const {
    std::size_t sum = 0;
    for (std::size_t c = 0; c < classes; ++c) sum += confusion[label * classes + c];
    return sum;
  }
  /// Accuracy among the samples of a class; not a number without any.
  [[nodiscard]] double of_class(std::size_t label) const {
    return static_cast<double>(confusion[label * classes + label]) /
           static_cast<double>(count(label));
  }
};

/// Of logits (n, classes) and n labels. The first of equal logits is the predicted class. Throws
/// Error without samples, for values that are not finite, labels of another number, and a label
/// that is not below the number of classes.
template <std::floating_point T, std::unsigned_integral Label>
[[nodiscard]] ClassAccuracy class_accuracy(const Features<T>& logits,
                                           std::span<const Label> labels) {
  require_features("class accuracy", "the logits", logits, 1);
  require(labels.size() == logits.size(), "class accuracy: ", labels.size(), " labels for ",
          logits.size(), " samples; there must be one per sample");
  const std::size_t classes = logits.dim;
  for (std::size_t i = 0; i < labels.size(); ++i)
    require(labels[i] < classes, "class accuracy: the label of sample ", i, " is ", labels[i],
            "; it must be below the number of classes, ", classes);
  ClassAccuracy found{.classes = classes, .confusion = std::vector<std::size_t>(classes * classes)};
  std::size_t correct = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = logits.row(i);
    const auto predicted =
        static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    ++found.confusion[labels[i] * classes + predicted];
    if (predicted == labels[i]) ++correct;
  }
  found.value = static_cast<double>(correct) / static_cast<double>(labels.size());
  found.standard_error = standard_error_of_share(found.value, labels.size());
  return found;
}

}  // namespace scoresde
