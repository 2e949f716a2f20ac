// SPDX-License-Identifier: MIT
/// The backend that a program computes on: --backend and its options.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace programs {

struct BackendOptions {
  std::string backend = "cpu", precision = "bf16";
  std::size_t threads = 0;  ///< CPU threads; 0: all
  double memory_limit = 0;  ///< GiB of host memory; 0: what is available
  int device = 0;
  std::filesystem::path plan_cache;
  std::size_t autotune = 0;
  bool no_graph = false;

  [[nodiscard]] bool on_device() const { return backend == "cuda"; }
};

}  // namespace programs
