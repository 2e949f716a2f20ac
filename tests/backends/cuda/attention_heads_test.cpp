// SPDX-License-Identifier: MIT
#include "kernels/attention_heads.hpp"

#include "support/catch.hpp"
#include "support/channels_last.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;
using namespace scoresde::test;
using scoresde::cuda::Bfloat16;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;

TEMPLATE_TEST_CASE("splitting heads makes each head a sample, and joining inverts it", "[emulated]",
                   float, Bfloat16) {
  struct Case {
    nn::Shape shape;
    std::size_t heads;
  };
  for (const auto& [s, heads] :
       {Case{{2, 32, 3, 5}, 4}, Case{{3, 6, 2, 2}, 2}, Case{{1, 5, 4, 1}, 5}}) {
    const nn::Shape of_heads = nn::Attention{heads}.of_heads(s);
    const Activations<TestType> x(s, 1);
    const bool whole = cuda::rows_are_whole(of_heads.c * sizeof(TestType));
    const cuda::HeadRows rows{std::uint32_t(s.n), std::uint32_t(s.pixels()), std::uint32_t(heads),
                              std::uint32_t(of_heads.c)};
    std::vector<TestType> apart = poisoned<TestType>(s.size());
    emulate(cuda::SplitHeads<TestType>{rows, whole, x.memory.data(), apart.data()},
            every_schedule[1]);
    // In NCHW layout (n, c, pixels) and (n·heads, c/heads, pixels) are the same memory.
    CHECK(from_channels_last(apart, of_heads) == x.exact);
    for (const bool accumulate : {false, true}) {
      const Target<TestType> target(s, accumulate);
      std::vector<TestType> together = target.memory;
      emulate(cuda::JoinHeads<TestType>{rows, whole, apart.data(), {together.data(), accumulate}},
              every_schedule[2]);
      std::vector<double> wanted = target.before;
      for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] += x.exact[i];
      CHECK(relative_distance(from_channels_last(together, s), wanted) <
            kernel_tolerance<TestType>);
    }
  }
}
