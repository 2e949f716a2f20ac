// SPDX-License-Identifier: MIT
/// The known name closest to a misspelled one, for error messages.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace scoresde::detail {

/// The number of insertions, deletions and substitutions that turn `a` into `b` (Levenshtein 1966).
[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

/// The entry of `known` with the smallest edit distance to `name`, the first in case of ties; empty
/// if `known` is.
[[nodiscard]] inline std::string nearest_name(std::string_view name,
                                              const std::vector<std::string>& known) {
  const auto nearest = std::min_element(known.begin(), known.end(),
                                        [name](const std::string& a, const std::string& b) {
                                          return edit_distance(name, a) < edit_distance(name, b);
                                        });
  return nearest == known.end() ? std::string() : *nearest;
}

}  // namespace scoresde::detail
