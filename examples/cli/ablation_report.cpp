// SPDX-License-Identifier: MIT
#include "cli/ablation_report.hpp"

#include <algorithm>
#include <cstdio>

#include <scoresde/error.hpp>
#include <scoresde/evaluate/standard_error.hpp>
#include <scoresde/optim/ema.hpp>

namespace programs {
namespace {

template <class... Values>
std::string formatted(const char* format, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

std::string row_text(const AblationResult& result, const AblationResult& base) {
  const auto losses = losses_over_levels(result.levels);
  const Estimate loss = mean_loss(losses);
  std::string row = formatted("%-29s %10zu %10llu %8.1f  %.5f +- %.5f", result.name.c_str(),
                              result.parameters, static_cast<unsigned long long>(result.images),
                              result.seconds, loss.value, loss.error);
  if (&result != &base) {
    const Estimate more = mean_difference(losses, losses_over_levels(base.levels));
    row += formatted("  %+.6f +- %.6f", more.value, more.error);
  }
  return row + '\n';
}

std::string csv_row(const AblationResult& result, const std::string& sigma,
                    const std::vector<double>& losses, const std::vector<double>& base) {
  const Estimate loss = mean_loss(losses), more = mean_difference(losses, base);
  return formatted("%s,%s,%s,%zu,%llu,%llu,%.3f,", result.name.c_str(), result.field.c_str(),
                   result.value.c_str(), result.parameters,
                   static_cast<unsigned long long>(result.steps),
                   static_cast<unsigned long long>(result.images), result.seconds) +
         sigma +
         formatted(",%.9g,%.9g,%.9g,%.9g\n", loss.value, loss.error, more.value, more.error);
}

}  // namespace

Estimate mean_loss(const std::vector<double>& losses) {
  return {scoresde::mean_of(losses), scoresde::standard_error_of_mean(losses)};
}

Estimate mean_difference(const std::vector<double>& losses, const std::vector<double>& base) {
  scoresde::require(losses.size() == base.size(), "difference: there are ", losses.size(),
                    " losses and ", base.size(), " of the base; both must be of the same images");
  std::vector<double> differences(losses.size());
  std::transform(losses.begin(), losses.end(), base.begin(), differences.begin(),
                 [](double loss, double other) { return loss - other; });
  return mean_loss(differences);
}

std::vector<double> losses_over_levels(const std::vector<HeldOutLevel>& levels) {
  scoresde::require(levels.size() > 2, "held-out losses: there are ", levels.size(),
                    " noise levels; there must be at least 3");
  std::vector<double> means(levels.front().losses.size());
  const auto count = static_cast<double>(levels.size() - 2);
  for (std::size_t level = 1; level + 1 < levels.size(); ++level)
    for (std::size_t k = 0; k < means.size(); ++k) means[k] += levels[level].losses[k] / count;
  return means;
}

std::string ablation_text(const std::vector<AblationResult>& results, double ema_rate) {
  const AblationResult& base = results.front();
  std::string text = formatted("%-29s %10s %10s %8s  %-20s  %s\n", "network", "parameters",
                               "images", "seconds", "held-out loss", "difference to the base");
  for (const AblationResult& result : results) text += row_text(result, base);
  text += formatted(
      "note        +- is the standard error over %zu images, of differences image by image; it "
      "does not include the spread between trainings of other seeds\n",
      base.levels.front().losses.size());
  text += formatted("note        base has the average of rate %g", ema_rate);
  const scoresde::ExponentialMovingAverage highest{.decay = 1};
  const double ramp = highest.decay_at(std::max<std::uint64_t>(base.steps, 1));
  return text + formatted(
                    "; rates above %.5f, which their ramp has reached after %llu steps, have "
                    "the same average\n",
                    ramp, static_cast<unsigned long long>(base.steps));
}

std::string ablation_csv(const std::vector<AblationResult>& results) {
  std::string text =
      "network,field,value,parameters,steps,images,seconds,sigma,loss,loss_error,difference,"
      "difference_error\n";
  const AblationResult& base = results.front();
  for (const AblationResult& result : results) {
    for (std::size_t level = 0; level < result.levels.size(); ++level)
      text += csv_row(result, formatted("%.5g", result.levels[level].sigma),
                      result.levels[level].losses, base.levels[level].losses);
    text +=
        csv_row(result, "mean", losses_over_levels(result.levels), losses_over_levels(base.levels));
  }
  return text;
}

}  // namespace programs
