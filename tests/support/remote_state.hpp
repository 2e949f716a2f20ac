// SPDX-License-Identifier: MIT
/// A state that stands for memory of a device: its backend has no transform, and its elements are
/// copied as a whole.
#pragma once

#include <algorithm>
#include <span>

#include <scoresde/state/backend.hpp>
#include <scoresde/state/contiguous_backend.hpp>
#include <scoresde/state/host_state.hpp>

namespace scoresde::test {

struct RemoteState : HostState<double> {
  using HostState::HostState;
  using Scalar = double;

  void write(std::span<const double> values) { std::copy(values.begin(), values.end(), data()); }
  void read(std::span<double> values) const { std::copy(data(), data() + size(), values.begin()); }
};

struct RemoteLayout {
  using State = RemoteState;
  using Scalar = double;
  static Extents extents(const State& x) { return x.extents(); }
  static State make_like(const State& x) { return State(x.extents()); }
};

class RemoteBackend : ContiguousBackend<RemoteLayout> {
  using Base = ContiguousBackend<RemoteLayout>;

 public:
  using Base::assign, Base::extents, Base::inner, Base::make_like, Base::norms, Base::scaled_rms;
  using State = RemoteState;
};

}  // namespace scoresde::test

template <>
struct scoresde::backend_of<scoresde::test::RemoteState> {
  static test::RemoteBackend of(const test::RemoteState&) { return {}; }
};
