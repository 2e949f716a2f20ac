// SPDX-License-Identifier: MIT
#include "cli/checkpoint_file.hpp"

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/state_dict.hpp>

namespace programs {

scoresde::Metadata checkpoint_configuration(const std::filesystem::path& path) {
  const bool folder = std::filesystem::is_directory(path);
  scoresde::require(
      !folder && (!std::filesystem::exists(path) || !scoresde::io::is_torch_file(path)),
      "--checkpoint: ", path.string(), folder ? " is a folder" : " is a PyTorch file",
      "; it must be a checkpoint or weights of this library, and scoresde_convert makes one of it");
  return scoresde::read_configuration(path);
}

}  // namespace programs
