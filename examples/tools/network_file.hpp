// SPDX-License-Identifier: MIT
/// The files that scoresde_convert knows: how each is recognised, read, written and listed.
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

/// Which weights are kept: all that both files can hold, or one set.
enum class Keep : std::uint8_t { all, model, ema };

/// A network with its weights, float32, and what else a run needs to resume.
struct NetworkFile {
  Metadata configuration;
  scoresde::TrainingState<float> state;
  bool resumable = false;
  std::vector<std::string> notes = {};  ///< what was assumed, or is not carried, for the user
  bool averaged = true;                 ///< whether `state.average` is an average
};

/// What lies at `path`, by its content. Throws Error when it cannot be read.
[[nodiscard]] Format format_of(const fs::path& path);

/// What `path` is to become, by its name. Throws Error for a suffix that names no format.
[[nodiscard]] Format format_to_write(const fs::path& path);

/// `changes` over `base`; the settings of an SDE go with its name.
[[nodiscard]] Metadata overlay(Metadata base, const Metadata& changes);

/// Reads a file of this format; `configuration` is what the command line says of it. Throws Error
/// also for settings of an SDE that do not go together.
[[nodiscard]] NetworkFile read_network(const fs::path& path, Format format,
                                       const Metadata& configuration, Keep keep);

/// Writes what is kept; returns in words what that is.
std::string write_network(const fs::path& path, Format format, const NetworkFile& file, Keep keep);

void list_tensors(const fs::path& path);

/// Throws Error when writing OUTPUT would replace a file that INPUT is read from or lie in its
/// folder, whatever links lead there, or replace the checkpoint of a training run.
void require_output_replaceable(const fs::path& input, const fs::path& output, Format format);

}  // namespace convert
