// SPDX-License-Identifier: MIT
/// The file formats of scoresde_convert: recognizing, reading, writing and listing them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <scoresde/registry/metadata.hpp>
#include <scoresde/train/training_state.hpp>

namespace convert {

namespace fs = std::filesystem;
using scoresde::Metadata;

enum class Format : std::uint8_t { scoresde, score_sde, diffusers };

/// Which weights are kept: everything that both formats can hold, or one set.
enum class Keep : std::uint8_t { all, model, ema };

/// A network with its float32 weights and the rest of the state that a run needs to resume.
struct NetworkFile {
  Metadata configuration;
  scoresde::TrainingState<float> state;
  bool resumable = false;
  std::vector<std::string> notes = {};  ///< assumptions and omissions, for the output
  bool averaged = true;                 ///< whether `state.average` is an average
};

/// The format of the file or folder at `path`, by content. Throws Error when it cannot be read.
[[nodiscard]] Format format_of(const fs::path& path);

/// The format to write to `path`, by its name. Throws UsageError for a suffix that names no format.
[[nodiscard]] Format format_to_write(const fs::path& path);

/// `base` updated by `changes`; a change of the SDE's name removes the SDE settings of `base`.
[[nodiscard]] Metadata overlay(Metadata base, const Metadata& changes);

/// Reads a file of this format; `configuration` is given on the command line. Throws Error for
/// files that cannot be read, and UsageError for given settings that are invalid or contradict the
/// file.
[[nodiscard]] NetworkFile read_network(const fs::path& path, Format format,
                                       const Metadata& configuration, Keep keep);

/// Writes what is kept and returns a description of it.
std::string write_network(const fs::path& path, Format format, const NetworkFile& file, Keep keep);

void list_tensors(const fs::path& path);

/// Throws Error if OUTPUT, after resolving links, is a file or the folder of INPUT or lies in it,
/// or if it would replace a file other than weights, or the configuration in a folder of
/// diffusers.
void require_output_replaceable(const fs::path& input, const fs::path& output, Format format);

/// Throws Error if OUTPUT cannot be written: a file, or the files of a folder of diffusers.
void require_output_writable(const fs::path& output, Format format);

}  // namespace convert
