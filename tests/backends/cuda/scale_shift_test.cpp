// SPDX-License-Identifier: MIT
#include "kernels/scale_shift.hpp"

#include <scoresde/eigen/ops.hpp>

#include "support/catch.hpp"
#include "support/channels_last.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;
using namespace scoresde::test;
using scoresde::cuda::Bfloat16;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;

TEMPLATE_TEST_CASE("scale and shift kernels match the double operation", "[emulated]", float,
                   Bfloat16) {
  const eigen::Ops<double> ops(1);
  for (const nn::Shape& s : {nn::Shape{2, 16, 5, 3}, nn::Shape{3, 5, 4, 1}, nn::Shape{1, 24, 9, 9}})
    for (const bool accumulate : {false, true}) {
      CAPTURE(s.n, s.c, accumulate);
      const nn::Shape vectors{s.n, 2 * s.c};
      const Activations<TestType> x(s, 1), dy(s, 2), modulation(vectors, 3);
      const cuda::JoinedRows rows{std::uint32_t(s.n), std::uint32_t(s.pixels()), std::uint32_t(s.c),
                                  0};
      const bool whole = cuda::rows_are_whole(s.c * sizeof(TestType));
      std::vector<double> expected(s.size());
      ops.scale_shift(x.view(), modulation.view(), {expected.data(), s});
      std::vector<TestType> y = poisoned<TestType>(s.size()), product = y;
      emulate(cuda::ScaleShift<TestType>{rows, whole, x.memory.data(), modulation.memory.data(),
                                         y.data()},
              every_schedule[1]);
      CHECK(relative_distance(from_channels_last(y, s), expected) < kernel_tolerance<TestType>);

      const Target<TestType> target(s, accumulate);
      std::vector<double> dx = target.before;
      ops.scale_shift_backward(x.view(), modulation.view(), dy.view(), {dx.data(), true}, {}, {});
      std::vector<TestType> found = target.memory;
      cuda::ScaleShiftGradient<TestType> kernel{rows,
                                                whole,
                                                x.memory.data(),
                                                modulation.memory.data(),
                                                dy.memory.data(),
                                                {found.data(), accumulate},
                                                product.data()};
      emulate(kernel, every_schedule[2]);
      CHECK(relative_distance(from_channels_last(found, s), dx) < kernel_tolerance<TestType>);
      std::vector<double> products(s.size());
      for (std::size_t i = 0; i < products.size(); ++i) products[i] = x.exact[i] * dy.exact[i];
      CHECK(relative_distance(from_channels_last(product, s), products) <
            kernel_tolerance<TestType>);
      kernel.product = nullptr;
      kernel.dx = {};
      emulate(kernel);
    }
}
