// SPDX-License-Identifier: MIT
/// What cifar10_sample is asked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "backend_options.hpp"
#include "class_choice.hpp"
#include "sampler_choice.hpp"

namespace cifar10 {

/// Empty names, a zero eps and zero samples stand for "as the checkpoint says".
struct SampleOptions {
  std::filesystem::path checkpoint, out;
  SamplerChoice sampler;
  ClassChoice classes;
  std::uint64_t seed = 42;
  std::uint32_t first_sample = 0;
  bool clip_denoised = false, resume = false, each_png = false;
  std::optional<double> dynamic_threshold;
  std::size_t samples = 0, batch = 16, columns = 8;
  BackendOptions backend;
  std::vector<std::string> notes;  ///< lines about names of other libraries
};

}  // namespace cifar10
