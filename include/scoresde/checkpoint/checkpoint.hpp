// SPDX-License-Identifier: MIT
/// Checkpoints: the complete state of a run, or its averaged weights only, with the configuration.
///
///   tensors:  model.<name>  ema.<name>  adam.first_moment.<name>  adam.second_moment.<name>
///             ema_track.<j>.<name> for each additional average
///   metadata: format, format_version, step, and the configuration's keys
///
/// <name> is the parameter's name in score_sde_pytorch (`all_modules.3.Conv_0.weight`). Files are
/// safetensors, written to a temporary file and renamed, so that a killed run leaves the old file
/// intact. Loading is strict: all mismatches are listed.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/detail/checkpoint_differences.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/nn/graph/parameters.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/settings.hpp>
#include <scoresde/train/training_state.hpp>

namespace scoresde {

namespace detail {

/// The tensor families of a checkpoint, in the order of TrainingState's buffers.
inline constexpr std::array<const char*, 4> checkpoint_families{
    "model.", "ema.", "adam.first_moment.", "adam.second_moment."};

/// The family of track j, and a tensor's name without such a prefix.
[[nodiscard]] inline std::string track_family(std::size_t j) { return text("ema_track.", j, "."); }
[[nodiscard]] inline std::string_view without_track_family(std::string_view name) {
  constexpr std::string_view prefix = "ema_track.";
  if (name.substr(0, prefix.size()) != prefix) return {};
  const std::size_t dot = name.find('.', prefix.size());
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}
inline constexpr const char* run_format = "scoresde run";
inline constexpr const char* weights_format = "scoresde weights";

/// Metadata of the file rather than of the configuration.
[[nodiscard]] inline bool file_key(const std::string& key) {
  return key == "format" || key == "format_version" || key == "step";
}

inline void compare_configuration(const Metadata& found, const Metadata& wanted,
                                  Differences& differences) {
  for (const auto& [key, value] : wanted) {
    const auto at = found.find(key);
    if (at == found.end())
      differences.add_first("setting ", key, " is absent from the file; the run has '", value, "'");
    else if (at->second != value)
      differences.add_first("setting ", key, " is '", at->second, "' in the file; the run has '",
                            value, "'");
  }
  for (const auto& [key, value] : found)
    if (!file_key(key) && wanted.count(key) == 0)
      differences.add_first("setting ", key, " is '", value, "' in the file; the run has none");
}

/// Reads family.<name> for every parameter into the flat buffer; `exact` requires T's own type.
template <std::floating_point T>
void read_family(const io::TensorFile& file, const nn::ParameterTable& table,
                 const std::string& family, bool exact, std::span<T> flat,
                 Differences& differences) {
  for (const nn::Parameter& p : table.entries()) {
    const auto at = file.tensors.find(family + p.name);
    if (at == file.tensors.end()) {
      differences.add("tensor ", family, p.name, " ", io::shape_text(p.shape), " is missing");
      continue;
    }
    read_parameter(family + p.name, at->second, p, exact, flat, differences);
  }
}

/// Lists tensors that are not a parameter of the table in any family.
inline void find_unexpected(const io::TensorFile& file, const nn::ParameterTable& table,
                            Differences& differences) {
  for (const auto& [name, tensor] : file.tensors) {
    const bool known =
        std::any_of(checkpoint_families.begin(), checkpoint_families.end(),
                    [&, &name = name](const char* f) {
                      const std::string family(f);
                      return name.compare(0, family.size(), family) == 0 &&
                             table.contains(std::string_view(name).substr(family.size()));
                    }) ||
        table.contains(without_track_family(name));
    if (!known)
      differences.add("tensor ", name, " ", io::shape_text(tensor.shape),
                      " is not among the network's parameters");
  }
}

/// The family of a file's weights for sampling: the average where it has one.
[[nodiscard]] inline std::string weights_family(const io::TensorFile& file) {
  const std::string average = checkpoint_families[1];
  const auto at = file.tensors.lower_bound(average);
  const bool averaged = at != file.tensors.end() && at->first.starts_with(average);
  return averaged ? average : checkpoint_families[0];
}

template <class Stored, std::floating_point T>
void write_family(io::TensorFile& file, const nn::ParameterTable& table, const std::string& family,
                  std::span<const T> flat) {
  require(flat.size() == table.size(), "checkpoint: the buffer of ", family, " has ", flat.size(),
          " scalars; the network's has ", table.size());
  const std::vector<Stored> stored(flat.begin(), flat.end());
  for (const nn::Parameter& p : table.entries())
    file.set(family + p.name, p.shape, std::span<const Stored>(stored).subspan(p.offset, p.size));
}

[[nodiscard]] inline io::TensorFile file_of(const Metadata& configuration, const char* format,
                                            std::uint64_t step) {
  io::TensorFile file;
  file.metadata = with_written_names(configuration);
  for (const auto& [key, value] : file.metadata)
    require(!file_key(key), "checkpoint: a setting must not be named ", key);
  file.metadata["format"] = format;
  file.metadata["format_version"] = "1";
  file.metadata["step"] = number_text(step);
  return file;
}

}  // namespace detail

/// Writes the state of a run. Throws Error when a buffer's size is not the table's or the number of
/// tracks is not the configuration's, and as io::write_safetensors does; an older file at `path` is
/// then unchanged.
template <std::floating_point T>
void save_checkpoint(const std::filesystem::path& path, const nn::ParameterTable& table,
                     const TrainingState<T>& state, const Metadata& configuration) {
  state.check(table.size(), track_count(configuration));
  io::TensorFile file = detail::file_of(configuration, detail::run_format, state.step);
  const std::array<const std::vector<T>*, 4> buffers{&state.parameters, &state.average,
                                                     &state.first_moment, &state.second_moment};
  for (std::size_t i = 0; i < buffers.size(); ++i)
    detail::write_family<T>(file, table, detail::checkpoint_families[i],
                            std::span<const T>(*buffers[i]));
  for (std::size_t j = 0; j < state.tracks.size(); ++j)
    detail::write_family<T>(file, table, detail::track_family(j),
                            std::span<const T>(state.tracks[j]));
  io::write_safetensors(path, file);
}

/// Reads the state of a run with exactly this configuration and scalar type. Throws Error as
/// io::read_safetensors does, and with a list of all settings and tensors that are missing,
/// unexpected, of another shape or type, or not finite.
template <std::floating_point T>
[[nodiscard]] TrainingState<T> load_checkpoint(const std::filesystem::path& path,
                                               const nn::ParameterTable& table,
                                               const Metadata& configuration) {
  const io::TensorFile file = io::read_safetensors(path);
  detail::Differences differences;
  if (const auto at = file.metadata.find("format");
      at == file.metadata.end() || at->second != detail::run_format)
    differences.add_first("format is '", at == file.metadata.end() ? "" : at->second,
                          "'; it must be '", detail::run_format, "'");
  detail::compare_configuration(with_written_names(file.metadata),
                                with_written_names(configuration), differences);
  TrainingState<T> state;
  const std::array<std::vector<T>*, 4> buffers{&state.parameters, &state.average,
                                               &state.first_moment, &state.second_moment};
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    buffers[i]->resize(table.size());
    detail::read_family<T>(file, table, detail::checkpoint_families[i], true, *buffers[i],
                           differences);
  }
  state.tracks.resize(track_count(configuration), std::vector<T>(table.size()));
  for (std::size_t j = 0; j < state.tracks.size(); ++j)
    detail::read_family<T>(file, table, detail::track_family(j), true, state.tracks[j],
                           differences);
  detail::find_unexpected(file, table, differences);
  differences.reject(scoresde::text("checkpoint ", path.string(), " does not match this run:"));
  state.step = number_setting<std::uint64_t>(file.metadata, "step");
  return state;
}

