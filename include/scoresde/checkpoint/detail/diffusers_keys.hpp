// SPDX-License-Identifier: MIT
/// DiffusersKeys: reads the keys of a config.json with their defaults, each once, and collects all
/// errors, including unused keys, for one message.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/checkpoint/detail/checkpoint_differences.hpp>
#include <scoresde/error.hpp>

namespace scoresde::detail {

using Json = nlohmann::json;

/// Reads keys with their defaults and collects errors. A value of the wrong kind is an error, and
/// the default is returned instead.
class DiffusersKeys {
 public:
  explicit DiffusersKeys(Json json) : json_(std::move(json)) {
    require(json_.is_object(), "is ", json_.type_name(), "; it must be an object");
  }

  [[nodiscard]] Json value(const char* key, Json absent) {
    asked_.insert(key);
    const auto found = json_.find(key);
    return found == json_.end() ? absent : *found;
  }
  /// Adds an error unless the condition holds; returns the condition.
  template <class... Parts>
  bool expect(bool holds, const Parts&... reason) {
    if (!holds) reasons_.add(reason...);
    return holds;
  }
  /// Requires one of these values; the first is the default of an absent key.
  void only(const char* key, const std::vector<Json>& allowed) {
    const Json found = value(key, allowed[0]);
    std::string list;
    for (const Json& each : allowed) list += (list.empty() ? "" : " or ") + each.dump();
    expect(std::find(allowed.begin(), allowed.end(), found) != allowed.end(), key, " is ",
           found.dump(), "; it must be ", list);
  }

  [[nodiscard]] bool truth(const char* key, bool absent) {
    const Json found = value(key, absent);
    const bool fits =
        expect(found.is_boolean(), key, " is ", found.dump(), "; it must be true or false");
    return fits ? found.get<bool>() : absent;
  }
  [[nodiscard]] double number(const char* key, double absent) {
    const Json found = value(key, absent);
    const bool fits = expect(found.is_number(), key, " is ", found.dump(), "; it must be a number");
    return fits ? found.get<double>() : absent;
  }
  [[nodiscard]] std::string word(const char* key, const std::string& absent) {
    const Json found = value(key, absent);
    const bool fits = expect(found.is_string(), key, " is ", found.dump(), "; it must be a string");
    return fits ? found.get<std::string>() : absent;
  }
  [[nodiscard]] std::size_t natural(const char* key, std::size_t absent) {
    return natural_of(key, value(key, absent), absent);
  }
  /// 0 for null, else a positive number.
  [[nodiscard]] std::size_t natural_or_null(const char* key, const Json& absent) {
    const Json found = value(key, absent);
    if (found.is_null()) return 0;
    expect(found != Json(0), key, " is 0; it must be positive, or null");
    return natural_of(key, found, 0);
  }
  [[nodiscard]] std::vector<std::size_t> naturals(const char* key, const Json& absent) {
    const Json found = value(key, absent);
    std::vector<std::size_t> numbers;
    if (expect(found.is_array() && !found.empty() && found.size() < 32, key, " is ", found.dump(),
               "; it must be a list of 1 to 31 natural numbers"))
      for (const Json& each : found) numbers.push_back(natural_of(key, each, 0));
    return numbers;
  }
  [[nodiscard]] std::vector<std::string> texts(const char* key, const Json& absent) {
    const Json found = value(key, absent);
    std::vector<std::string> list;
    if (expect(found.is_array(), key, " is ", found.dump(), "; it must be a list of strings"))
      for (const Json& each : found)
        if (expect(each.is_string(), key, " has an entry ", each.dump(), "; it must be a string"))
          list.push_back(each.get<std::string>());
    return list;
  }

  /// Whether the key has been read.
  [[nodiscard]] bool asked(const std::string& key) const { return asked_.contains(key); }

  /// Throws Error with all errors. A key that was not read is an error unless its value is null:
  /// later releases write null keys that do not apply to older networks.
  void finish() {
    for (const auto& [key, found] : json_.items())
      expect(key.starts_with('_') || asked_.contains(key) || found.is_null(), key, " is ",
             found.dump(), "; this key is not supported");
    reject("the configuration is not supported:");
  }
  /// Throws Error with the errors so far, after `title`.
  void reject(const char* title) const { reasons_.reject(title); }

 private:
  [[nodiscard]] std::size_t natural_of(const char* key, const Json& found, std::size_t absent) {
    const bool fits = found.is_number_integer() && found.get<std::int64_t>() >= 0 &&
                      found.get<std::uint64_t>() <= 1u << 24;
    expect(fits, key, " has ", found.dump(), "; it must be a natural number of at most 2^24");
    return fits ? found.get<std::size_t>() : absent;
  }

  Json json_;
  std::set<std::string> asked_;
  Differences reasons_;
};

}  // namespace scoresde::detail
