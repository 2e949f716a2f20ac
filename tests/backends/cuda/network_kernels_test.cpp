// SPDX-License-Identifier: MIT
#include <scoresde/cuda/network_kernels.hpp>
#include <scoresde/error.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using cuda::Bfloat16;

TEST_CASE("scratch of the network kernels is known without a device") {
  const nn::GroupNorm norm{.groups = 32};
  // A sum of two kinds for each sample and channel.
  CHECK(cuda::group_norm_scratch<Bfloat16>(norm, {128, 256, 32, 32}) == 2 * 128 * 256);
  // An image that no tile holds is cut: 8 chunks and more.
  CHECK(cuda::group_norm_scratch<float>(norm, {2, 256, 256, 256}) >= 8 * 2 * 2 * 256);
  CHECK(cuda::bias_gradient_scratch<float>({16, 12, 5, 7}) == 16 * 12);
  CHECK_THROWS_AS(cuda::group_norm_scratch<float>({.groups = 1}, {1, 4096, 8, 8}), Error);
}
