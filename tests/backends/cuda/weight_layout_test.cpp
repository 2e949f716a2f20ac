// SPDX-License-Identifier: MIT
#include "kernels/weight_layout.hpp"

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;
using namespace scoresde::test;
using scoresde::cuda::Bfloat16;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;

namespace {

struct Case {
  nn::Convolution op;
  std::size_t pad;
};
const std::vector<Case> cases = {
    {{.in_channels = 3, .out_channels = 16}, 8},
    {{.in_channels = 40, .out_channels = 3}, 8},
    {{.in_channels = 70, .out_channels = 5}, 1},
    {{.in_channels = 33, .out_channels = 9, .kernel = 1}, 8},
    {{.in_channels = 7, .out_channels = 12, .kernel = 1, .input_major = true}, 8},
    {{.in_channels = 64, .out_channels = 48, .kernel = 1, .input_major = true}, 1},
    {{.in_channels = 2, .out_channels = 2, .kernel = 5}, 1},
};

/// Offset in the library's layout of output channel o, input channel c and tap t.
std::size_t library(const nn::Convolution& op, std::size_t o, std::size_t c, std::size_t t) {
  return op.input_major ? c * op.out_channels + o
                        : (o * op.in_channels + c) * op.kernel * op.kernel + t;
}

}  // namespace

TEMPLATE_TEST_CASE("weights are converted to cuDNN's layout with zero padding", "[emulated]", float,
                   Bfloat16) {
  for (const auto& [op, pad] : cases) {
    CAPTURE(op.in_channels, op.out_channels, op.kernel, op.input_major, pad);
    const auto extents = cuda::WeightExtents::of(op, pad);
    const auto weights = random_values<float>(op.weight_size(), 1);
    const TestType nan = cuda::from_float<TestType>(std::numeric_limits<float>::quiet_NaN());
    std::vector<TestType> arranged(extents.padded_size(), nan);
    emulate(cuda::ArrangeWeights<TestType>{extents, weights.data(), arranged.data()},
            every_schedule[1]);
    std::size_t at = 0;
    for (std::size_t o = 0; o < extents.padded_out; ++o)
      for (std::size_t t = 0; t < extents.taps; ++t)
        for (std::size_t c = 0; c < extents.padded_in; ++c) {
          const bool exists = o < op.out_channels && c < op.in_channels;
          const float value = exists ? weights[library(op, o, c, t)] : 0.0f;
          CHECK(arranged[at++] == cuda::from_float<TestType>(value));
        }
    CHECK(at == arranged.size());
  }
}

TEST_CASE("weight gradients are accumulated in the library's layout", "[emulated]") {
  for (const auto& [op, pad] : cases) {
    CAPTURE(op.in_channels, op.out_channels, op.kernel, op.input_major, pad);
    const auto extents = cuda::WeightExtents::of(op, pad);
    const auto gradient = random_values<float>(extents.padded_size(), 1);
    const auto before = random_values<float>(op.weight_size(), 2);
    std::vector<float> found = before;
    emulate(cuda::AddWeightGradient{extents, gradient.data(), found.data()}, every_schedule[2]);
    for (std::size_t o = 0; o < op.out_channels; ++o)
      for (std::size_t t = 0; t < extents.taps; ++t)
        for (std::size_t c = 0; c < op.in_channels; ++c) {
          const std::size_t at = library(op, o, c, t);
          CHECK(found[at] == before[at] + gradient[(o * extents.taps + t) * extents.padded_in + c]);
        }
  }
}

TEST_CASE("weights of rectangular kernels are converted to cuDNN's layout", "[emulated]") {
  const nn::RectangularConvolution op{
      .in_channels = 35, .out_channels = 4, .height = 1, .width = 7};
  const auto extents = cuda::WeightExtents::of(op);
  const auto weights = random_values<float>(op.weight_size(), 1);
  std::vector<float> arranged(extents.padded_size());
  REQUIRE(arranged.size() == weights.size());
  emulate(cuda::ArrangeWeights<float>{extents, weights.data(), arranged.data()});
  std::size_t at = 0;
  for (std::size_t o = 0; o < 4; ++o)
    for (std::size_t t = 0; t < 7; ++t)
      for (std::size_t c = 0; c < 35; ++c) CHECK(arranged[at++] == weights[(o * 35 + c) * 7 + t]);
}
