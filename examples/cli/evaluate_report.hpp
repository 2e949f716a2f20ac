// SPDX-License-Identifier: MIT
/// The results of cifar10_evaluate as text, as JSON, and as one HTML page that needs no network.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "cli/evaluate_metrics.hpp"

namespace programs {

/// What was compared, in the order of the output: "samples", "10000 of …".
using EvaluationFacts = std::vector<std::pair<std::string, std::string>>;

/// A table with a line for each metric, and the notes.
[[nodiscard]] std::string evaluation_text(const Evaluation& evaluation);

/// {"facts": {…}, "metrics": [{"key", "name", "value", "standard_error", "floor", "note"}],
/// "notes": […]}; numbers that do not exist are null.
[[nodiscard]] std::string evaluation_json(const EvaluationFacts& facts,
                                          const Evaluation& evaluation);

/// PNG files of the page, as bytes; empty where there is none.
struct ReportImages {
  std::string samples, neighbors;
};

/// A page that is readable at the width of a phone: images and curves are inline, and it refers to
/// nothing outside itself. Every tag is closed.
[[nodiscard]] std::string evaluation_html(const EvaluationFacts& facts,
                                          const Evaluation& evaluation, const ReportImages& images);

}  // namespace programs
