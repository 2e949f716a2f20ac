// SPDX-License-Identifier: MIT
/// A context, and what is said where none can be had.
#include <scoresde/cuda/context.hpp>
#include <scoresde/error.hpp>

#include "support/catch.hpp"

using scoresde::cuda::Context;

TEST_CASE("a missing device is an error in CUDA's words, and not the end of the program") {
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
