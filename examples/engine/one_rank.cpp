// SPDX-License-Identifier: MIT
/// Programs in a build without scoresde::mpi.
#include <cstdlib>
#include <iostream>

#include "cli/exit_status.hpp"
#include "engine/run_on_ranks.hpp"

/// Without messages between them, several processes would each train the whole run.
int programs::run_on_ranks(int argc, char** argv,
                           const std::function<int(int, char**, Ranks&)>& program) {
  const char* size = std::getenv("OMPI_COMM_WORLD_SIZE");
  if (size != nullptr && std::atoi(size) > 1) {
    std::cerr << "mpirun: this program was built without scoresde::mpi, which requires Open MPI "
                 "(docs/building.md); it runs as one process\n";
    return status_failed;
  }
  return program(argc, argv, one_rank);
}
