// SPDX-License-Identifier: MIT
/// All headers of the Eigen backend: states and network operations.
#pragma once

#include <scoresde/eigen/eigen_backend.hpp>
#include <scoresde/eigen/ops.hpp>
