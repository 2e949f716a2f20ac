// SPDX-License-Identifier: MIT
/// The name that a misspelled one probably stands for, by edit distance.
///
///   d(i, j) = min( d(i−1, j) + 1, d(i, j−1) + 1, d(i−1, j−1) + [aᵢ ≠ bⱼ],
///                  d(i−2, j−2) + 1 where aᵢ₋₁ aᵢ are bⱼ bⱼ₋₁ )
///
/// Optimal string alignment (Damerau 1964; Wagner and Fischer 1974). Case, '-' and '_' do not
/// count.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace scoresde {
namespace detail {

[[nodiscard]] inline std::string comparable_name(std::string_view name) {
  std::string text(name);
  for (char& c : text)
    c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace detail

/// Insertions, deletions, substitutions and swaps of neighbors that turn one name into the other.
[[nodiscard]] inline std::size_t edit_distance(std::string_view first, std::string_view second) {
  const std::string a = detail::comparable_name(first), b = detail::comparable_name(second);
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min(d[i - 1][j - 1] + (a[i - 1] != b[j - 1]),
                         std::min(d[i - 1][j], d[i][j - 1]) + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

/// The entry of `names` with the smallest edit distance to `name`, the first in case of ties; empty
/// if `names` is.
[[nodiscard]] inline std::string nearest_name(std::string_view name,
                                              const std::vector<std::string>& names) {
  const auto nearest = std::min_element(names.begin(), names.end(),
                                        [name](const std::string& a, const std::string& b) {
                                          return edit_distance(name, a) < edit_distance(name, b);
                                        });
  return nearest == names.end() ? std::string() : *nearest;
}

/// The entry of `names` that begins with `name`, at least 4 letters; empty if there are several.
[[nodiscard]] inline std::string completed_name(std::string_view name,
                                                const std::vector<std::string>& names) {
  const std::string beginning = detail::comparable_name(name);
  std::string completed;
  for (const std::string& candidate : names)
    if (beginning.size() >= 4 && detail::comparable_name(candidate).starts_with(beginning)) {
      if (!completed.empty()) return {};
      completed = candidate;
    }
  return completed;
}

/// "; did you mean 'NAME'?" with the only name that begins so, or the nearest name, or nothing
/// where more than a third of the letters would have to change.
[[nodiscard]] inline std::string suggestion(std::string_view name,
                                            const std::vector<std::string>& names) {
  const std::string completed = completed_name(name, names);
  if (!completed.empty()) return "; did you mean '" + completed + "'?";
  const std::string nearest = nearest_name(name, names);
  const std::size_t most = std::max<std::size_t>(1, name.size() / 3);
  const bool near = !nearest.empty() && edit_distance(name, nearest) <= most;
  return near ? "; did you mean '" + nearest + "'?" : "";
}

/// The end of a message about an unknown name: the nearest of `accepted` if it is near, and the
/// names to list.
[[nodiscard]] inline std::string allowed_names(std::string_view name,
                                               const std::vector<std::string>& names,
                                               const std::vector<std::string>& accepted) {
  std::string all;
  for (const std::string& candidate : names) all += (all.empty() ? "" : ", ") + candidate;
  const std::string near = suggestion(name, accepted);
  return near + (near.empty() ? "; " : " ") + "it must be one of " + all;
}

/// The message about an unknown name.
[[nodiscard]] inline std::string unknown_name(std::string_view name,
                                              const std::vector<std::string>& names,
                                              const std::vector<std::string>& accepted) {
  return "'" + std::string(name) + "' is unknown" + allowed_names(name, names, accepted);
}

}  // namespace scoresde
