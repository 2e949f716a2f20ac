// SPDX-License-Identifier: MIT
/// Inception score of the logits of a classifier, by the published conventions.
///
///   exp( mean_x Σ_y p(y|x) (log p(y|x) − log q(y)) ),   p = softmax(logits),  q = mean_x p
///
/// Salimans et al. 2016 (arXiv:1606.03498), section 4; mean and standard deviation over splits.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/evaluate/features.hpp>
#include <scoresde/evaluate/numpy_random.hpp>
#include <scoresde/evaluate/standard_error.hpp>

namespace scoresde {

/// Boundaries of S splits of n images: ⌊i·n/S⌋, or i·⌊n/S⌋, without the remainder.
enum class ScoreSplits : std::uint8_t { proportional, truncated };

/// Whether the logits contain the bias of the last layer.
enum class LogitBias : std::uint8_t { without, with };

/// Published conventions: OpenAI's and TTUR's 10 splits in the given order; torch-fidelity shuffles
/// first; dgm-eval omits the remainder; tfgan, as used by score_sde, has one split.
enum class InceptionScoreConvention : std::uint8_t { torch_fidelity, openai, dgm_eval, score_sde };

struct InceptionScoreOptions {
  std::size_t splits = 10;
  ScoreSplits rule = ScoreSplits::proportional;
  std::optional<std::uint32_t> shuffle_seed = 2020;  ///< RandomState of the permutation; or none
  LogitBias bias = LogitBias::without;
};

[[nodiscard]] constexpr InceptionScoreOptions inception_score_options(
    InceptionScoreConvention convention) {
  switch (convention) {
    case InceptionScoreConvention::openai:
      return {.shuffle_seed = std::nullopt};
    case InceptionScoreConvention::dgm_eval:
      return {.rule = ScoreSplits::truncated, .shuffle_seed = std::nullopt};
    case InceptionScoreConvention::score_sde:
      return {.splits = 1, .shuffle_seed = std::nullopt};
    case InceptionScoreConvention::torch_fidelity:
      break;
  }
  return {};
}

struct InceptionScore {
  double mean = 0, standard_deviation = 0;  ///< over splits, the latter of denominator S
  /// s/√S over two or more splits, else by a jackknife of ten parts.
  double standard_error = 0;
  std::vector<double> split_scores;
};

namespace detail {

/// Rows of log p(y|x).
template <std::floating_point T>
[[nodiscard]] std::vector<double> log_softmax(const Features<T>& logits,
                                              std::span<const double> bias) {
  std::vector<double> log_p(logits.values.begin(), logits.values.end());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    double* const row = &log_p[i * logits.dim];
    for (std::size_t c = 0; c < bias.size(); ++c) row[c] += bias[c];
    const double largest = *std::max_element(row, row + logits.dim);
    double sum = 0;
    for (std::size_t c = 0; c < logits.dim; ++c) sum += std::exp(row[c] - largest);
    const double norm = largest + std::log(sum);
    for (std::size_t c = 0; c < logits.dim; ++c) row[c] -= norm;
  }
  return log_p;
}

/// Sums over images of p and of p log p.
struct ScoreSums {
  explicit ScoreSums(std::size_t classes) : p(classes) {}

  void add(const double* log_p) {
    for (std::size_t c = 0; c < p.size(); ++c) {
      const double value = std::exp(log_p[c]);
      p[c] += value;
      if (value > 0) p_log_p += value * log_p[c];
    }
    n += 1;
  }
  [[nodiscard]] double score() const {
    double entropy = 0;
    for (const double sum : p)
      if (sum > 0) entropy -= sum / n * std::log(sum / n);
    return std::exp(p_log_p / n + entropy);
  }

  std::vector<double> p;
  double p_log_p = 0, n = 0;
};

/// Of the rows of log p in an order.
[[nodiscard]] inline ScoreSums score_sums(const std::vector<double>& log_p, std::size_t classes,
                                          std::span<const std::size_t> rows) {
  ScoreSums sums(classes);
  for (const std::size_t i : rows) sums.add(&log_p[i * classes]);
  return sums;
}

/// By a jackknife over parts of the rows.
[[nodiscard]] inline double score_error(const std::vector<double>& log_p, std::size_t classes,
                                        std::span<const std::size_t> rows) {
  const std::size_t parts = std::min<std::size_t>(10, rows.size());
  if (parts < 2) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> without;
  for (std::size_t g = 0; g < parts; ++g) {
    const std::size_t begin = rows.size() * g / parts, end = rows.size() * (g + 1) / parts;
    ScoreSums rest = score_sums(log_p, classes, rows.first(begin));
    for (const std::size_t i : rows.subspan(end)) rest.add(&log_p[i * classes]);
    without.push_back(rest.score());
  }
  return jackknife_error(without);
}

}  // namespace detail

/// Of logits (n, classes). With LogitBias::with, `bias` is added to each row; it must be empty
/// otherwise. Throws Error for 0 splits, fewer images than splits, one class, values that are not
/// finite, and a bias of another size.
template <std::floating_point T>
[[nodiscard]] InceptionScore inception_score(const Features<T>& logits,
                                             const InceptionScoreOptions& options = {},
                                             std::span<const double> bias = {}) {
  require(options.splits > 0, "Inception score: splits is 0; it must be at least 1");
  require_features("Inception score", "the logits", logits, options.splits);
  require(logits.dim >= 2, "Inception score: the logits are of 1 class; at least 2 are required");
  const std::size_t wanted = options.bias == LogitBias::with ? logits.dim : 0;
  require(bias.size() == wanted, "Inception score: the bias has ", bias.size(),
          " values; the convention requires ", wanted);
  const std::size_t n = logits.size(), splits = options.splits;
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t(0));
  if (options.shuffle_seed) order = NumpyRandom(*options.shuffle_seed).permutation(n);
  const std::vector<double> log_p = detail::log_softmax(logits, bias);
  InceptionScore found;
  for (std::size_t i = 0; i < splits; ++i) {
    const bool truncated = options.rule == ScoreSplits::truncated;
    const std::size_t begin = truncated ? i * (n / splits) : i * n / splits;
    const std::size_t end = truncated ? (i + 1) * (n / splits) : (i + 1) * n / splits;
    const auto rows = std::span<const std::size_t>(order).subspan(begin, end - begin);
    found.split_scores.push_back(detail::score_sums(log_p, logits.dim, rows).score());
  }
  found.mean = mean_of(found.split_scores);
  found.standard_deviation = standard_deviation_of(found.split_scores, 0);
  found.standard_error = splits > 1 ? standard_error_of_mean(found.split_scores)
                                    : detail::score_error(log_p, logits.dim, order);
  return found;
}

}  // namespace scoresde
