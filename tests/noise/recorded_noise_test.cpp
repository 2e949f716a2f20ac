// SPDX-License-Identifier: MIT
#include <span>
#include <vector>

#include <scoresde/noise/noise_source.hpp>
#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

static_assert(NoiseSource<Noise, X> && NoiseSource<RecordedNoise<X>, X>);
static_assert(!NoiseSource<int, X>);

TEST_CASE("a draw that was not recorded is rejected with its index") {
  const std::vector<X> draws(3, X({1, 1}));
  const RecordedNoise<X> noise{std::span<const X>(draws)};
  CHECK(&noise.draw(2) == &draws[2]);
  CHECK_THROWS_WITH(noise.draw(3), Catch::Matchers::Contains("draw 3"));
}
