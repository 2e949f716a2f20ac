// SPDX-License-Identifier: MIT
/// JSON (RFC 8259) from untrusted files: rejects duplicate keys and excessive depth.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/error.hpp>

namespace scoresde::io {

/// The value of `text`. Throws Error when it is not JSON, is nested deeper than `depth` containers,
/// or has a duplicate key, before such values are stored; the message continues a sentence that
/// begins with the name of the text.
[[nodiscard]] inline nlohmann::json parse_json(std::string_view text, std::size_t depth) {
  std::vector<std::set<std::string>> names;
  const auto watch = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      require(names.size() < depth, "is nested deeper than ", depth, " levels");
      names.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      names.pop_back();
    } else if (event == Event::key) {
      const auto& name = parsed.get_ref<const std::string&>();
      require(names.back().insert(name).second, "has the key ", name, " twice");
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text.begin(), text.end(), watch);
  } catch (const nlohmann::json::exception& failure) {
    throw Error(scoresde::text("is not JSON: ", failure.what()));
  }
}

}  // namespace scoresde::io
