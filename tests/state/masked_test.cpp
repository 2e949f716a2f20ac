// SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstring>
#include <vector>

#include <scoresde/noise/noise.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/state/masked.hpp>

#include "support/catch.hpp"

using namespace scoresde;

TEMPLATE_TEST_CASE("a masked update rounds as assign does and leaves other elements unchanged", "",
                   float, double) {
  using State = HostState<TestType>;
  const Extents shape{3, 7};
  State x(shape), z(shape), before(shape), mask(shape);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x.data()[i] = static_cast<TestType>(0.1 * double(i) - 1);
    z.data()[i] = static_cast<TestType>(1.0 / (1 + double(i)));
    before.data()[i] = static_cast<TestType>(i);
    mask.data()[i] = static_cast<TestType>(i % 3 == 1 ? -2 : 0);
  }
  const auto check = [&](const State& found, const State& everywhere) {
    for (std::size_t i = 0; i < found.size(); ++i) {
      const State& wanted = i % 3 == 1 ? everywhere : before;
      CHECK(std::memcmp(&found.data()[i], &wanted.data()[i], sizeof(TestType)) == 0);
    }
  };
  const NoiseDraw draw = Noise{.seed = 3, .first_sample = 2}.draw(5);
  State found = before, everywhere(shape);
  assign(everywhere, {{0.3, x}}, NoiseTerm{0.7, draw});
  assign_where(found, mask, {0.3, x}, NoiseTerm{0.7, draw});
  check(found, everywhere);
  found = before;
  assign(everywhere, {{0.7, z}, {0.3, x}});
  assign_where(found, mask, {0.3, x}, {0.7, z});
  check(found, everywhere);
  found = before;
  x.data()[1] = TestType(-0.0);
  assign_where(found, mask, {1, x});
  check(found, x);
}
