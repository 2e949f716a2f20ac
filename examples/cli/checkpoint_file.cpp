// SPDX-License-Identifier: MIT
#include "cli/checkpoint_file.hpp"

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/state_dict.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/usage_error.hpp>

namespace programs {

scoresde::Metadata checkpoint_configuration(const std::filesystem::path& path,
                                            std::string_view option) {
  const bool folder = std::filesystem::is_directory(path);
  scoresde::require(
      !folder && (!std::filesystem::exists(path) || !scoresde::io::is_torch_file(path)), option,
      ": ", path.string(), folder ? " is a folder" : " is a PyTorch file",
      "; it must be a checkpoint or weights of this library, and scoresde_convert makes one of it");
  scoresde::Metadata configuration = scoresde::read_configuration(path);
  const auto network = scoresde::network_of(configuration);
  scoresde::require_usage(network.output_channels() == network.num_channels, option, ": ",
                          path.string(), " has a network of ", network.num_channels,
                          " channels in and ", network.output_channels(),
                          " out; a score network has as many out as in");
  return configuration;
}

}  // namespace programs
