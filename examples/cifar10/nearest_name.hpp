// SPDX-License-Identifier: MIT
/// The name that a misspelled one probably stands for, by edit distance.
///
///   d(i, j) = min( d(i−1, j) + 1, d(i, j−1) + 1, d(i−1, j−1) + [aᵢ ≠ bⱼ],
///                  d(i−2, j−2) + 1 where aᵢ aⱼ₋₁ are bⱼ bⱼ₋₁ swapped )
///
/// Optimal string alignment (Damerau 1964, Wagner and Fischer 1974). Case, '-' and '_' do not
/// count.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cifar10 {

namespace detail {

[[nodiscard]] inline std::string comparable(std::string_view name) {
  std::string text(name);
  for (char& c : text)
    c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace detail

/// Insertions, deletions, replacements and swaps of neighbors that turn one name into the other.
[[nodiscard]] inline std::size_t edit_distance(std::string_view first, std::string_view second) {
  const std::string a = detail::comparable(first), b = detail::comparable(second);
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

/// The first of the nearest names, or an empty one where more than a third of the letters would
/// have to change.
[[nodiscard]] inline std::string nearest_name(std::string_view name,
                                              const std::vector<std::string>& names) {
  std::string nearest;
  std::size_t least = std::max<std::size_t>(1, name.size() / 3) + 1;
  for (const std::string& candidate : names) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < least) least = distance, nearest = candidate;
  }
  return nearest;
}

/// "; did you mean 'NAME'?", or nothing where no name is near.
[[nodiscard]] inline std::string suggestion(std::string_view name,
                                            const std::vector<std::string>& names) {
  const std::string nearest = nearest_name(name, names);
  return nearest.empty() ? "" : "; did you mean '" + nearest + "'?";
}

/// The message about an unknown name: what was found, the nearest of `accepted`, and the names to
/// list.
[[nodiscard]] inline std::string unknown_name(std::string_view name,
                                              const std::vector<std::string>& names,
                                              const std::vector<std::string>& accepted) {
  std::string all;
  for (const std::string& candidate : names) all += (all.empty() ? "" : ", ") + candidate;
  const std::string near = suggestion(name, accepted);
  return "'" + std::string(name) + "' is unknown" + near + (near.empty() ? "; " : " ") +
         "it must be one of " + all;
}

}  // namespace cifar10
