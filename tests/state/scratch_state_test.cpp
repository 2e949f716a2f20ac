// SPDX-License-Identifier: MIT
#include <utility>

#include <scoresde/state/host_state.hpp>
#include <scoresde/state/scratch_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;

TEST_CASE("scratch is allocated once per type and shape") {
  ScratchState scratch;
  const HostState<double> x({2, 3}), other({4, 3});
  const HostState<float> narrow({2, 3});
  HostState<double>& first = scratch.like(x);
  CHECK(first.extents() == Extents{2, 3});
  first(1, 2) = 7;
  CHECK(&scratch.like(x) == &first);
  CHECK(scratch.like(x)(1, 2) == 7);
  CHECK(scratch.like(other).extents() == Extents{4, 3});
  HostState<float>& changed = scratch.like(narrow);
  CHECK(changed.extents() == Extents{2, 3});
  changed(1, 2) = 3;
  CHECK(scratch.like(narrow)(1, 2) == 3);
  CHECK(scratch.like(x)(1, 2) == 0);
}

TEST_CASE("a copy does not share scratch, and a move transfers it") {
  ScratchState scratch;
  const HostState<double> x({1, 1});
  HostState<double>* const held = &scratch.like(x);
  ScratchState copy(scratch);
  CHECK(&copy.like(x) != held);
  ScratchState moved(std::move(scratch));
  CHECK(&moved.like(x) == held);
  copy = moved;
  CHECK(&copy.like(x) != held);
  CHECK(&moved.like(x) == held);
}
