// SPDX-License-Identifier: MIT
/// The file of --checkpoint.
#pragma once

#include <filesystem>

#include <scoresde/error.hpp>
#include <scoresde/io/state_dict.hpp>

namespace programs {

/// Throws Error for files of other libraries, naming the program that converts them.
inline void require_checkpoint_file(const std::filesystem::path& path) {
  const bool folder = std::filesystem::is_directory(path);
  scoresde::require(
      !folder && (!std::filesystem::exists(path) || !scoresde::io::is_torch_file(path)),
      "--checkpoint: ", path.string(), folder ? " is a folder" : " is a PyTorch file",
      "; it must be a checkpoint or weights of this library, and scoresde_convert makes one of it");
}

}  // namespace programs
