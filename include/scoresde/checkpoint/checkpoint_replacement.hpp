// SPDX-License-Identifier: MIT
/// Files that a program must not overwrite without confirmation: all but weights, which can be
/// exported again.
#pragma once

#include <filesystem>
#include <string_view>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/score_sde_checkpoint.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/io/state_dict.hpp>
#include <scoresde/io/torch_file.hpp>

namespace scoresde {

/// Whether the file at `path`, or the target of a link, has an optimizer's moments and is therefore
/// the checkpoint of a run, of this library or of score_sde. False for a file that is unreadable as
/// either.
[[nodiscard]] inline bool holds_training_state(const std::filesystem::path& path) {
  if (!std::filesystem::is_regular_file(path)) return false;
  try {
    if (io::is_torch_file(path)) return score_sde_can_resume(io::TorchFile::open(path));
    const auto metadata = io::read_safetensors_metadata(path);
    const auto format = metadata.find("format");
    return format != metadata.end() && format->second == detail::run_format;
  } catch (const Error&) {
    return false;
  }
}

/// Whether the file at `path` is a snapshot of weights that a run has kept (snapshot.average in its
/// metadata), of which there is no other copy.
[[nodiscard]] inline bool is_weight_snapshot(const std::filesystem::path& path) {
  if (!std::filesystem::is_regular_file(path)) return false;
  try {
    return !io::is_torch_file(path) &&
           io::read_safetensors_metadata(path).contains("snapshot.average");
  } catch (const Error&) {
    return false;
  }
}

/// Whether the file at `path` holds weights and no more: exported ones of this library, or a
/// PyTorch file without an optimizer's moments.
[[nodiscard]] inline bool holds_weights_alone(const std::filesystem::path& path) {
  if (!std::filesystem::is_regular_file(path) || is_weight_snapshot(path)) return false;
  try {
    if (io::is_torch_file(path)) return !score_sde_can_resume(io::TorchFile::open(path));
    const auto metadata = io::read_safetensors_metadata(path);
    const auto format = metadata.find("format");
    return format != metadata.end() && format->second == detail::weights_format;
  } catch (const Error&) {
    return false;
  }
}

/// Throws Error naming `argument` for an existing regular file that is neither empty nor
/// holds_weights_alone.
inline void require_replaceable(std::string_view argument, const std::filesystem::path& path) {
  require(!is_weight_snapshot(path), argument, ": ", path.string(),
          " is a snapshot of a training run's weights; name another file, or replace it with "
          "--overwrite");
  require(!holds_training_state(path), argument, ": ", path.string(),
          " is the checkpoint of a training run, whose optimizer state would be lost; name "
          "another file, or replace it with --overwrite");
  const bool weights = !std::filesystem::is_regular_file(path) ||
                       std::filesystem::file_size(path) == 0 || holds_weights_alone(path);
  require(weights, argument, ": ", path.string(),
          " exists and does not hold weights alone; name another file, or replace it with "
          "--overwrite");
}

}  // namespace scoresde
