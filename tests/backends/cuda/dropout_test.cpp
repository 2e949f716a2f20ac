// SPDX-License-Identifier: MIT
#include "kernels/dropout.hpp"

#include <cmath>

#include <scoresde/eigen/ops.hpp>

#include "support/catch.hpp"
#include "support/channels_last.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;
using namespace scoresde::test;
using scoresde::cuda::Bfloat16;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;

namespace {

const NoiseDraw draw = Noise{.seed = 3, .first_sample = 10, .purpose = Purpose::dropout}.draw(5);
/// Numbers of pixels and channels that are multiples of four, and others.
const std::vector<nn::Shape> shapes = {{3, 16, 4, 5}, {2, 5, 8, 8},  {2, 8, 5, 7},
                                       {1, 3, 3, 3},  {4, 40, 1, 1}, {2, 13, 1, 2}};

}  // namespace

TEMPLATE_TEST_CASE("the dropout kernel matches the double operation", "[emulated]", float,
                   Bfloat16) {
  const eigen::Ops<double> ops(1);
  for (const nn::Shape& s : shapes)
    for (const double rate : {0.0, 0.1, 0.7})
      for (const bool accumulate : {false, true}) {
        CAPTURE(s.n, s.c, s.h, s.w, rate, accumulate);
        const Activations<TestType> x(s, 1);
        const Target<TestType> target(s, accumulate);
        std::vector<double> expected = target.before;
        ops.dropout_backward(x.view(), rate, draw, {expected.data(), true});
        std::vector<TestType> y = target.memory;
        // The step of a captured graph is added to the index of the captured draw.
        const std::uint64_t step = 2;
        cuda::detail::DeviceDraw counted{draw, &step};
        counted.draw.index -= step;
        const cuda::detail::DeviceDraw given =
            accumulate ? counted : cuda::detail::DeviceDraw{draw};
        emulate(cuda::Dropout<TestType>::of(s, cuda::rows_are_whole(s.c * sizeof(TestType)), rate,
                                            given, x.memory.data(), {y.data(), accumulate}),
                every_schedule[1]);
        const auto found = from_channels_last(y, s);
        CHECK(relative_distance(found, expected) < kernel_tolerance<TestType>);
        if (!accumulate)
          for (std::size_t i = 0; i < s.size(); ++i) CHECK((found[i] == 0) == (expected[i] == 0));
      }
}

TEST_CASE("the dropout threshold on words equals that on uniform numbers", "[emulated]") {
  const auto number = [](std::uint64_t word) { return (double(word) + 0.5) * 0x1p-32; };
  for (const double rate : {0.0, 0.1, 0.25, 0.5, 0x1p-33, 0x1.8p-32, 0x1p-40, 1 - 0x1p-34, 0.999})
    for (const double nudged : {rate, std::nextafter(rate, 0.0), std::nextafter(rate, 1.0)}) {
      CAPTURE(nudged);
      const std::uint64_t threshold = cuda::dropout_threshold(nudged);
      if (threshold < std::uint64_t{1} << 32) CHECK(number(threshold) >= nudged);
      if (threshold > 0) CHECK(number(threshold - 1) < nudged);
    }
}
