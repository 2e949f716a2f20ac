// SPDX-License-Identifier: MIT
#include "kernels/resize_axis.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include <scoresde/resize.hpp>

#include "support/catch.hpp"
#include "support/channels_last.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;
using namespace scoresde::test;
using scoresde::cuda::Bfloat16;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;

TEMPLATE_TEST_CASE("the resizing kernel has the values of the windows of each line", "[emulated]",
                   float, Bfloat16) {
  constexpr std::uint32_t outer = 3, inner = 5;
  for (const ResizeRule rule :
       {ResizeRule::tf1_bilinear, ResizeRule::grid_sample, ResizeRule::half_pixel_bilinear,
        ResizeRule::pil_bicubic, ResizeRule::pil_lanczos})
    for (const auto& [inputs, outputs] : {std::pair{9u, 31u}, {31u, 9u}, {1u, 4u}, {6u, 6u}}) {
      CAPTURE(static_cast<int>(rule), inputs, outputs);
      const Activations<TestType> x({1, outer, inputs, inner}, 3);
      const auto& exact = x.exact;  // (outer, inputs, inner)
      std::vector<TestType> in(exact.size());
      std::transform(exact.begin(), exact.end(), in.begin(),
                     [](double v) { return cuda::from_float<TestType>(static_cast<float>(v)); });
      const std::size_t count = std::size_t{outer} * outputs * inner;
      std::vector<TestType> y = poisoned<TestType>(count);
      emulate(cuda::ResizeAxis<TestType, TestType>{rule, outer, inputs, outputs, inner, -0.75f,
                                                   0.5f, in.data(), y.data()},
              every_schedule[1]);
      for (std::size_t o = 0; o < outer; ++o)
        for (std::size_t j = 0; j < outputs; ++j)
          for (std::size_t i = 0; i < inner; ++i) {
            const ResizeWindow<float> window(rule, inputs, outputs, j);
            const float wanted = window([&](std::size_t k) {
              return static_cast<float>(exact[(o * inputs + k) * inner + i]);
            });
            CHECK(cuda::to_float(y[(o * outputs + j) * inner + i]) ==
                  cuda::to_float(cuda::from_float<TestType>(std::clamp(wanted, -0.75f, 0.5f))));
          }
    }
}
