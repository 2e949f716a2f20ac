// SPDX-License-Identifier: MIT
/// Programs on the ranks of MPI, and without mpirun on one, for which MPI is not initialized.
#include <chrono>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <scoresde/mpi/mpi.hpp>

#include "cli/exit_status.hpp"
#include "engine/run_on_ranks.hpp"

namespace programs {
namespace {

using scoresde::mpi::Environment;

class MpiRanks final : public Ranks {
 public:
  [[nodiscard]] std::size_t rank() const override { return world_.rank(); }
  [[nodiscard]] std::size_t size() const override { return world_.size(); }
  void all_reduce(std::span<float> values) override { world_.all_reduce(values); }
  void all_reduce(std::span<double> values) override { world_.all_reduce(values); }
  void begin_all_reduce(std::span<float> values) override { world_.begin_all_reduce(values); }
  void advance() override { world_.advance(); }
  void finish_all_reduces() override { world_.finish_all_reduces(); }
  void broadcast(std::span<float> values) override { world_.broadcast(values); }
  void broadcast(std::span<double> values) override { world_.broadcast(values); }
  std::span<float> gather(std::span<float> values) override {
    gathered_.resize(is_first() ? size() * values.size() : 0);
    world_.gather(std::span<const float>(values), std::span<float>(gathered_));
    return gathered_;
  }

 private:
  scoresde::mpi::Communicator world_{MPI_COMM_WORLD};
  std::vector<float> gathered_;
};

/// The program's status, and what it wrote to std::cerr. Its standard output is dropped.
int run_silently(int argc, char** argv, MpiRanks& ranks,
                 const std::function<int(int, char**, Ranks&)>& program, std::string& errors) {
  if (std::freopen("/dev/null", "w", stdout) == nullptr) std::cout.setstate(std::ios::failbit);
  std::ostringstream kept;
  std::streambuf* const before = std::cerr.rdbuf(kept.rdbuf());
  const int status = program(argc, argv, ranks);
  std::cerr.rdbuf(before);
  errors = kept.str();
  return status;
}

}  // namespace

int run_on_ranks(int argc, char** argv, const std::function<int(int, char**, Ranks&)>& program) {
  if (!scoresde::mpi::started_by_launcher()) return program(argc, argv, one_rank);
  Environment environment(argc, argv);
  return environment.run([&] {
    MpiRanks ranks;
    std::string errors;
    const int status = ranks.is_first() ? program(argc, argv, ranks)
                                        : run_silently(argc, argv, ranks, program, errors);
    if (!ranks.several() || status < status_failed || status > status_folder_in_use) return status;
    if (!ranks.is_first()) {
      // An error of all ranks is printed by the first. Open MPI needs 2 seconds to end the others.
      std::this_thread::sleep_for(std::chrono::seconds(4));
      std::cerr << "rank " << ranks.rank() << ": " << errors << std::flush;
    }
    Environment::abort(status);
  });
}

}  // namespace programs
