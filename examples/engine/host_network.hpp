// SPDX-License-Identifier: MIT
/// Networks on the CPU, instantiated once, in host_network.cpp.
#pragma once

#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/registry/any_score.hpp>

extern template class scoresde::nn::Network<scoresde::eigen::Ops<float>>;

namespace programs {

using HostOps = scoresde::eigen::Ops<float>;

/// A network under the SDE of its checkpoint.
using HostScore = scoresde::AnyScoreNetwork<HostOps>;

}  // namespace programs
