// SPDX-License-Identifier: MIT
/// The options that several programs have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "cli/backend_options.hpp"
#include "cli/command_line.hpp"
#include "cli/ranks.hpp"

namespace programs {

/// The groups of options that one backend alone accepts.
inline const char* const host_group = "Options of --backend cpu, rejected with cuda";
inline const char* const device_group = "Options of --backend cuda, rejected with cpu";

/// --checkpoint, for programs with a bundled one.
void add_checkpoint(CommandLine& line, std::filesystem::path& checkpoint);
/// --data: a data set that read_data() reads (data_set.hpp); `more` continues the text.
CommandOption add_data(CommandLine& line, std::filesystem::path& data,
                       const std::string& more = "");
/// --test-data, which --backend cpu alone accepts.
void add_test_data(CommandLine& line, std::filesystem::path& test_data);
/// --out, which is required.
void add_out(CommandLine& line, std::filesystem::path& out, const std::string& text);
/// --first-image.
void add_first_image(CommandLine& line, std::size_t& first);
/// --batch, with a default.
void add_batch(CommandLine& line, std::size_t& batch, const std::string& text);
void add_seed(CommandLine& line, std::uint64_t& seed,
              const std::string& text = "Seed of all random numbers of the run");

/// --backend and its options.
void add_backend_options(CommandLine& line, BackendOptions& o);
/// Throws scoresde::UsageError for options on the command line that the backend does not accept.
void reject_options_of_other_backend(const CommandLine& line, const BackendOptions& o);
/// Throws scoresde::UsageError for a GPU on several ranks.
void require_host_of_ranks(const BackendOptions& o, const Ranks& ranks);

}  // namespace programs
