// SPDX-License-Identifier: MIT
#include "kernels/concatenation.hpp"

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
  nn::Shape first;
  std::size_t second;
};
const std::vector<Case> cases = {
    {{2, 16, 5, 3}, 24}, {{1, 8, 3, 3}, 3}, {{3, 5, 4, 1}, 6}, {{2, 1, 7, 7}, 8}};

template <class T>
cuda::JoinedRows rows(const Case& c) {
  return {static_cast<std::uint32_t>(c.first.n), static_cast<std::uint32_t>(c.first.pixels()),
          static_cast<std::uint32_t>(c.first.c), static_cast<std::uint32_t>(c.second)};
}
template <class T>
bool whole(const Case& c) {
  return cuda::rows_are_whole(c.first.c * sizeof(T)) && cuda::rows_are_whole(c.second * sizeof(T));
}

}  // namespace

TEMPLATE_TEST_CASE("concatenation and split kernels match the double operations", "[emulated]",
                   float, Bfloat16) {
  const eigen::Ops<double> ops(1);
  for (const Case& c : cases) {
    CAPTURE(c.first.n, c.first.c, c.second);
    nn::Shape second = c.first, epilogue = c.first;
    second.c = c.second;
    epilogue.c += c.second;
    const Activations<TestType> a(c.first, 1), b(second, 2), dy(epilogue, 3);
    std::vector<double> expected(epilogue.size());
    ops.concatenate(a.view(), b.view(), {expected.data(), epilogue});
    std::vector<TestType> y = poisoned<TestType>(epilogue.size());
    emulate(cuda::Concatenate<TestType>{rows<TestType>(c), whole<TestType>(c), a.memory.data(),
                                        b.memory.data(), y.data()},
            every_schedule[1]);
    CHECK(from_channels_last(y, epilogue) == expected);
    for (const bool accumulate : {false, true}) {
      const Target<TestType> to_a(c.first, accumulate), to_b(second, !accumulate);
      std::vector<double> da(to_a.before), db(to_b.before);
      ops.concatenate_backward(dy.view(), c.first.c, {da.data(), true}, {db.data(), true});
      std::vector<TestType> found_a = to_a.memory, found_b = to_b.memory;
      cuda::Split<TestType> kernel{rows<TestType>(c),
                                   whole<TestType>(c),
                                   dy.memory.data(),
                                   {found_a.data(), accumulate},
                                   {found_b.data(), !accumulate}};
      emulate(kernel, every_schedule[2]);
      CHECK(relative_distance(from_channels_last(found_a, c.first), da) <
            kernel_tolerance<TestType>);
      CHECK(relative_distance(from_channels_last(found_b, second), db) <
            kernel_tolerance<TestType>);
      found_b = to_b.memory;
      kernel.da = {};
      emulate(kernel);
      CHECK(relative_distance(from_channels_last(found_b, second), db) <
            kernel_tolerance<TestType>);
    }
  }
}
