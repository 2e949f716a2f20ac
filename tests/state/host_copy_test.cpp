// SPDX-License-Identifier: MIT
#include <algorithm>
#include <vector>

#include <scoresde/state/elementwise.hpp>
#include <scoresde/state/host_copy.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"
#include "support/remote_state.hpp"

using namespace scoresde;
using test::RemoteState;

static_assert(HostCopyableState<RemoteState> && !ElementwiseState<RemoteState>);
static_assert(!HostCopyableState<HostState<double>>);

TEST_CASE("a host copy has the elements of a state in other memory") {
  RemoteState x({2, 3});
  const std::vector<double> values{1, -2, 3, 0.5, 4, 6};
  x.write(values);
  const HostState<double> copy = host_copy(x);
  CHECK(copy.extents() == Extents{2, 3});
  CHECK(std::equal(values.begin(), values.end(), copy.data()));
}
