// SPDX-License-Identifier: MIT
/// The epilogue kernels of convolutions, on the CPU, against sums in double.
#include "kernels/convolution_epilogue.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/channels_last.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;
using namespace scoresde::test;
using scoresde::cuda::Bfloat16;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;

TEMPLATE_TEST_CASE("the epilogue kernel adds its non-null terms and scales", "[emulated]", float,
                   Bfloat16) {
  for (const nn::Shape& shape : {nn::Shape{3, 16, 5, 7}, nn::Shape{2, 3, 8, 8},
                                 nn::Shape{1, 13, 1, 1}, nn::Shape{5, 128, 4, 4}})
    for (unsigned parts = 0; parts < 8; ++parts)
      for (const float scale : {1.0f, 0.7071f}) {
        const bool residual = parts & 1, bias = parts & 2, channel_bias = parts & 4;
        CAPTURE(shape.n, shape.c, shape.h, residual, bias, channel_bias, scale);
        const Activations<TestType> before(shape, 1), r(shape, 2), b({1, shape.c}, 3),
            e({shape.n, shape.c}, 4);
        std::vector<double> wanted(shape.size());
        for (std::size_t i = 0; i < wanted.size(); ++i) {
          const std::size_t n = i / (shape.c * shape.pixels()), c = i / shape.pixels() % shape.c;
          wanted[i] = (before.exact[i] + residual * r.exact[i] + bias * b.exact[c] +
                       channel_bias * e.exact[n * shape.c + c]) *
                      double{scale};
        }
        for (const auto& schedule : every_schedule) {
          std::vector<TestType> y = before.memory;
          const bool whole = cuda::rows_are_whole(shape.c * sizeof(TestType));
          emulate(
              cuda::ConvolutionEpilogue<TestType>{
                  y.data(), residual ? r.memory.data() : nullptr, bias ? b.memory.data() : nullptr,
                  channel_bias ? e.memory.data() : nullptr, scale, shape.n * shape.pixels(),
                  static_cast<std::uint32_t>(shape.pixels()), static_cast<std::uint32_t>(shape.c),
                  whole},
              schedule);
          CHECK(relative_distance(from_channels_last(y, shape), wanted) <
                kernel_tolerance<TestType>);
        }
      }
}

TEMPLATE_TEST_CASE("the epilogue kernel with relu keeps positive values", "[emulated]", float,
                   Bfloat16) {
  const nn::Shape shape{2, 13, 3, 5};
  Activations<TestType> y(shape, 1), b({1, shape.c}, 3);
  const std::vector<double> before = y.exact;
  y.memory[0] = cuda::from_float<TestType>(std::numeric_limits<float>::quiet_NaN());
  emulate(cuda::ConvolutionEpilogue<TestType>{
      y.memory.data(), nullptr, b.memory.data(), nullptr, 2, shape.n * shape.pixels(),
      static_cast<std::uint32_t>(shape.pixels()), static_cast<std::uint32_t>(shape.c),
      cuda::rows_are_whole(shape.c * sizeof(TestType)), true});
  const std::vector<double> found = from_channels_last(y.memory, shape);
  CHECK(std::isnan(found[0]));
  for (std::size_t i = 1; i < found.size(); ++i) {
    const double wanted = 2 * (before[i] + b.exact[i / shape.pixels() % shape.c]);
    CHECK(found[i] == Approx(std::max(wanted, 0.0)).margin(0.05).epsilon(0.01));
  }
}

TEST_CASE("rounded gradients are accumulated in float32", "[emulated]") {
  for (const std::size_t count : {1, 7, 8, 9, 2048, 2049, 5000}) {
    const Activations<Bfloat16> part({1, count}, 5);
    const auto before = random_values<float>(count, 6);
    std::vector<float> sum = before;
    emulate(cuda::AddRoundedGradient{part.memory.data(), sum.data(), count});
    for (std::size_t i = 0; i < count; ++i)
      REQUIRE(sum[i] == before[i] + static_cast<float>(part.exact[i]));
  }
}
