// SPDX-License-Identifier: MIT
/// Locates a network of diffusers: in the folder of a pipeline, in the folder of the network, or by
/// its weights, in one file or in shards.
///
///   pipeline/model_index.json                the components
///   pipeline/scheduler/scheduler_config.json
///   pipeline/unet/config.json
///   pipeline/unet/diffusion_pytorch_model[.VARIANT].safetensors, or .bin
///   pipeline/unet/diffusion_pytorch_model.safetensors.index[.VARIANT].json, or .bin.index…
///
/// An index maps each tensor to the shard that contains it. A scheduler_config.json in the
/// network's own folder takes precedence.
#pragma once

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/json.hpp>
#include <scoresde/io/state_dict.hpp>
#include <scoresde/io/tensor_file.hpp>

namespace scoresde {

/// The files of one network; absent files are empty paths.
struct DiffusersFolder {
  std::filesystem::path weights;        ///< a file of weights or an index of shards
  std::filesystem::path configuration;  ///< config.json
  std::filesystem::path scheduler;      ///< scheduler_config.json
  std::vector<std::string> components;  ///< of the pipeline, without network and scheduler
};

namespace detail {

[[nodiscard]] inline nlohmann::json read_json(const std::filesystem::path& path,
                                              std::size_t depth) {
  const auto bytes = io::read_file(path);
  try {
    auto json = io::parse_json(io::characters(bytes), depth);
    require(json.is_object(), "is ", json.type_name(), "; it must be an object");
    return json;
  } catch (const Error& failure) {
    throw Error(text("file ", path.string(), ' ', failure.what()));
  }
}

/// Whether this is the name of an index of shards: it ends in .index.json or .index.VARIANT.json.
[[nodiscard]] inline bool is_shard_index(const std::filesystem::path& path) {
  const std::filesystem::path stem = path.stem();
  return path.extension() == ".json" &&
         (stem.extension() == ".index" || stem.stem().extension() == ".index");
}

/// The weights in a folder: no variant before variants, safetensors before .bin, one file before
/// shards. Throws Error when there are none, or only several variants.
[[nodiscard]] inline std::filesystem::path diffusers_weights_in(
    const std::filesystem::path& folder) {
  const std::string stem = "diffusion_pytorch_model";
  for (const char* end : {".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json"})
    if (std::filesystem::exists(folder / (stem + end))) return folder / (stem + end);
  std::set<std::filesystem::path> variants;
  std::string list;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::filesystem::path name = entry.path().filename();
    const bool whole = name.extension() == ".safetensors" || name.extension() == ".bin";
    // The part of a shard's name after the stem begins with a dash, that of a variant with a dot.
    if (!name.string().starts_with(stem + ".") || !(whole || is_shard_index(name)) ||
        name.string().find("-of-") != std::string::npos)
      continue;
    variants.insert(entry.path());
  }
  for (const std::filesystem::path& variant : variants)
    list += (list.empty() ? "" : ", ") + variant.filename().string();
  const std::filesystem::path below = folder / "unet";
  const std::string hint =
      std::filesystem::is_directory(below) ? "; its network may be in " + below.string() : "";
  require(!variants.empty(), "folder ", folder.string(), " has no ", stem,
          ".safetensors or .bin, no variant and no index of shards", hint);
  require(variants.size() == 1, "folder ", folder.string(), " has ", list,
          "; name one of these files instead of the folder");
  return *variants.begin();
}

/// The components of a pipeline without network and scheduler. Throws Error without a unet.
[[nodiscard]] inline std::vector<std::string> pipeline_components(
    const std::filesystem::path& index) {
  const nlohmann::json json = read_json(index, 4);
  std::vector<std::string> others;
  std::string list;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_array() || value.empty() || value[0].is_null()) continue;
    list += (list.empty() ? "" : ", ") + key;
    if (key != "unet" && key != "scheduler") others.push_back(key);
  }
  require(json.contains("unet"), "file ", index.string(), " names ", list,
          "; it must have a component unet");
  return others;
}

}  // namespace detail

