// SPDX-License-Identifier: MIT
/// Settings as text: numbers, names and lists in the metadata of a checkpoint.
///
/// Reading a written number returns the same value. An unknown key is rejected, and the error names
/// a near one if there is one.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nearest_name.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/names.hpp>

namespace scoresde {

/// The shortest text that parses to the same number.
template <class Number>
[[nodiscard]] std::string number_text(Number value) {
  std::array<char, 32> text{};
  const auto [end, code] = std::to_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc{} ? std::string(text.data(), end) : std::string();
}

/// The text of a setting. Throws Error if there is none of that key.
[[nodiscard]] inline const std::string& setting(const Metadata& configuration,
                                                const std::string& key) {
  const auto at = configuration.find(key);
  require(at != configuration.end(), "configuration: there is no ", key);
  return at->second;
}

/// A setting that is a number. Throws Error if it is missing or not a number.
template <class Number>
[[nodiscard]] Number number_setting(const Metadata& configuration, const std::string& key) {
  const std::string& text = setting(configuration, key);
  Number value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(code == std::errc{} && end == text.data() + text.size(), "configuration: ", key, " is '",
          text, "'; it must be ", std::unsigned_integral<Number> ? "a natural number" : "a number");
  return value;
}

/// "true" or "false".
[[nodiscard]] inline const char* truth_text(bool value) { return value ? "true" : "false"; }

/// A setting that is "true" or "false".
[[nodiscard]] inline bool truth_setting(const Metadata& configuration, const std::string& key) {
  const std::string& text = setting(configuration, key);
  require(text == "true" || text == "false", "configuration: ", key, " is '", text,
          "'; it must be true or false");
  return text == "true";
}

/// A setting that is a published name.
template <PublishedEnum E>
[[nodiscard]] E named_setting(const Metadata& configuration, const std::string& key) {
  return from_name<E>("configuration: " + key, setting(configuration, key));
}

/// A setting that is a list of numbers, "0.0001,0.02".
[[nodiscard]] inline std::vector<double> list_setting(const Metadata& configuration,
                                                      const std::string& key) {
  std::vector<double> values;
  const std::string& text = setting(configuration, key);
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    values.push_back(number_setting<double>({{key, text.substr(begin, end - begin)}}, key));
    begin = end + 1;
  }
  return values;
}

/// The numbers, separated by commas.
template <class Number>
[[nodiscard]] std::string list_text(const std::vector<Number>& values) {
  std::string text;
  for (const Number value : values) {
    if (!text.empty()) text += ',';
    text += number_text(value);
  }
  return text;
}

/// The keys in order.
[[nodiscard]] inline std::vector<std::string> keys_of(const Metadata& configuration) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : configuration) keys.push_back(key);
  return keys;
}

/// Throws Error for a key of `configuration` that begins with `prefix` and is not in `known`.
inline void require_known_keys(const Metadata& configuration, std::string_view prefix,
                               const Metadata& known, std::string_view owner) {
  for (const auto& [key, value] : configuration)
    if (key.starts_with(prefix) && !known.contains(key))
      throw Error(text("configuration: ", key, " is '", value, "'; ", owner, " has no such setting",
                       suggestion(key, keys_of(known))));
}

}  // namespace scoresde
