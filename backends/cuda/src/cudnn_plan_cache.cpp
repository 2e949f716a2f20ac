// SPDX-License-Identifier: MIT
/// Reads and writes stored plans.
#include "cudnn_plan_cache.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>

namespace scoresde::cuda {
namespace {

using scoresde::text;

/// 64-bit FNV-1a as hexadecimal digits: Fowler, Noll and Vo, RFC 9923.
[[nodiscard]] std::string hash(std::string_view text) {
  std::uint64_t value = 0xcbf29ce484222325;
  for (const char character : text)
    value = (value ^ static_cast<unsigned char>(character)) * 0x100000001b3;
  std::string digits(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4) digits[i] = "0123456789abcdef"[value & 15];
  return digits;
}

/// The text before the plan; files of another key or plan start differently.
[[nodiscard]] std::string head(std::string_view key, std::string_view plan) {
  std::string escaped;
  for (const char character : key) {
    if (character == '"' || character == '\\') escaped += '\\';
    escaped += static_cast<unsigned char>(character) < 0x20 ? ' ' : character;
  }
  return text("{\"key\":\"", escaped, "\",\"checksum\":\"", hash(plan), "\",\"plan\":");
}

constexpr std::string_view tail = "}\n";

}  // namespace

PlanCache::PlanCache(std::filesystem::path folder) : folder_(std::move(folder)) {
  if (!folder_.empty()) io::require_writable_folder(folder_);
}

std::filesystem::path PlanCache::file(const std::string& key) const {
  return folder_ / (hash(key) + ".json");
}

std::optional<std::string> PlanCache::find(const std::string& key) const {
  if (folder_.empty() || !std::filesystem::exists(file(key))) return std::nullopt;
  try {
    const std::vector<std::byte> bytes = io::read_file(file(key));
    const std::string_view contents(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::size_t begin = head(key, "").size();
    if (contents.size() < begin + tail.size()) return std::nullopt;
    const std::string_view plan = contents.substr(begin, contents.size() - begin - tail.size());
    if (!contents.starts_with(head(key, plan)) || !contents.ends_with(tail)) return std::nullopt;
    return std::string(plan);
  } catch (const Error&) {
    return std::nullopt;
  }
}

void PlanCache::keep(const std::string& key, const std::string& plan) const {
  if (folder_.empty()) return;
  try {
    io::write_file_atomically(file(key), text(head(key, plan), plan, tail));
  } catch (const Error&) {
  }
}

}  // namespace scoresde::cuda
