// SPDX-License-Identifier: MIT
/// Context, and its errors on machines without a device.
#include <cstdlib>
#include <filesystem>
#include <string>

#include <scoresde/cuda/context.hpp>
#include <scoresde/error.hpp>

#include "support/catch.hpp"

using scoresde::cuda::Context;

TEST_CASE("a missing device throws CUDA's message") {
  if (scoresde::cuda::device_count() > 0) {
    CHECK(scoresde::cuda::why_no_device().empty());
    CHECK_THROWS_WITH(Context(-1), Catch::Contains("device is -1"));
    return;
  }
  const std::string why = scoresde::cuda::why_no_device();
  CHECK_THAT(why, Catch::StartsWith("cudaError"));
  for (int attempt = 0; attempt < 2; ++attempt) {
    CHECK_THROWS_AS(Context(), scoresde::Error);
    CHECK_THROWS_WITH(Context(), Catch::Contains("no device can be used") && Catch::Contains(why));
  }
}

TEST_CASE("a driver that is too old or has no device throws the reason", "[emulated]") {
  constexpr const char* variable = "SCORESDE_EMULATED_DRIVER_VERSION";
  const char* const version = std::getenv(variable);
  if (version == nullptr) {
    // A loaded driver stays loaded, so child processes load the emulated one instead.
    const auto self = std::filesystem::read_symlink("/proc/self/exe");
    for (const std::string conditioning : {"11000", "13000"}) {
      const std::string command =
          scoresde::text(variable, '=', conditioning, " LD_LIBRARY_PATH='",
                         (self.parent_path() / "driver").string(), "' '", self.string(),
                         "' 'a driver that is too old*' >&2");
      CHECK(std::system(command.c_str()) == 0);
    }
    return;
  }
  const std::string reason = std::string(version) == "11000"
                                 ? "(the driver supports CUDA 11.0; this library was built with "
                                 : "cudaErrorNoDevice";
  CHECK(scoresde::cuda::device_count() == 0);
  for (int attempt = 0; attempt < 2; ++attempt)
    CHECK_THROWS_WITH(Context(), Catch::Contains(reason));
}
