// SPDX-License-Identifier: MIT
#include <span>

#include <scoresde/ode/ode_integrator.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/state/output_parameter.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

using X = HostState<double>;
using Times = std::span<const double>;

struct ByReference {
  void operator()(const X&, double, X&) const {}
  void operator()(const X&, Times, X&) const {}
};
struct TimesByValue {
  void operator()(const X&, double, X&) const {}
  void operator()(const X&, Times, X) const {}
};

struct Good {
  void evaluate(const X&, double, X&) {}
  void evaluate(const X&, Times, X&) {}
  void vjp(const X&, double, const X&, X&) {}
  ScoreForm score_form(double) const { return {}; }
  FieldForm form(double) const { return {}; }
};
struct TimesIntoACopy {
  void evaluate(const X&, double, X&) {}
  void evaluate(const X&, Times, X) {}
  ScoreForm score_form(double) const { return {}; }
  FieldForm form(double) const { return {}; }
};
struct VjpIntoACopy {
  void evaluate(const X&, double, X&) {}
  void vjp(const X&, double, const X&, X) {}
  ScoreForm score_form(double) const { return {}; }
};

}  // namespace

TEST_CASE("an output by value is found in each overload of a function") {
  STATIC_REQUIRE_FALSE(copies_output<ByReference, X, const X&, double>());
  STATIC_REQUIRE_FALSE(copies_output<ByReference, X, const X&, Times>());
  STATIC_REQUIRE_FALSE(copies_output<TimesByValue, X, const X&, double>());
  STATIC_REQUIRE(copies_output<TimesByValue, X, const X&, Times>());
  const auto scaled = [](const X&, double, double, X) {};
  STATIC_REQUIRE(copies_output<decltype(scaled), X, const X&, double, double>());
}

TEST_CASE("a model or field that writes any of its outputs to a copy is none") {
  STATIC_REQUIRE(PerSampleScoreModel<Good, X>);
  STATIC_REQUIRE(DifferentiableScoreModel<Good, X>);
  STATIC_REQUIRE(PerSampleLinearField<Good, X>);
  STATIC_REQUIRE_FALSE(ScoreModel<TimesIntoACopy, X>);
  STATIC_REQUIRE_FALSE(LinearField<TimesIntoACopy, X>);
  STATIC_REQUIRE(ScoreModel<VjpIntoACopy, X>);
  STATIC_REQUIRE_FALSE(DifferentiableScoreModel<VjpIntoACopy, X>);
}
