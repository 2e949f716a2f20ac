// SPDX-License-Identifier: MIT
/// Runs the programs on several ranks of Open MPI.
#pragma once

#include <string>

#include "programs/cifar10_programs.hpp"

namespace scoresde::test {

/// mpirun's arguments; ranks share the processors with other tests.
inline Words launch(const char* program, int ranks) {
  return {"--allow-run-as-root",
          "--oversubscribe",
          "--bind-to",
          "none",
          "--mca",
          "mpi_yield_when_idle",
          "1",
          "-n",
          std::to_string(ranks),
          program_path(program)};
}

inline Outcome run_on(const char* program, int ranks, const Words& words) {
  return run("SCORESDE_MPIRUN", launch(program, ranks) + words);
}

}  // namespace scoresde::test
