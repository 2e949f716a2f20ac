// SPDX-License-Identifier: MIT
/// Converts the options of --backend cuda to those of the backend.
#pragma once

#include <string>
#include <string_view>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/cudnn_convolution.hpp>
#include <scoresde/error.hpp>

#include "cli/backend_options.hpp"
#include "engine/precision_option.hpp"

namespace programs {

[[nodiscard]] inline scoresde::cuda::PlanOptions plan_options(const BackendOptions& o) {
  return {.cache = o.plan_cache, .autotune = o.autotune};
}

/// "NVIDIA H200, compute capability 9.0, bf16".
[[nodiscard]] inline std::string device_description(const scoresde::cuda::Context& context,
                                                    const BackendOptions& o) {
  return context.name() + ", " + o.precision;
}

/// make(); if the device does not have enough memory, the Error has `advice` at its end.
template <class Make>
auto within_device_memory(const char* advice, const Make& make) {
  try {
    return make();
  } catch (const scoresde::Error& failure) {
    const bool memory = std::string_view(failure.what()).find("allocating") != std::string::npos;
    throw scoresde::Error(std::string(failure.what()) + (memory ? std::string("; ") + advice : ""));
  }
}

}  // namespace programs
