// SPDX-License-Identifier: MIT
#include "kernels/resampling.hpp"

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

/// Shapes of the smaller image.
const std::vector<nn::Shape> shapes = {{2, 16, 5, 3}, {1, 5, 4, 7}, {3, 3, 1, 1}, {1, 40, 8, 9}};

cuda::SmallImage image(const nn::Shape& s) {
  const auto narrow = [](std::size_t n) { return static_cast<std::uint32_t>(n); };
  return {narrow(s.n), narrow(s.h), narrow(s.w), narrow(s.c)};
}

template <class T>
std::vector<double> spread(const Activations<T>& small, float scale, const Target<T>& target,
                           const nn::Shape& large) {
  std::vector<T> y = target.memory;
  emulate(cuda::Upsample<T>{image(small.shape),
                            cuda::rows_are_whole(small.shape.c * sizeof(T)),
                            scale,
                            small.memory.data(),
                            {y.data(), target.accumulate}},
          every_schedule[1]);
  return from_channels_last(y, large);
}

template <class T>
std::vector<double> gather(const Activations<T>& large, float scale, const Target<T>& target,
                           const nn::Shape& small) {
  std::vector<T> y = target.memory;
  emulate(cuda::Downsample<T>{image(small),
                              cuda::rows_are_whole(small.c * sizeof(T)),
                              scale,
                              large.memory.data(),
                              {y.data(), target.accumulate}},
          every_schedule[2]);
  return from_channels_last(y, small);
}

}  // namespace

TEMPLATE_TEST_CASE("resampling kernels match the double operations", "[emulated]", float,
                   Bfloat16) {
  const eigen::Ops<double> ops(1);
  constexpr double tolerance = kernel_tolerance<TestType>;
  for (const nn::Shape& small : shapes)
    for (const bool accumulate : {false, true}) {
      CAPTURE(small.n, small.c, small.h, small.w, accumulate);
      const nn::Shape large{small.n, small.c, 2 * small.h, 2 * small.w};
      const Activations<TestType> x(small, 1), y(large, 2);
      const Target<TestType> over_small(small, false), over_large(large, false),
          to_small(small, accumulate), to_large(large, accumulate);
      std::vector<double> up(large.size()), up_gradient = to_small.before, down(small.size()),
                                            down_gradient = to_large.before;
      ops.upsample_nearest(x.view(), {up.data(), large});
      CHECK(relative_distance(spread(x, 1.0f, over_large, large), up) < tolerance);
      ops.upsample_nearest_backward(y.view(), {up_gradient.data(), true});
      CHECK(relative_distance(gather(y, 1.0f, to_small, small), up_gradient) < tolerance);
      ops.downsample_mean(y.view(), {down.data(), small});
      CHECK(relative_distance(gather(y, 0.25f, over_small, small), down) < tolerance);
      ops.downsample_mean_backward(x.view(), {down_gradient.data(), true});
      CHECK(relative_distance(spread(x, 0.25f, to_large, large), down_gradient) < tolerance);
    }
}
