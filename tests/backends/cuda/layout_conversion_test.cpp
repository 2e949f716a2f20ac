// SPDX-License-Identifier: MIT
#include "kernels/layout_conversion.hpp"

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
  nn::Shape shape;
  std::size_t padded;
};
const std::vector<Case> cases = {{{2, 3, 5, 7}, 8},
                                 {{3, 3, 4, 4}, 3},
                                 {{1, 1, 9, 2}, 8},
                                 {{2, 17, 3, 3}, 24},
                                 {{2, 8, 6, 6}, 8}};

cuda::LayoutConversion door(const Case& c) {
  return {static_cast<std::uint32_t>(c.shape.n), static_cast<std::uint32_t>(c.shape.pixels()),
          static_cast<std::uint32_t>(c.shape.c), static_cast<std::uint32_t>(c.padded)};
}

}  // namespace

TEMPLATE_TEST_CASE("layout conversion pads channels with zeros and removes the padding",
                   "[emulated]", float, Bfloat16) {
  for (const Case& c : cases)
    for (const bool scaled : {false, true}) {
      CAPTURE(c.shape.n, c.shape.c, c.padded, scaled);
      const nn::Shape padded{c.shape.n, c.padded, c.shape.h, c.shape.w};
      const auto x = random_values<float>(c.shape.size(), 1);
      const auto factors = random_values<double>(c.shape.n, 2);
      const double* const given = scaled ? factors.data() : nullptr;
      const bool whole = cuda::rows_are_whole(c.padded * sizeof(TestType));
      std::vector<TestType> inside = poisoned<TestType>(padded.size());
      emulate(cuda::NchwToNhwc<TestType>{door(c), whole, given, x.data(), inside.data()},
              every_schedule[1]);
      const std::size_t dim = c.shape.size() / c.shape.n, width = padded.size() / padded.n;
      const auto found = from_channels_last(inside, padded);
      for (std::size_t i = 0; i < found.size(); ++i) {
        const std::size_t n = i / width, e = i % width;
        const float factor = scaled ? static_cast<float>(factors[n]) : 1.0f;
        const float value = e < dim ? factor * x[n * dim + e] : 0.0f;
        CHECK(found[i] == double(cuda::to_float(cuda::from_float<TestType>(value))));
      }
      for (const bool accumulate : {false, true}) {
        const std::vector<float> before =
            accumulate ? random_values<float>(x.size(), 3) : not_a_number<float>(x.size());
        std::vector<float> outside = before;
        emulate(
            cuda::NhwcToNchw<TestType>{
                door(c), whole, given, inside.data(), {outside.data(), accumulate}},
            every_schedule[2]);
        for (std::size_t i = 0; i < outside.size(); ++i) {
          const std::size_t n = i / dim, e = i % dim;
          const double value = found[n * width + e] * (scaled ? factors[n] : 1.0);
          CHECK(outside[i] ==
                Approx(value + (accumulate ? double(before[i]) : 0.0)).epsilon(1e-6).margin(1e-6));
        }
      }
    }
}
