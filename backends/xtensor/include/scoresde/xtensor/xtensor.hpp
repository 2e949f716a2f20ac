// SPDX-License-Identifier: MIT
/// Everything of the xtensor backend: states, and .npy files in and out.
#pragma once

#include <scoresde/xtensor/npy.hpp>
#include <scoresde/xtensor/xtensor_backend.hpp>
