// SPDX-License-Identifier: MIT
/// The name that a misspelled one probably stands for, by edit distance; case, '-' and '_' do not
/// count.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <scoresde/nearest_name.hpp>

namespace cifar10 {

namespace detail {

[[nodiscard]] inline std::string comparable(std::string_view name) {
  std::string text(name);
  for (char& c : text)
    c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace detail

/// The first of the nearest names, or an empty one where more than a third of the letters would
/// have to change.
[[nodiscard]] inline std::string nearest_name(std::string_view name,
                                              const std::vector<std::string>& names) {
  std::string nearest;
  std::size_t least = std::max<std::size_t>(1, name.size() / 3) + 1;
  const std::string wanted = detail::comparable(name);
  for (const std::string& candidate : names) {
    const std::size_t distance = scoresde::edit_distance(wanted, detail::comparable(candidate));
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
