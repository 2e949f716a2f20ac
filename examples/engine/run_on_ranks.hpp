// SPDX-License-Identifier: MIT
/// Runs a program on the ranks that mpirun started. Builds without scoresde::mpi have one_rank.cpp
/// in place of mpi_ranks.cpp.
#pragma once

#include <functional>

#include "cli/ranks.hpp"

namespace programs {

/// Calls program(argc, argv, ranks) and returns its status. Only the first rank prints. Where a
/// rank fails, with a status from 1 to 3, it prints its message, and all ranks end with this
/// status.
int run_on_ranks(int argc, char** argv, const std::function<int(int, char**, Ranks&)>& program);

}  // namespace programs
