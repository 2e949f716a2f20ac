// SPDX-License-Identifier: MIT
/// Arrays that an option names.
#pragma once

#include <filesystem>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/npy.hpp>

namespace programs {

/// The array of a .npy file. Throws Error with the option's name as io::parse_npy does.
[[nodiscard]] inline scoresde::io::TensorFile::Tensor read_array(
    const char* option, const std::filesystem::path& path) {
  const auto bytes = scoresde::io::read_file(path);
  try {
    return scoresde::io::parse_npy(bytes);
  } catch (const scoresde::Error& failure) {
    throw scoresde::Error(scoresde::text(option, ": ", path.string(), ": ", failure.what()));
  }
}

}  // namespace programs
