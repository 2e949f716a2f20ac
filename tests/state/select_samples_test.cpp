// SPDX-License-Identifier: MIT
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/state/host_state.hpp>
#include <scoresde/state/select_samples.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

TEST_CASE("samples are selected in any order and number") {
  const HostState<float> x({3, 2}, {1, 2, 3, 4, 5, 6});
  const std::vector<std::uint32_t> rows{2, 0, 2, 1};
  HostState<float> out({4, 2});
  select_samples(out, x, std::span<const std::uint32_t>(rows));
  const std::vector<float> wanted{5, 6, 1, 2, 5, 6, 3, 4};
  CHECK(std::equal(wanted.begin(), wanted.end(), out.data()));
}

TEST_CASE("a selection rejects rows that do not exist and states of another shape") {
  const HostState<float> x({3, 2});
  HostState<float> out({2, 2}), wide({2, 3});
  const std::vector<std::uint32_t> beyond{0, 3}, one{0}, two{0, 1};
  CHECK_THROWS_WITH(select_samples(out, x, std::span<const std::uint32_t>(beyond)),
                    Contains("a row is 3; it must be below 3"));
  CHECK_THROWS_WITH(select_samples(out, x, std::span<const std::uint32_t>(one)),
                    Contains("1 rows of dimension 2 for 2 samples"));
  CHECK_THROWS_WITH(select_samples(wide, x, std::span<const std::uint32_t>(two)),
                    Contains("of dimension 3"));
}
