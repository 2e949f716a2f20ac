// SPDX-License-Identifier: MIT
/// All headers of the xtensor backend: states and .npy files.
#pragma once

#include <scoresde/xtensor/xtensor_backend.hpp>
