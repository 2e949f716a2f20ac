// SPDX-License-Identifier: MIT
#include "kernels/embedding.hpp"

#include <scoresde/eigen/ops.hpp>

#include "support/catch.hpp"
#include "support/channels_last.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;
using namespace scoresde::test;
using scoresde::cuda::Bfloat16;
using scoresde::cuda::EmbeddingRows;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;

TEMPLATE_TEST_CASE("label embedding kernels match the double operations", "[emulated]", float,
                   Bfloat16) {
  const eigen::Ops<double> ops(1);
  const std::vector<double> labels{0, 0.25, 999, 1234.5678, 1e-5, 50, 378, 0.01};
  const std::vector<double> sigmas{50, 0.01, 1, 378, 1e-3, 0.5, 80, 2};
  const nn::PositionalEmbedding waves =
      GENERATE(nn::PositionalEmbedding{}, nn::PositionalEmbedding{true, 0});
  for (const std::size_t width : {128u, 2u, 7u, 300u, 1u}) {
    CAPTURE(width, waves.cosines_first);
    const nn::Shape shape{labels.size(), width};
    const EmbeddingRows rows{static_cast<std::uint32_t>(shape.n), std::uint32_t(width)};
    std::vector<double> expected(shape.size());
    ops.positional_embedding(waves, labels, {expected.data(), shape});
    std::vector<TestType> y = poisoned<TestType>(shape.size());
    emulate(cuda::PositionalEmbedding<TestType>::of(rows, waves, labels.data(), y.data()),
            every_schedule[1]);
    CHECK(relative_distance(from_channels_last(y, shape), expected) < kernel_tolerance<TestType>);
    if (width % 2 != 0) continue;
    const auto frequencies = random_values<float>(width / 2, 5);
    std::vector<double> wide(frequencies.begin(), frequencies.end());
    for (double& w : wide) w = 16 * double(float(w));
    std::vector<float> given(wide.begin(), wide.end());
    ops.fourier_embedding(sigmas, wide.data(), {expected.data(), shape});
    y = poisoned<TestType>(shape.size());
    emulate(cuda::FourierEmbedding<TestType>{rows, sigmas.data(), given.data(), y.data()},
            every_schedule[2]);
    CHECK(relative_distance(from_channels_last(y, shape), expected) < kernel_tolerance<TestType>);
  }
}

TEMPLATE_TEST_CASE("class embedding kernels match the double operations", "[emulated]", float,
                   Bfloat16) {
  const eigen::Ops<double> ops(1);
  const std::vector<std::uint32_t> classes{3, 0, nn::no_class, 3, 9, 3, nn::no_class, 0};
  for (const std::size_t width : {150u, 4u, 1u}) {
    CAPTURE(width);
    const nn::Shape shape{classes.size(), width};
    const EmbeddingRows rows{static_cast<std::uint32_t>(shape.n), std::uint32_t(width)};
    const auto table = random_values<float>(10 * width, 1);
    const auto wide = converted<double>(table);
    std::vector<double> expected(shape.size()), dtable = wide;
    ops.class_embedding(classes, wide.data(), {expected.data(), shape});
    std::vector<TestType> y = poisoned<TestType>(shape.size());
    emulate(cuda::ClassEmbedding<TestType>{rows, classes.data(), table.data(), y.data()},
            every_schedule[1]);
    CHECK(relative_distance(from_channels_last(y, shape), expected) < kernel_tolerance<TestType>);
    const Activations<TestType> dy(shape, 2);
    ops.class_embedding_backward(classes, dy.view(), dtable.data());
    std::vector<float> first;
    for (const auto& schedule : every_schedule) {
      std::vector<float> found = table;
      emulate(cuda::ClassEmbeddingGradient<TestType>{rows, classes.data(), dy.memory.data(),
                                                     found.data()},
              schedule);
      CHECK(relative_distance(found, dtable) < 1e-5);
      if (first.empty()) first = found;
      CHECK(found == first);
    }
  }
}
