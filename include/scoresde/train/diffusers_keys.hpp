// SPDX-License-Identifier: MIT
/// DiffusersKeys: the keys of a config.json with their defaults, each asked for once, none left
/// over.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/error.hpp>

namespace scoresde::detail {

using Json = nlohmann::json;

/// Reads keys with their defaults and knows in the end which were never asked for.
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
  /// Refuses every value but these; the first is what an absent key means, unless `absent` is
  /// given.
  void only(const char* key, const std::vector<Json>& allowed, const Json& absent) {
    const Json found = value(key, absent);
    std::string list;
    for (const Json& each : allowed) list += (list.empty() ? "" : " or ") + each.dump();
    require(std::find(allowed.begin(), allowed.end(), found) != allowed.end(), key, " is ",
            found.dump(), "; a network here needs ", list);
  }
  void only(const char* key, const std::vector<Json>& allowed) { only(key, allowed, allowed[0]); }

  [[nodiscard]] bool truth(const char* key, bool absent) {
    const Json found = value(key, absent);
    require(found.is_boolean(), key, " is ", found.dump(), "; it must be true or false");
    return found.get<bool>();
  }
  [[nodiscard]] double number(const char* key, double absent) {
    const Json found = value(key, absent);
    require(found.is_number(), key, " is ", found.dump(), "; it must be a number");
    return found.get<double>();
  }
  [[nodiscard]] std::size_t natural(const char* key, std::size_t absent) {
    return natural_of(key, value(key, absent));
  }
  [[nodiscard]] std::vector<std::size_t> naturals(const char* key, const Json& absent) {
    const Json found = value(key, absent);
    require(found.is_array() && !found.empty() && found.size() < 32, key, " is ", found.dump(),
            "; it must be a list of 1 to 31 natural numbers");
    std::vector<std::size_t> numbers;
    for (const Json& each : found) numbers.push_back(natural_of(key, each));
    return numbers;
  }
  [[nodiscard]] std::vector<std::string> texts(const char* key, const Json& absent) {
    const Json found = value(key, absent);
    require(found.is_array(), key, " is ", found.dump(), "; it must be a list of texts");
    std::vector<std::string> list;
    for (const Json& each : found) {
      require(each.is_string(), key, " has an entry ", each.dump(), "; it must be a text");
      list.push_back(each.get<std::string>());
    }
    return list;
  }

  /// Whether anything has asked for the key.
  [[nodiscard]] bool asked(const std::string& key) const { return asked_.contains(key); }

  /// Throws Error for a key that nothing asked for.
  void finish() const {
    for (const auto& [key, found] : json_.items())
      require(key.starts_with('_') || asked_.contains(key), key, " is ", found.dump(),
              "; no network here knows such a key");
  }

 private:
  [[nodiscard]] static std::size_t natural_of(const char* key, const Json& found) {
    require(found.is_number_unsigned() && found.get<std::uint64_t>() <= 1u << 24, key, " has ",
            found.dump(), "; it must be a natural number of at most 2^24");
    return found.get<std::size_t>();
  }

  Json json_;
  std::set<std::string> asked_;
};

}  // namespace scoresde::detail
