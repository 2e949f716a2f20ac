// SPDX-License-Identifier: MIT
#include "engine/host_network.hpp"

template class scoresde::nn::Network<scoresde::eigen::Ops<float>>;
