// SPDX-License-Identifier: MIT
#include "cli/sample_progress.hpp"

#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>

namespace programs {
namespace {

/// Throws Error if the file was not written by write_progress.
SampleProgress read_progress(const std::filesystem::path& path) {
  const auto bytes = scoresde::io::read_file(path);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  try {
    const auto json = nlohmann::json::parse(text);
    return {json.at("samples").get<std::size_t>(), json.at("evaluations").get<std::size_t>(),
            json.at("settings").get<std::map<std::string, std::string>>()};
  } catch (const nlohmann::json::exception& failure) {
    throw scoresde::Error(scoresde::text("--resume: ", path.string(),
                                         " is not a sampling run's progress: ", failure.what()));
  }
}

}  // namespace

void require_same_settings(const std::map<std::string, std::string>& kept,
                           const std::map<std::string, std::string>& wanted) {
  std::string lines;
  const auto add = [&](const std::string& key, const std::string& found, const std::string& given) {
    lines += "\n  " + key + " is '" + found + "' in the stopped run, '" + given + "' in this one";
  };
  for (const auto& [key, value] : wanted) {
    const auto at = kept.find(key);
    if (at == kept.end() || at->second != value)
      add(key, at == kept.end() ? "" : at->second, value);
  }
  for (const auto& [key, value] : kept)
    if (wanted.count(key) == 0) add(key, value, "");
  scoresde::require(lines.empty(), "--resume: the settings differ:", lines);
}

void write_progress(const std::filesystem::path& path, const SampleProgress& progress) {
  const nlohmann::ordered_json json{{"samples", progress.samples},
                                    {"evaluations", progress.evaluations},
                                    {"settings", progress.settings}};
  scoresde::io::write_file_atomically(path, std::string_view(json.dump(1) + '\n'));
}

SampleProgress starting_progress(const std::filesystem::path& folder, const std::string& name,
                                 bool resume, std::map<std::string, std::string> settings) {
  const auto kept = folder / name;
  const bool unfinished = std::filesystem::exists(kept);
  scoresde::require(unfinished || !resume, "--resume: ", folder.string(),
                    " holds no unfinished run to continue");
  scoresde::require(!unfinished || resume, "--out: ", folder.string(),
                    " holds an unfinished run; continue it with --resume, remove ", name,
                    " in it, or choose another folder");
  if (!resume) return {.settings = std::move(settings)};
  SampleProgress found = read_progress(kept);
  require_same_settings(found.settings, settings);
  return found;
}

}  // namespace programs
