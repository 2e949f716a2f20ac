// SPDX-License-Identifier: MIT
/// Environment: MPI from its initialization to its end, and errors of MPI as exceptions.
///
/// A rank that fails must end the others, which wait for its messages: run() prints the error and
/// ends all of them.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

// The C++ bindings of MPI-2 are deprecated and take time to compile.
#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1
#endif
#ifndef MPICH_SKIP_MPICXX
#define MPICH_SKIP_MPICXX 1
#endif
#include <mpi.h>

#include <scoresde/error.hpp>

namespace scoresde::mpi {

/// The exit status with which a rank that fails ends all ranks.
inline constexpr int failed_status = 1;

/// Throws Error with MPI's text unless `code`, the result of `call`, is MPI_SUCCESS.
inline void check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char words[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, words, &length);
  throw Error(text("MPI: ", call, " failed: ", std::string(words, std::size_t(length))));
}

/// Whether mpirun or another launcher started this process, by the environment variables that Open
/// MPI, MPICH and Slurm set. MPI need not be initialized.
[[nodiscard]] inline bool started_by_launcher() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"})
    if (std::getenv(name) != nullptr) return true;
  return false;
}

/// Initializes MPI and finalizes it at the end of the scope; one per process. Where the scope ends
/// by an exception, it ends all ranks with failed_status instead, since a finalization waits for
/// the others. All calls of MPI must be made by the thread that made this object.
class Environment {
 public:
  /// Requires the thread level at which one thread of several calls MPI. Throws Error if MPI is
  /// initialized already, and if it has a lower level only.
  Environment(int& argc, char**& argv) : exceptions_(std::uncaught_exceptions()) {
    int initialized = 0, level = 0;
    check(MPI_Initialized(&initialized), "MPI_Initialized");
    require(initialized == 0,
            "MPI: it is initialized already; make a Communicator of MPI_COMM_WORLD instead of a "
            "second Environment");
    check(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level), "MPI_Init_thread");
    if (level < MPI_THREAD_FUNNELED) {
      MPI_Finalize();
      throw Error(text("MPI: its thread level is ", level, "; MPI_THREAD_FUNNELED, ",
                       MPI_THREAD_FUNNELED, ", is required, for a program with threads"));
    }
    check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    int finalized = 0;
    MPI_Finalized(&finalized);
    if (finalized != 0) return;
    if (std::uncaught_exceptions() > exceptions_) MPI_Abort(MPI_COMM_WORLD, failed_status);
    MPI_Finalize();
  }

  /// Ends all ranks with this exit status.
  [[noreturn]] static void abort(int status) {
    std::fflush(nullptr);
    MPI_Abort(MPI_COMM_WORLD, status);
    std::_Exit(status);
  }

  /// body(), an exit status. On an exception prints "rank 2: " and its text to stderr and ends all
  /// ranks with failed_status.
  template <class Body>
  int run(Body&& body) {
    try {
      return body();
    } catch (const std::exception& failure) {
      int rank = 0;
      MPI_Comm_rank(MPI_COMM_WORLD, &rank);
      std::fprintf(stderr, "rank %d: %s\n", rank, failure.what());
      abort(failed_status);
    }
  }

 private:
  int exceptions_;
};

}  // namespace scoresde::mpi
