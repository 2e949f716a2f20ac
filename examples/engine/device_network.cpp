// SPDX-License-Identifier: MIT
#include "engine/device_network.hpp"

template class scoresde::nn::Network<scoresde::cuda::Ops<scoresde::cuda::Bfloat16>>;
template class scoresde::nn::Network<scoresde::cuda::Ops<float>>;
