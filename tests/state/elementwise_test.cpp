// SPDX-License-Identifier: MIT
#include <scoresde/state/elementwise.hpp>
#include <scoresde/state/host_state.hpp>

#include "points.hpp"
#include "support/catch.hpp"

using namespace scoresde;

namespace {

/// A transform for a single function type.
struct Clamp {
  double operator()(ElementIndex, double x) const { return x < 0 ? 0 : x; }
};
struct OnlyClamp : HostBackend<double> {
  void transform(State& out, Clamp f, const State& x) const { HostBackend::transform(out, f, x); }
};

}  // namespace

TEST_CASE("a backend is elementwise if it applies any function to states and draws") {
  STATIC_REQUIRE(ElementwiseBackend<HostBackend<float>>);
  STATIC_REQUIRE(QuantileBackend<HostBackend<float>>);
  STATIC_REQUIRE(Backend<OnlyClamp>);
  STATIC_REQUIRE_FALSE(ElementwiseBackend<OnlyClamp>);
  STATIC_REQUIRE(QuantileBackend<OnlyClamp>);
}

TEST_CASE("a backend without the refinements is still a backend") {
  STATIC_REQUIRE(State<Points>);
  STATIC_REQUIRE_FALSE(ElementwiseState<Points>);
  STATIC_REQUIRE_FALSE(QuantileState<Points>);
  STATIC_REQUIRE_FALSE(ElementwiseState<std::vector<double>>);
}
