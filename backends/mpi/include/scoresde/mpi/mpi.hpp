// SPDX-License-Identifier: MIT
/// All headers of the MPI backend: the ranks of a training on several machines.
#pragma once

#include <scoresde/mpi/communicator.hpp>
#include <scoresde/mpi/environment.hpp>
