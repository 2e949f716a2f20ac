// SPDX-License-Identifier: MIT
/// Numbers, columns and HTML of the reports of cifar10_evaluate.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "cli/evaluate_report.hpp"

namespace programs {

/// Four significant digits; empty for numbers that are not finite.
[[nodiscard]] std::string short_number(double value);

/// Columns on a terminal: code points, as names have letters of two bytes.
[[nodiscard]] std::size_t display_width(std::string_view text);
/// Spaces up to `width` columns are appended.
[[nodiscard]] std::string padded(const std::string& text, std::size_t width);

[[nodiscard]] std::string html_escaped(std::string_view text);
/// A page up to its heading; it refers to nothing outside itself.
[[nodiscard]] std::string html_head(const std::string& title);
inline constexpr const char* html_end = "</body>\n</html>\n";
[[nodiscard]] std::string html_facts(const EvaluationFacts& facts);

}  // namespace programs
