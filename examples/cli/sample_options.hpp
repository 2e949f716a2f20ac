// SPDX-License-Identifier: MIT
/// The options of cifar10_sample.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <scoresde/registry/class_choice.hpp>
#include <scoresde/registry/sampler_choice.hpp>

#include "cli/backend_options.hpp"
#include "cli/ranks.hpp"

namespace programs {

/// Empty names, a zero eps and zero samples stand for the checkpoint's values.
struct SampleOptions {
  std::filesystem::path checkpoint, out;
  std::string sde;       ///< instead of the checkpoint's
  std::string sde_note;  ///< the change of variables, for the output
  scoresde::SamplerChoice sampler;
  scoresde::ClassChoice classes;
  std::uint64_t seed = 42;
  std::uint32_t first_sample = 0;
  bool clip_denoised = false, resume = false, each_png = false, overwrite = false;
  std::optional<double> dynamic_threshold;
  std::size_t samples = 0, batch = 16, columns = 8;
  BackendOptions backend;
  std::vector<std::string> notes;  ///< one line per translated name of another library
  Ranks* ranks = &one_rank;        ///< each samples batches of its own
};

}  // namespace programs