/// The files of the network at `path`: a pipeline's folder or model_index.json, a network's folder,
/// or a file of weights or an index with config.json in the same folder. Throws Error when weights
/// or network cannot be found.
[[nodiscard]] inline DiffusersFolder find_diffusers_files(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  DiffusersFolder found;
  fs::path folder = fs::is_directory(path) ? path : path.parent_path();
  if (folder.empty()) folder = ".";
  if (path.filename() == "model_index.json" ||
      (fs::is_directory(path) && fs::exists(path / "model_index.json"))) {
    found.components = detail::pipeline_components(folder / "model_index.json");
    folder /= "unet";
    require(fs::is_directory(folder), "pipeline ", path.string(), ": there is no folder ",
            folder.string());
    found.weights = detail::diffusers_weights_in(folder);
  } else {
    require(path.extension() != ".json" || detail::is_shard_index(path), "file ", path.string(),
            " is neither an index of shards nor model_index.json; name its "
            "folder");
    found.weights = fs::is_directory(path) ? detail::diffusers_weights_in(path) : path;
  }
  found.configuration = folder / "config.json";
  const fs::path above = fs::weakly_canonical(folder).parent_path();
  for (const fs::path& candidate :
       {folder / "scheduler_config.json", folder / "scheduler" / "scheduler_config.json",
        above / "scheduler" / "scheduler_config.json"})
    if (found.scheduler.empty() && fs::exists(candidate)) found.scheduler = candidate;
  return found;
}

/// The shards listed by an index, in its folder. Throws Error for paths outside that folder, and
/// naming all missing shards.
[[nodiscard]] inline std::vector<std::filesystem::path> shards_of(
    const std::filesystem::path& index) {
  const nlohmann::json json = detail::read_json(index, 2);
  require(json.contains("weight_map") && json["weight_map"].is_object(), "file ", index.string(),
          " has no weight_map from tensors to shards");
  std::set<std::string> names;
  for (const auto& [tensor, shard] : json["weight_map"].items()) {
    require(shard.is_string(), "file ", index.string(), ": the shard of ", tensor, " is ",
            shard.dump(), "; it must be a file name");
    names.insert(shard.get<std::string>());
  }
  std::vector<std::filesystem::path> shards;
  std::string missing;
  for (const std::string& name : names) {
    const std::filesystem::path path = name;
    require(path == path.filename() && name != "..", "file ", index.string(), ": a shard is named ",
            io::printable(name), "; it must be a file of the same folder");
    shards.push_back(index.parent_path() / path);
    if (!std::filesystem::is_regular_file(shards.back()))
      missing += (missing.empty() ? "" : ", ") + name;
  }
  require(missing.empty(), "file ", index.string(), ": of its ", shards.size(),
          " shards these are missing: ", missing);
  return shards;
}

/// All tensors of a file of weights or of the shards of an index. Throws Error as
/// io::read_state_dict and shards_of do, for a tensor that is not in the shard listed by the index,
/// and for one that is in two shards.
[[nodiscard]] inline io::TensorFile read_diffusers_tensors(const std::filesystem::path& weights) {
  if (!detail::is_shard_index(weights)) return io::read_state_dict(weights);
  const nlohmann::json json = detail::read_json(weights, 2);
  io::TensorFile all;
  for (const std::filesystem::path& shard : shards_of(weights)) {
    io::TensorFile file = io::read_state_dict(shard);
    for (auto& [name, tensor] : file.tensors)
      require(all.tensors.emplace(name, std::move(tensor)).second, "tensor ", name, " is in ",
              shard.string(), " and in an earlier shard");
  }
  for (const auto& [name, shard] : json["weight_map"].items())
    require(all.tensors.contains(name), "file ", weights.string(), ": tensor ", name,
            " is not in its shard ", shard.get<std::string>());
  return all;
}

}  // namespace scoresde
