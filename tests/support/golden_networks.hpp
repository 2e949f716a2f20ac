// SPDX-License-Identifier: MIT
/// Golden networks: files with reference networks, inputs, outputs and gradients.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/io/safetensors.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/network_fields.hpp>

#include "support/golden_directory.hpp"

namespace golden {

/// The files with a network configuration in their metadata.
inline std::vector<std::filesystem::path> network_files() {
  std::vector<std::filesystem::path> found;
  for (const auto& path : files())
    if (scoresde::io::read_safetensors(path).metadata.count("model") != 0) found.push_back(path);
  return found;
}

inline std::string flat_value(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const auto& item : value) text += (text.empty() ? "" : ",") + item.dump();
  return text;
}

/// The configuration in a file's metadata. Throws scoresde::Error for unknown keys.
inline scoresde::nn::UNetConfig configuration(const scoresde::io::TensorFile& file) {
  scoresde::Metadata fields;
  for (const char* section : {"model", "data"}) {
    const auto json = nlohmann::json::parse(file.metadata.at(section));
    for (const auto& [key, value] : json.items()) fields[key] = flat_value(value);
  }
  // score_sde's default is an embedding that its DDPM does not have.
  if (fields["name"] == "ddpm") fields["embedding_type"] = "positional";
  return scoresde::network_from_fields(fields);
}

}  // namespace golden
