// SPDX-License-Identifier: MIT
/// Rank 1 fails in the way that the argument names; the others wait for it in a sum.
#include <csignal>
#include <cstdio>
#include <span>
#include <string>

#include <scoresde/error.hpp>
#include <scoresde/mpi/mpi.hpp>

namespace {

void add_with(scoresde::mpi::Communicator world, const std::string& way) {
  if (world.rank() == 1 && way == "is_killed") std::raise(SIGKILL);
  if (world.rank() == 1) throw scoresde::Error("weights are broken");
  double number = 1;
  world.all_reduce(std::span<double>(&number, 1));
  std::printf("not reached\n");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    scoresde::mpi::Environment environment(argc, argv);
    const std::string way = argv[1];
    if (way == "leaves_scope") add_with(scoresde::mpi::Communicator(MPI_COMM_WORLD), way);
    return environment.run([&] {
      add_with(scoresde::mpi::Communicator(MPI_COMM_WORLD), way);
      return 0;
    });
  } catch (const std::exception&) {
    return 0;  // the environment has ended all ranks before
  }
}
