// SPDX-License-Identifier: MIT
#include "kernels/channel_sums.hpp"

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

const std::vector<nn::Shape> shapes = {{3, 16, 5, 7}, {1, 5, 9, 3},  {4, 24, 1, 1},
                                       {2, 64, 6, 6}, {40, 3, 2, 2}, {2, 8, 11, 13}};

template <class T>
struct Sums {
  std::vector<float> bias;
  std::vector<T> channel_bias;
  bool operator==(const Sums&) const = default;
};

template <class T>
Sums<T> run(const Activations<T>& dy, const std::vector<float>& bias, const Target<T>& target,
            std::size_t chunk, const testing::Schedule& schedule) {
  Sums<T> out{bias, target.memory};
  const cuda::ChannelTiles tiles =
      cuda::channel_sum_tiles<T>(dy.shape.n, dy.shape.pixels(), dy.shape.c, chunk);
  std::vector<float> rows = not_a_number<float>(tiles.samples * tiles.chunks() * tiles.channels);
  const bool whole = cuda::rows_are_whole(dy.shape.c * sizeof(T));
  emulate(cuda::ChannelSums<T>{tiles, whole, dy.memory.data(), rows.data()}, schedule);
  emulate(
      cuda::ReduceRows<float>{
          rows.data(), 1, tiles.samples * tiles.chunks(), tiles.channels, {out.bias.data(), true}},
      schedule);
  emulate(cuda::ReduceRows<T>{rows.data(),
                              tiles.samples,
                              tiles.chunks(),
                              tiles.channels,
                              {out.channel_bias.data(), target.accumulate}},
          schedule);
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("bias gradient kernels match the double operation", "[emulated]", float,
                   Bfloat16) {
  for (const nn::Shape& shape : shapes)
    for (const std::size_t chunk : {cuda::channel_sum_chunk, std::size_t{10}})
      for (const bool accumulate : {false, true}) {
        CAPTURE(shape.n, shape.c, shape.h, shape.w, chunk, accumulate);
        const Activations<TestType> dy(shape, 1);
        const auto before = random_values<float>(shape.c, 2);
        const Target<TestType> target({shape.n, shape.c}, accumulate);
        const nn::Convolution pointwise{.in_channels = 1, .out_channels = shape.c, .kernel = 1};
        const nn::View<const double> no_input{nullptr, {shape.n, 1, shape.h, shape.w}};
        std::vector<double> bias(before.begin(), before.end()), channel_bias = target.before,
                                                                scratch(shape.n * shape.c);
        eigen::Ops<double>(1).convolution_backward(
            pointwise, no_input, {}, dy.view(),
            {.bias = bias.data(), .channel_bias = {channel_bias.data(), true}}, scratch);
        const auto found = run(dy, before, target, chunk, every_schedule[0]);
        CHECK(relative_distance(found.bias, bias) < 1e-5);
        CHECK(relative_distance(from_channels_last(found.channel_bias, {shape.n, shape.c}),
                                channel_bias) < kernel_tolerance<TestType>);
        for (const auto& schedule : {every_schedule[1], every_schedule[2]})
          CHECK(run(dy, before, target, chunk, schedule) == found);
      }
}
