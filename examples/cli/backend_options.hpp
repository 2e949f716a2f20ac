// SPDX-License-Identifier: MIT
/// Where a program computes: --backend and what goes with it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace programs {

struct BackendOptions {
  std::string backend = "cpu", precision = "bf16";
  std::size_t threads = 0;  ///< of the CPU
  double memory_limit = 0;  ///< GiB of the CPU's memory; 0: what is available
  int device = 0;
  std::filesystem::path plan_cache;
  std::size_t autotune = 0;
  bool no_graph = false;

  [[nodiscard]] bool on_device() const { return backend == "cuda"; }
};

}  // namespace programs
