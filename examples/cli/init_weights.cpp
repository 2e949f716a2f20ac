// SPDX-License-Identifier: MIT
#include "cli/init_weights.hpp"

#include <filesystem>
#include <span>
#include <string>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/initial_weights.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/sha256.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/network_fields.hpp>
#include <scoresde/registry/preset_training.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/train/training_rules.hpp>

#include "cli/checkpoint_file.hpp"

namespace programs {
namespace {

constexpr const char* record_key = "program.init_weights";

/// Fields of the network that differ where all shapes are equal: they change what the weights mean.
std::string different_fields(const scoresde::Metadata& file, const scoresde::nn::Preset& preset) {
  const auto of_file = scoresde::fields_of(scoresde::network_of(file));
  std::string lines;
  for (const auto& [field, value] : scoresde::fields_of(preset.network))
    if (const auto at = of_file.find(field); at != of_file.end() && at->second != value)
      lines += scoresde::text("            ", field, " is ", at->second, " in the file and ", value,
                              " in this run\n");
  return lines;
}

void describe_file(TrainOptions& options, const scoresde::nn::Preset& preset) {
  const std::filesystem::path& path = options.init_weights;
  const auto configuration = checkpoint_configuration(path, "--init-weights");
  const auto graph = scoresde::graph_of(preset);
  const auto usual = scoresde::initial_parameters<float>(graph.parameters(), options.seed);
  const auto start =
      scoresde::read_initial_weights(path, graph.parameters(), std::span<const float>(usual));
  options.init_weights_record =
      path.filename().string() + " sha256:" + scoresde::io::sha256(scoresde::io::read_file(path));
  options.init_weights_text =
      scoresde::text("weights     of ", path.string(), ", step ", scoresde::read_step(path), '\n');
  for (const std::string& name : start.initialized)
    options.init_weights_text += scoresde::text("            ", name, " is not in the file: new\n");
  options.init_weights_text += different_fields(configuration, preset);
}

}  // namespace

void add_init_weights(TrainOptions& options, const scoresde::nn::Preset& preset) {
  if (options.resume) {
    const auto stored = scoresde::read_configuration(options.out / "checkpoint.safetensors");
    if (const auto at = stored.find(record_key); at != stored.end())
      options.init_weights_record = at->second;
    return;
  }
  if (options.init_weights.empty()) return;
  scoresde::require(std::filesystem::exists(options.init_weights),
                    "--init-weights: ", options.init_weights.string(), " does not exist");
  try {
    describe_file(options, preset);
  } catch (const scoresde::Error& failure) {
    const std::string reason = failure.what();
    throw scoresde::Error(reason.starts_with("--init-weights") ? reason
                                                               : "--init-weights: " + reason);
  }
}

}  // namespace programs
