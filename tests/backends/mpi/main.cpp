// SPDX-License-Identifier: MIT
/// main() of the tests that run on several ranks.
#define CATCH_CONFIG_RUNNER
#include <scoresde/mpi/environment.hpp>

#include "support/catch.hpp"

int main(int argc, char** argv) {
  const scoresde::mpi::Environment environment(argc, argv);
  return Catch::Session().run(argc, argv) == 0 ? 0 : 1;
}
