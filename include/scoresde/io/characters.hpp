// SPDX-License-Identifier: MIT
/// Bytes of a file as characters, and text of a file that is safe to print.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace scoresde::io {

/// The bytes as characters, without a copy.
[[nodiscard]] inline std::string_view characters(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Text of a file for a message: at most 100 characters, without control characters.
[[nodiscard]] inline std::string printable(std::string_view text) {
  std::string shown(text.substr(0, 100));
  for (char& c : shown)
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = '?';
  return text.size() > 100 ? shown + "..." : shown;
}

}  // namespace scoresde::io
