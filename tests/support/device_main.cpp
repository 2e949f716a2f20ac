// SPDX-License-Identifier: MIT
/// main() of the tests that run on a device; without one it prints the reason and reports the test
/// as skipped.
#define CATCH_CONFIG_RUNNER
#include <cstdio>
#include <string>

#include <scoresde/cuda/context.hpp>

#include "support/catch.hpp"

/// The exit code for skipped tests (SKIP_RETURN_CODE in ctest).
constexpr int skipped = 77;

int main(int argc, char** argv) {
  bool lists = false;
  for (int i = 1; i < argc; ++i) lists = lists || std::string(argv[i]).starts_with("--list");
  if (!lists && scoresde::cuda::device_count() == 0) {
    std::printf("Skipped: no CUDA device can be used: %s\n",
                scoresde::cuda::why_no_device().c_str());
    return skipped;
  }
  // The number of failures must not be returned: it could equal `skipped`.
  return Catch::Session().run(argc, argv) == 0 ? 0 : 1;
}
