// SPDX-License-Identifier: MIT
/// The format suggested by a file's first bytes, for messages about unexpected files.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <scoresde/io/detail/byte_cursor.hpp>

namespace scoresde::io::detail {

/// First bytes of common formats; of two with a common prefix the longer is first.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 14> known_beginnings{
    {{"\x89PNG\r\n\x1a\n", "a PNG image"},
     {"\xff\xd8\xff", "a JPEG image"},
     {"GIF8", "a GIF image"},
     {"PK\x03\x04", "a zip archive"},
     {"PK\x05\x06", "a zip archive"},
     {"\x1f\x8b", "gzip data"},
     {"\x93NUMPY", "a NumPy array"},
     {"\x89HDF\r\n", "an HDF5 file"},
     {"version https://git-lfs", "a Git LFS pointer, whose file was not fetched"},
     {"\x80\x02", "a pickle"},
     {"\x80\x03", "a pickle"},
     {"\x80\x04", "a pickle"},
     {"\x80\x05", "a pickle"},
     {"{", "JSON text"}}};

/// Whether the text begins with optional white space and an HTML tag, in either case.
[[nodiscard]] inline bool begins_like_html(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  for (const std::string_view tag : {"<!doctype html", "<html", "<head", "<body"}) {
    if (text.size() < tag.size()) continue;
    bool equal = true;
    for (std::size_t i = 0; i < tag.size(); ++i) equal = equal && lower(text[i]) == tag[i];
    if (equal) return true;
  }
  return false;
}

/// The format that usually has these first bytes, as " (it begins like a PNG image)"; empty where
/// none is known.
[[nodiscard]] inline std::string beginning_text(std::span<const std::byte> bytes) {
  const std::string_view text = characters(bytes);
  std::string_view found;
  for (const auto& [beginning, kind] : known_beginnings)
    if (found.empty() && text.starts_with(beginning)) found = kind;
  if (begins_like_html(text)) found = "an HTML page";
  return found.empty() ? std::string() : scoresde::text(" (it begins like ", found, ")");
}

}  // namespace scoresde::io::detail
