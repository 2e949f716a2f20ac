// SPDX-License-Identifier: MIT
/// Golden cases of metrics, selected by their kind.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <scoresde/evaluate/features.hpp>

#include "support/golden_sampling.hpp"

namespace golden_metrics {

using golden_sampling::Case;
using golden_sampling::json;

/// Calls test(case) for every case of a kind; requires that there are some.
template <class Test>
void for_each(const std::string& what, Test test) {
  std::size_t count = 0;
  golden_sampling::for_each_case({"what", "name"}, [&](const Case& c) {
    if (c.entry.at("what") != what) return;
    INFO(c.name);
    test(c);
    ++count;
  });
  golden::require_cases(count, what);
}

/// A tensor of rows, with the memory that it is a view of.
struct Matrix {
  std::vector<double> values;
  std::size_t dim = 0;

  [[nodiscard]] scoresde::Features<double> view() const { return {values, dim}; }
};

inline Matrix matrix(const Case& c, const std::string& what) {
  const auto& tensor = c.file->at(c.name + "." + what);
  return {tensor.as<double>(), tensor.shape.at(1)};
}
inline std::vector<double> vector(const Case& c, const std::string& what) {
  return c.file->at(c.name + "." + what).as<double>();
}

/// max |a − b|, infinite for different sizes.
inline double apart(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return HUGE_VAL;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(a[i] - b[i]);
    largest = std::isfinite(d) ? std::max(largest, d) : HUGE_VAL;
  }
  return largest;
}

}  // namespace golden_metrics
