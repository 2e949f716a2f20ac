// SPDX-License-Identifier: MIT
#include "kernels/pooling.hpp"

#include <cmath>
#include <vector>

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

struct Case {
  nn::AveragePool op;
  nn::Shape x;
};

const std::vector<Case> cases = {
    {{}, {2, 16, 4, 6}},
    {{.height = 3, .width = 3, .stride = 1, .pad = 1}, {2, 8, 5, 7}},
    {{.height = 6, .width = 5, .stride = 1}, {3, 5, 6, 5}},
    {{.height = 3, .width = 2, .stride = 2, .pad = 1}, {2, 12, 6, 5}},
    {{.height = 2, .width = 2, .stride = 3}, {1, 3, 8, 5}},
    {{.height = 4, .width = 4, .stride = 1, .pad = 3}, {1, 40, 2, 9}},
};

cuda::SmallImage image(const nn::Shape& s) {
  const auto narrow = [](std::size_t n) { return static_cast<std::uint32_t>(n); };
  return {narrow(s.n), narrow(s.h), narrow(s.w), narrow(s.c)};
}

cuda::PoolWindows windows(const nn::AveragePool& op, std::size_t window, std::size_t extent,
                          std::size_t count) {
  const auto narrow = [](std::size_t n) { return static_cast<std::int32_t>(n); };
  return {narrow(window), narrow(op.stride), narrow(op.pad), narrow(extent), narrow(count)};
}

}  // namespace

TEST_CASE("the windows that contain a pixel are those whose pixels include it") {
  for (const std::int32_t window : {1, 2, 3, 5})
    for (const std::int32_t stride : {1, 2, 3, 4})
      for (std::int32_t pad = 0; pad < window; ++pad)
        for (std::int32_t extent = std::max(1, window - 2 * pad); extent < 9; ++extent) {
          const cuda::PoolWindows w{window, stride, pad, extent,
                                    (extent + 2 * pad - window) / stride + 1};
          CAPTURE(window, stride, pad, extent);
          for (std::int32_t i = 0; i < w.count; ++i)
            for (std::int32_t r = 0; r < extent; ++r) {
              const auto pixels = w.pixels(i), found = w.windows(r);
              REQUIRE((pixels.begin <= r && r < pixels.end) == (found.begin <= i && i < found.end));
            }
        }
}

TEMPLATE_TEST_CASE("the pooling kernels match the double operations", "[emulated]", float,
                   Bfloat16) {
  const eigen::Ops<double> ops(1);
  for (const Case& c : cases) {
    CAPTURE(c.op.height, c.op.width, c.op.stride, c.op.pad);
    const nn::Shape out = c.op.output(c.x);
    const bool whole = cuda::rows_are_whole(c.x.c * sizeof(TestType));
    const cuda::PoolWindows down = windows(c.op, c.op.height, c.x.h, out.h),
                            across = windows(c.op, c.op.width, c.x.w, out.w);
    const Activations<TestType> x(c.x, 1), dy(out, 2);
    std::vector<TestType> y = poisoned<TestType>(out.size());
    emulate(cuda::AveragePool<TestType>{image(out), down, across, whole, x.memory.data(), y.data()},
            every_schedule[1]);
    std::vector<double> wanted(out.size());
    ops.average_pool(c.op, x.view(), {wanted.data(), out});
    CHECK(relative_distance(from_channels_last(y, out), wanted) < kernel_tolerance<TestType>);
    for (const bool accumulate : {false, true}) {
      const Target<TestType> target(c.x, accumulate);
      std::vector<TestType> dx = target.memory;
      emulate(
          cuda::AveragePoolGradient<TestType>{
              image(c.x), down, across, whole, dy.memory.data(), {dx.data(), accumulate}},
          every_schedule[2]);
      std::vector<double> gradient = target.before;
      ops.average_pool_backward(c.op, dy.view(), c.x, {gradient.data(), true});
      CHECK(relative_distance(from_channels_last(dx, c.x), gradient) < kernel_tolerance<TestType>);
    }
  }
}

TEMPLATE_TEST_CASE("the max pooling kernel matches the double operation", "[emulated]", float,
                   Bfloat16) {
  const eigen::Ops<double> ops(1);
  for (const Case& c : cases) {
    CAPTURE(c.op.height, c.op.width, c.op.stride, c.op.pad);
    const nn::Shape out = c.op.output(c.x);
    const cuda::PooledImage pooled{image(out), windows(c.op, c.op.height, c.x.h, out.h),
                                   windows(c.op, c.op.width, c.x.w, out.w)};
    const Activations<TestType> x(c.x, 1, -3);
    std::vector<TestType> y = poisoned<TestType>(out.size());
    emulate(cuda::MaxPool<TestType>{pooled, cuda::rows_are_whole(c.x.c * sizeof(TestType)),
                                    x.memory.data(), y.data()},
            every_schedule[1]);
    std::vector<double> wanted(out.size());
    ops.max_pool({c.op}, x.view(), {wanted.data(), out});
    CHECK(from_channels_last(y, out) == wanted);
    const std::vector<TestType> nothing = poisoned<TestType>(c.x.size());
    emulate(cuda::MaxPool<TestType>{pooled, cuda::rows_are_whole(c.x.c * sizeof(TestType)),
                                    nothing.data(), y.data()});
    for (const double value : from_channels_last(y, out)) CHECK(std::isnan(value));
  }
}
