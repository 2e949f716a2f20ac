// SPDX-License-Identifier: MIT
/// Networks on a GPU, instantiated once, in device_network.cpp.
#pragma once

#include <scoresde/cuda/ops.hpp>
#include <scoresde/nn/runtime/network.hpp>

extern template class scoresde::nn::Network<scoresde::cuda::Ops<scoresde::cuda::Bfloat16>>;
extern template class scoresde::nn::Network<scoresde::cuda::Ops<float>>;
