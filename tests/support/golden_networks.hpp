// SPDX-License-Identifier: MIT
/// Golden networks: files of reference networks with inputs, outputs and gradients.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/io/safetensors.hpp>
#include <scoresde/nn/unet.hpp>

namespace golden {

/// The directory that SCORESDE_GOLDEN_DIR names; tests/golden of the source tree without it.
inline std::filesystem::path directory() {
  const char* named = std::getenv("SCORESDE_GOLDEN_DIR");
  if (named != nullptr && *named != '\0') return named;
  return std::filesystem::path(SCORESDE_SOURCE_DIR) / "tests" / "golden";
}

/// The files whose name begins with net_, in alphabetical order.
inline std::vector<std::filesystem::path> network_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory()))
    if (entry.path().extension() == ".safetensors" &&
        entry.path().filename().string().rfind("net_", 0) == 0)
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

inline std::string flat_value(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const auto& item : value) text += (text.empty() ? "" : ",") + item.dump();
  return text;
}

/// The configuration in a file's metadata. Throws scoresde::Error for keys it does not know.
inline scoresde::nn::UNetConfig configuration(const scoresde::io::TensorFile& file) {
  scoresde::nn::FlatConfig flat;
  for (const char* section : {"model", "data"}) {
    const auto json = nlohmann::json::parse(file.metadata.at(section));
    for (const auto& [key, value] : json.items()) flat[key] = flat_value(value);
  }
  return scoresde::nn::from_flat(flat);
}

}  // namespace golden
