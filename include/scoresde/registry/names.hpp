// SPDX-License-Identifier: MIT
/// Published names of enumerations: the text of a value in files and on command lines.
///
/// The library uses enumerations; text is converted only when files and command lines are read and
/// written, by one table per enumeration. The library's tables are in network_names.hpp and
/// run_names.hpp; a table for a user-defined enumeration is
///
///   template <>
///   inline constexpr auto scoresde::published_names<Color> =
///       std::to_array<scoresde::PublishedName<Color>>({{Color::red, "red"}});
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nearest_name.hpp>

namespace scoresde {

/// A row of a table. The name in the first row of a value is written; names in further rows of the
/// same value are accepted when reading.
template <class E>
struct PublishedName {
  E value;
  std::string_view name;
};

/// The table of an enumeration: an array of PublishedName<E> that contains every value and every
/// name. Specialize it to publish names.
template <class E>
inline constexpr auto published_names = nullptr;

template <class E>
concept PublishedEnum = std::is_enum_v<E> && requires {
  { published_names<E>[0] } -> std::convertible_to<PublishedName<E>>;
};

/// The name that is written for a value. Throws Error for a value without a name.
template <PublishedEnum E>
[[nodiscard]] std::string name_of(E value) {
  for (const PublishedName<E>& row : published_names<E>)
    if (row.value == value) return std::string(row.name);
  throw Error(scoresde::text("value ", static_cast<int>(value),
                             " of an enumeration has no published name; it must be one of its ",
                             published_names<E>.size(), " names"));
}

/// The value of a name; std::nullopt if there is none.
template <PublishedEnum E>
[[nodiscard]] std::optional<E> find_name(std::string_view name) {
  for (const PublishedName<E>& row : published_names<E>)
    if (row.name == name) return row.value;
  return std::nullopt;
}

/// Every accepted name, in the order of the table.
template <PublishedEnum E>
[[nodiscard]] std::vector<std::string> names_of() {
  std::vector<std::string> names;
  for (const PublishedName<E>& row : published_names<E>) names.emplace_back(row.name);
  return names;
}

/// The value of a name. Throws Error with the argument, the text found, the allowed names and one
/// of them that is near.
template <PublishedEnum E>
[[nodiscard]] E from_name(std::string_view argument, std::string_view name) {
  if (const std::optional<E> found = find_name<E>(name)) return *found;
  const std::vector<std::string> names = names_of<E>();
  throw Error(scoresde::text(argument, " is '", name, "'", allowed_names(name, names, names)));
}

}  // namespace scoresde
