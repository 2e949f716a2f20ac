// SPDX-License-Identifier: MIT
#include "kernels/fir_filter.hpp"

#include <initializer_list>

#include <scoresde/eigen/ops.hpp>

#include "support/catch.hpp"
#include "support/channels_last.hpp"
#include "support/cuda_emulation.hpp"
#include "support/fir_filter.hpp"

using namespace scoresde;
using namespace scoresde::test;
using scoresde::cuda::Bfloat16;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;

namespace {

/// The network's filters, cropping, factors of three, and filters of one and twelve taps.
const std::vector<FirCase> cases = {
    {filter({0.25, 0.75, 0.75, 0.25}, 2, 1, 2, 1), {2, 16, 4, 6}},
    {filter({0.125, 0.375, 0.375, 0.125}, 1, 2, 1, 1), {2, 8, 8, 6}},
    {filter({0.125, 0.375, 0.375, 0.125}, 1, 1, 2, 2), {1, 12, 6, 4}},
    {filter({1, 3, 3, 1}, 2, 1, 3, 2), {1, 5, 4, 4}},
    {filter({1, -2, 0.5, 4, 3}, 2, 1, 3, 1), {1, 3, 3, 5}},
    {filter({1, -2, 0.5, 4, 3}, 1, 2, 2, 1), {3, 4, 7, 9}},
    {filter({2, 1}, 1, 2, 0, 0), {2, 1, 6, 5}},
    {filter({1, 2, -1}, 1, 1, -2, -1), {1, 8, 9, 8}},
    {filter({1, 2, -1}, 2, 1, -3, 2), {2, 7, 5, 6}},
    {filter({1, 2, -1, 7}, 3, 2, 2, 3), {2, 2, 3, 4}},
    {filter({0.7}, 1, 3, 0, 0), {1, 16, 7, 8}},
    {filter({1, 2, 3, 4, 5, 6, -6, -5, 4, 3, 2, 1}, 2, 1, 6, 5), {1, 8, 6, 7}},
    {filter({1, 2, 3, 4, 5, 6, -6, -5, 4, 3, 2, 1}, 1, 2, 5, 5), {1, 3, 8, 6}},
};

/// y ← or += filtered x, with y of the given shape.
template <class T>
std::vector<double> run(const nn::Fir& op, const Activations<T>& x, const nn::Shape& y,
                        const Target<T>& target) {
  const auto narrow = [](std::size_t n) { return static_cast<std::uint32_t>(n); };
  std::vector<T> out = target.memory;
  emulate(cuda::FirFilter<T>{{narrow(y.n), narrow(y.h), narrow(y.w), narrow(y.c)},
                             static_cast<std::int32_t>(x.shape.h),
                             static_cast<std::int32_t>(x.shape.w),
                             cuda::rows_are_whole(y.c * sizeof(T)),
                             cuda::FirTaps(op),
                             x.memory.data(),
                             {out.data(), target.accumulate}},
          every_schedule[1]);
  return from_channels_last(out, y);
}

}  // namespace

TEMPLATE_TEST_CASE("the FIR filter kernel and its gradient match the double operation",
                   "[emulated]", float, Bfloat16) {
  const eigen::Ops<double> ops(1);
  for (const FirCase& c : cases) {
    CAPTURE(c.op.count, c.op.up, c.op.down, c.op.pad_before, c.op.pad_after);
    const nn::Shape out = c.op.output(c.x);
    std::vector<double> y(out.size()), scratch(ops.fir_scratch(c.op, c.x, out));
    const Activations<TestType> x(c.x, 1), dy(out, 2);
    ops.fir(c.op, x.view(), {y.data(), out}, scratch);
    CHECK(relative_distance(run(c.op, x, out, Target<TestType>(out, false)), y) <
          kernel_tolerance<TestType>);
    for (const bool accumulate : {false, true}) {
      const Target<TestType> target(c.x, accumulate);
      std::vector<double> dx = target.before, fresh(c.x.size());
      ops.fir_backward(c.op, dy.view(), c.x, {fresh.data(), false}, scratch);
      for (std::size_t i = 0; i < dx.size(); ++i) dx[i] += fresh[i];
      CHECK(relative_distance(run(c.op.adjoint(), dy, c.x, target), dx) <
            kernel_tolerance<TestType>);
    }
  }
}
