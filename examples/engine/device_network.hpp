// SPDX-License-Identifier: MIT
/// Networks on a GPU, instantiated once, in device_network.cpp.
#pragma once

#include <scoresde/cuda/ops.hpp>
#include <scoresde/cuda/score_network.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/registry/any_score.hpp>

extern template class scoresde::nn::Network<scoresde::cuda::Ops<scoresde::cuda::Bfloat16>>;
extern template class scoresde::nn::Network<scoresde::cuda::Ops<float>>;

namespace programs {

/// Networks with activations of type A.
template <class A>
struct DeviceNetworks {
  template <class S, class Convention>
  using Score = scoresde::cuda::ScoreNetwork<A, S, Convention>;
};

/// A network under the SDE of its checkpoint.
template <class A>
using AnyDeviceScore = scoresde::AnyScore<DeviceNetworks<A>::template Score>;

}  // namespace programs
