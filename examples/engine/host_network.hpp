// SPDX-License-Identifier: MIT
/// Networks on the CPU, instantiated once, in host_network.cpp.
#pragma once

#include <string>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/error.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/registry/any_score.hpp>

extern template class scoresde::nn::Network<scoresde::eigen::Ops<float>>;

namespace programs {

using HostOps = scoresde::eigen::Ops<float>;

/// "CPU, 2 threads, float32".
[[nodiscard]] inline std::string host_description(const HostOps& ops) {
  return scoresde::text("CPU, ", ops.threads(), " threads, float32");
}

/// A network under the SDE of its checkpoint.
using HostScore = scoresde::AnyScoreNetwork<HostOps>;

}  // namespace programs