/// Writes weights only, as float32 or with Stored = io::Half as float16, with the configuration and
/// the number of updates. Throws Error as io::write_safetensors does, and for a weight out of the
/// range of float16.
template <std::floating_point T, class Stored = float>
void save_weights(const std::filesystem::path& path, const nn::ParameterTable& table,
                  std::span<const T> weights, const Metadata& configuration, std::uint64_t step) {
  io::TensorFile file = detail::file_of(configuration, detail::weights_format, step);
  detail::write_family<Stored>(file, table, detail::checkpoint_families[0], weights);
  io::write_safetensors(path, file);
}

/// The weights for sampling: the average of a run's checkpoint, or the output of save_weights; any
/// floating-point type. Throws Error as io::read_safetensors does, and with a list of all tensors
/// that are missing, unexpected, of another shape, not floating-point or not finite; `weights` is
/// then unchanged.
template <std::floating_point T>
void load_weights(const std::filesystem::path& path, const nn::ParameterTable& table,
                  std::span<T> weights) {
  require(weights.size() == table.size(), "weights: the buffer holds ", weights.size(),
          " scalars; the network's has ", table.size());
  const io::TensorFile file = io::read_safetensors(path);
  std::vector<T> read(table.size());
  detail::Differences differences;
  detail::read_family<T>(file, table, detail::weights_family(file), false, read, differences);
  detail::find_unexpected(file, table, differences);
  differences.reject(scoresde::text("weights ", path.string(), " do not match the network of ",
                                    table.entries().size(), " tensors:"));
  std::copy(read.begin(), read.end(), weights.begin());
}

/// The configuration of a checkpoint or weights file, for network_of and visit_score.
/// Throws Error as io::read_safetensors_metadata does, when the file is neither, and for a
/// format_version of a later release.
[[nodiscard]] inline Metadata read_configuration(const std::filesystem::path& path) {
  Metadata configuration = io::read_safetensors_metadata(path);
  const auto format = configuration.find("format");
  require(format != configuration.end() &&
              (format->second == detail::run_format || format->second == detail::weights_format),
          "checkpoint ", path.string(), ": its format is '",
          format == configuration.end() ? "" : format->second, "'; it must be '",
          detail::run_format, "' or '", detail::weights_format, "'");
  const auto version = configuration.find("format_version");
  require(version == configuration.end() || version->second == "1", "checkpoint ", path.string(),
          ": its format_version is '", version == configuration.end() ? "" : version->second,
          "'; this release supports '1'");
  std::erase_if(configuration, [](const auto& entry) { return detail::file_key(entry.first); });
  return configuration;
}

/// Number of updates of a checkpoint or weights file. Throws Error when the file does not state it.
[[nodiscard]] inline std::uint64_t read_step(const std::filesystem::path& path) {
  return number_setting<std::uint64_t>(io::read_safetensors_metadata(path), "step");
}

}  // namespace scoresde
