// SPDX-License-Identifier: MIT
/// Workspaces: states like x and rows of per-sample doubles.
#include <scoresde/state/host_state.hpp>
#include <scoresde/state/workspace.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<float>;

TEST_CASE("a workspace has states of the shape of x that share no memory") {
  X x({3, 5});
  Workspace<X, 4> work(x);
  CHECK(work.shape() == Extents{3, 5});
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(work[i].extents() == x.extents());
    CHECK(work[i].data() != x.data());
    if (i > 0) CHECK(work[i].data() != work[i - 1].data());
  }
}

TEST_CASE("rows hold one double per sample and do not overlap") {
  X x({3, 5});
  Workspace<X, 2> work(x);
  STATIC_REQUIRE(Workspace<X, 2>::rows == 11);
  for (std::size_t i = 0; i < work.rows; ++i) {
    REQUIRE(work.row(i).size() == 3);
    for (double& value : work.row(i)) value = static_cast<double>(i);
  }
  for (std::size_t i = 0; i < work.rows; ++i)
    for (const double value : work.row(i)) CHECK(value == static_cast<double>(i));
}
