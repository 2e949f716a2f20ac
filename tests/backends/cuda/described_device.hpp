// SPDX-License-Identifier: MIT
/// A device description of an H200, for which cuDNN builds plans without a GPU.
#pragma once

#include <filesystem>
#include <string>

#include <dlfcn.h>

#include <scoresde/cuda/cudnn_convolution.hpp>
#include <scoresde/io/atomic_file.hpp>

#include "support/catch.hpp"

namespace scoresde::testing {

/// Loads the emulated driver if there is no libcuda.so.1, once per process and before cuDNN looks
/// for it.
inline void need_driver() {
  static const bool loaded = [] {
    if (::dlopen("libcuda.so.1", RTLD_NOW) != nullptr) return true;
    const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    return ::dlopen((folder / "driver/libcuda.so.1").c_str(), RTLD_NOW) != nullptr;
  }();
  REQUIRE(loaded);
}

/// cuDNN's JSON description of an H200, written by hand.
inline std::string h200_properties() {
  const auto json = io::read_file(SCORESDE_SOURCE_DIR "/tests/backends/cuda/h200.deviceprop.json");
  return {reinterpret_cast<const char*>(json.data()), json.size()};
}

inline cuda::PlanDevice described_device() {
  need_driver();
  return cuda::PlanDevice::described(h200_properties());
}

}  // namespace scoresde::testing
