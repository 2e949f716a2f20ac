// SPDX-License-Identifier: MIT
/// The options of cifar10_likelihood.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "cli/backend_options.hpp"

namespace programs {

namespace detail {

/// The errors of lower precisions exceed the ODE's tolerances.
[[nodiscard]] inline BackendOptions single_precision() {
  BackendOptions options;
  options.precision = "fp32";
  return options;
}

}  // namespace detail

/// A zero eps stands for the smallest time of the checkpoint's training; an empty `condition` for
/// the labels if the network is class-conditional.
struct LikelihoodOptions {
  std::filesystem::path checkpoint, data, out;
  std::string condition;                   ///< labels or none
  std::string dequantization = "uniform";  ///< or truncated_normal
  std::string control = "per_sample";      ///< or scipy
  std::string variance = "large";          ///< or small: of DDPM's bound
  double eps = 0, rtol = 1e-5, atol = 1e-5;
  std::size_t first_image = 0, images = 256, batch = 16;
  std::size_t repeats = 1, probes = 1;
  std::size_t draws = 0;  ///< of the bound; 0: no bound
  std::uint64_t seed = 42;
  bool train_split = false, resume = false, overwrite = false;
  bool discrete = false;  ///< the network was trained on DDPM's levels: the bound alone
  BackendOptions backend = detail::single_precision();
};

}  // namespace programs
