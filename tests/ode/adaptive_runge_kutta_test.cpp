// SPDX-License-Identifier: MIT
/// Adaptive steps: agreement with scipy, batch-independent per-sample control, and errors.
#include <cmath>
#include <limits>
#include <vector>

#include <scoresde/ode/adaptive_runge_kutta.hpp>
#include <scoresde/ode/detail/per_sample_solve.hpp>
#include <scoresde/ode/detail/whole_batch_solve.hpp>
#include <scoresde/ode/explicit_runge_kutta.hpp>
#include <scoresde/ode/step_size_controller.hpp>
#include <scoresde/state/host_state.hpp>

#include "ode/scipy_rk45_table.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using X = HostState<double>;
using Adaptive = AdaptiveRungeKutta<DormandPrince54>;

namespace {

/// The field of the table: F(x, t) = sin(3x) + (e + 1) cos(k t).
struct Oscillating {
  double frequency;
  std::size_t calls = 0;

  FieldForm form(double t) const { return {-t, 1 + t / 2}; }
  double element(double x, double e, double t) const {
    return std::sin(3 * x) + (e + 1) * std::cos(frequency * t);
  }
  void evaluate(const X& x, double t, X& out) {
    ++calls;
    for (std::size_t i = 0; i < x.size(); ++i)
      out.data()[i] = element(x.data()[i], static_cast<double>(i), t);
  }
};

/// A field whose samples vary at different rates.
struct PerSample {
  FieldForm form(double t) const { return {-0.3 * t, 1}; }
  static double value(double x, double t) { return std::sin(x * 4) * std::cos(9 * t * x); }
  void evaluate(const X& x, double t, X& out) const {
    for (std::size_t i = 0; i < x.size(); ++i) out.data()[i] = value(x.data()[i], t);
  }
  void evaluate(const X& x, std::span<const double> times, X& out) const {
    for (std::size_t k = 0; k < times.size(); ++k)
      for (std::size_t e = 0; e < x.extents().dim; ++e) out(k, e) = value(x(k, e), times[k]);
  }
};

/// dx/dt = F with F given by a function.
template <class F>
struct Field {
  F function;
  FieldForm form(double) const { return {0, 1}; }
  void evaluate(const X& x, double t, X& out) const {
    for (std::size_t i = 0; i < x.size(); ++i) out.data()[i] = function(x.data()[i], t);
  }
  void evaluate(const X& x, std::span<const double> times, X& out) const {
    evaluate(x, times[0], out);
  }
};
template <class F>
Field(F) -> Field<F>;

/// The times of a solve, and its number of non-finite attempts.
struct Trials {
  std::vector<double> times;
  std::size_t not_finite = 0;
  void operator()(TimeStep step, std::size_t, const X&) { times.push_back(step.t_next); }
  void on_attempt(const StepAttempts& tried, const X&) {
    for (std::size_t k = 0; k < tried.error.size(); ++k) {
      if (std::isfinite(tried.error[k])) continue;
      ++not_finite;
      CHECK(tried.accepted[k] == 0);
    }
  }
};

TimeGrid span_of(double start, double end) { return TimeGrid(std::vector<TimeStep>{{start, end}}); }

template <class F>
OdeStatistics solve(const Adaptive& rule, F&& field, X& x, double start, double end) {
  Workspace<X, Adaptive::buffers> work(x);
  return rule.solve(field, x, span_of(start, end), work, NoListener{});
}

X start_values(std::size_t samples) {
  X x({samples, 2});
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = std::cos(1.3 * double(i)) * 1.5;
  return x;
}

}  // namespace

static_assert(OdeIntegrator<Adaptive, Oscillating, X>);
static_assert(OdeIntegrator<ExplicitRungeKutta<Heun>, Oscillating, X>);

TEST_CASE("whole-batch control takes the steps of scipy's RK45") {
  for (const ScipyCase& wanted : scipy_cases) {
    X x({2, 3});
    for (std::size_t i = 0; i < 6; ++i) x.data()[i] = std::cos(static_cast<double>(i));
    Oscillating field{wanted.frequency};
    std::vector<double> times;
    Workspace<X, Adaptive::buffers> work(x);
    const Adaptive rule = scipy_rk45(wanted.rtol, wanted.atol);
    const OdeStatistics done =
        rule.solve(field, x, span_of(wanted.start, wanted.end), work,
                   [&](TimeStep step, std::size_t, const X&) { times.push_back(step.t_next); });
    INFO("from " << wanted.start << " to " << wanted.end << ", atol " << wanted.atol);
    CHECK(done.nfe == static_cast<std::size_t>(wanted.nfe));
    CHECK(field.calls == done.nfe);
    CHECK(done.accepted == wanted.times.size());
    CHECK(done.nfe == 2 + 6 * (done.accepted + done.rejected));
    REQUIRE(times.size() == wanted.times.size());
    // Step sizes depend on the fifth root of an error estimate that is a difference of nearly equal
    // numbers: rounding of 1e-16 in x becomes 1e-16/tolerance in the step sizes.
    for (std::size_t i = 0; i < times.size(); ++i)
      CHECK(times[i] == Approx(wanted.times[i]).epsilon(1e-7).margin(1e-7));
    for (std::size_t i = 0; i < 6; ++i)
      CHECK(x.data()[i] == Approx(wanted.x[i]).epsilon(1e-9).margin(1e-9));
  }
}

TEST_CASE("per-sample control is bit-identical for a sample in every batch") {
  const Adaptive rule{.rtol = 1e-6, .atol = 1e-6, .scope = Scope::per_sample};
  X batch = start_values(7);
  const X first = batch;
  const OdeStatistics together = solve(rule, PerSample{}, batch, 0.1, 2);
  std::size_t accepted = 0, rejected = 0, most = 0;
  for (std::size_t k = 0; k < 7; ++k) {
    X one({1, 2}, {first(k, 0), first(k, 1)});
    const OdeStatistics alone = solve(rule, PerSample{}, one, 0.1, 2);
    CHECK(one(0, 0) == batch(k, 0));
    CHECK(one(0, 1) == batch(k, 1));
    accepted += alone.accepted;
    rejected += alone.rejected;
    most = std::max(most, alone.nfe);
  }
  CHECK(together.accepted == accepted);
  CHECK(together.rejected == rejected);
  CHECK(rejected > 0);
  CHECK(together.nfe == most);
}

TEST_CASE("whole-batch and per-sample control take the same steps for one sample") {
  for (const double tolerance : {1e-3, 1e-5, 1e-8}) {
    X a({1, 2}, {0.8, -1.1}), b = a;
    Adaptive rule{.rtol = tolerance, .atol = tolerance, .scope = Scope::batch};
    const OdeStatistics whole = solve(rule, PerSample{}, a, 2, 0.1);
    rule.scope = Scope::per_sample;
    const OdeStatistics each = solve(rule, PerSample{}, b, 2, 0.1);
    CHECK(whole.nfe == each.nfe);
    CHECK(whole.accepted == each.accepted);
    CHECK(whole.rejected == each.rejected);
    for (std::size_t e = 0; e < 2; ++e) CHECK(a(0, e) == Approx(b(0, e)).epsilon(1e-12));
  }
}

TEST_CASE("the error is within a multiple of the tolerance") {
  // dx/dt = (1 − t)x has the solution x(t) = x(0) exp(t − t²/2).
  const auto field = Field{[](double x, double t) { return (1 - t) * x; }};
  for (const auto control : {Scope::batch, Scope::per_sample})
    for (const double tolerance : {1e-3, 1e-5, 1e-7, 1e-9}) {
      X x({1, 1}, std::vector<double>{0.7});
      solve({.rtol = tolerance, .atol = tolerance, .scope = control}, field, x, 0, 3);
      CHECK(std::abs(x(0, 0) - 0.7 * std::exp(3 - 4.5)) < 20 * tolerance);
    }
}

TEST_CASE("the step-size controller follows its formulas") {
  const StepSizeController c;
  CHECK(c.accepted(0, false) == 10);
  CHECK(c.accepted(1e-20, false) == 10);
  CHECK(c.accepted(0.5, false) == Approx(0.9 * std::pow(0.5, -0.2)));
  CHECK(c.accepted(1e-3, true) == 1);
  CHECK(c.rejected(2) == Approx(0.9 * std::pow(2, -0.2)));
  CHECK(c.rejected(1e9) == 0.2);
  CHECK(c.rejected(std::nan("")) == 0.2);
  CHECK(c.rejected(std::numeric_limits<double>::infinity()) == 0.2);
  CHECK(StepSizeController::trial_step(1, 2, 10) == Approx(0.005));
  CHECK(StepSizeController::trial_step(0, 2, 10) == 1e-6);
  CHECK(StepSizeController::trial_step(1e3, 1e-2, 10) == 10);
  CHECK(c.first_step(1e-6, 0, 0, 10) == 1e-6);
  CHECK(c.first_step(1, 3, 7, 10) == Approx(std::pow(0.01 / 7, 0.2)));
}

TEST_CASE("non-finite attempts are rejected and shortened, in the steps of scipy's RK45") {
  const auto wall = Field{[](double x, double) { return x + 0 * std::sqrt(20 - x); }};
  const auto jump = Field{[](double x, double t) { return t < 5 ? 0 * x : -1e3 * std::pow(x, 9); }};
  for (const ScipyWall& wanted : scipy_walls)
    for (const auto control : {Scope::batch, Scope::per_sample}) {
      INFO((wanted.jumps ? "jump" : "wall") << ", tolerance " << wanted.tolerance);
      const Adaptive rule{.rtol = wanted.tolerance, .atol = wanted.tolerance, .scope = control};
      X x({1, 1}, std::vector<double>{1});
      Workspace<X, Adaptive::buffers> work(x);
      Trials seen;
      const TimeGrid span = span_of(wanted.start, wanted.end);
      const OdeStatistics done = wanted.jumps ? rule.solve(jump, x, span, work, seen)
                                              : rule.solve(wall, x, span, work, seen);
      if (wanted.jumps || wanted.tolerance > 1e-5) CHECK(seen.not_finite > 0);
      CHECK(done.nfe == static_cast<std::size_t>(wanted.nfe));
      REQUIRE(seen.times.size() == wanted.times.size());
      for (std::size_t i = 0; i < seen.times.size(); ++i)
        CHECK(seen.times[i] == Approx(wanted.times[i]).epsilon(1e-7));
      CHECK(x(0, 0) == Approx(wanted.x).epsilon(1e-7));
    }
}

TEST_CASE("a non-finite attempt does not affect the other samples of the batch") {
  const auto wall = Field{[](double x, double) { return x + 0 * std::sqrt(20 - x); }};
  const Adaptive rule{.rtol = 1e-4, .atol = 1e-4, .scope = Scope::per_sample};
  const double end = std::log(19.9);
  X batch({3, 1}, std::vector<double>{0.3, 1, -2});
  const X first = batch;
  solve(rule, wall, batch, 0, end);
  for (std::size_t k = 0; k < 3; ++k) {
    X one({1, 1}, std::vector<double>{first(k, 0)});
    solve(rule, wall, one, 0, end);
    CHECK(one(0, 0) == batch(k, 0));
    CHECK(one(0, 0) == Approx(19.9 * first(k, 0)).epsilon(1e-3));
  }
}

TEST_CASE(
    "a state or field that is not finite at the start of a step ends the solve with an error") {
  const double bad = std::numeric_limits<double>::quiet_NaN();
  const auto decay = Field{[](double x, double) { return -x; }};
  for (const auto control : {Scope::batch, Scope::per_sample}) {
    const Adaptive rule{.scope = control};
    X x({1, 1}, std::vector<double>{1});
    std::size_t calls = 0;
    const auto never = Field{[&](double, double) { return ++calls, bad; }};
    CHECK_THROWS_WITH(solve(rule, never, x, 0.25, 1),
                      Contains("the model's output at t = 0.25 is not finite"));
    CHECK(calls == 1);
    x(0, 0) = std::numeric_limits<double>::infinity();
    CHECK_THROWS_WITH(solve(rule, decay, x, 0.25, 1),
                      Contains("the state at t = 0.25 is not finite"));
    x(0, 0) = 1;
    const auto later = Field{[=](double y, double t) { return t > 0.5 ? bad : -y; }};
    CHECK_THROWS_WITH(solve(rule, later, x, 0, 1),
                      Contains("the step at t = 0.5 fell to") && Contains("must be finite there"));
  }
}

TEST_CASE("steps that become too small or too many are rejected") {
  // x' = 1/(½ − t) diverges at t = ½, so steps shrink towards it.
  const auto pole = Field{[](double, double t) { return 1 / std::abs(0.5 - t); }};
  const auto rough = Field{[](double, double t) { return std::cos(1e4 * t); }};
  for (const auto control : {Scope::batch, Scope::per_sample}) {
    X x({1, 1}, std::vector<double>{1});
    CHECK_THROWS_AS(solve({.rtol = 1e-9, .atol = 1e-9, .scope = control}, pole, x, 0, 1), Error);
    x(0, 0) = 1;
    CHECK_THROWS_WITH(solve({.scope = control, .max_steps = 20}, rough, x, 0, 1),
                      Contains("20 steps"));
    x(0, 0) = 1;
    const auto jump = Field{[](double, double t) { return t < 0.3 ? 0.0 : 1e18; }};
    CHECK_THROWS_WITH(solve({.rtol = 0, .atol = 1e-12, .scope = control}, jump, x, 0, 1),
                      Contains("fell to"));
  }
}

TEST_CASE("per-sample control of a field without a time per sample is rejected") {
  X x({1, 1});
  CHECK_THROWS_WITH(solve({.scope = Scope::per_sample}, Oscillating{1}, x, 0, 1),
                    Contains("time per sample"));
}

TEST_CASE("invalid tolerances and limits are rejected") {
  CHECK_THROWS_WITH((Adaptive{.rtol = -1}.validate()), Contains("rtol is -1"));
  CHECK_THROWS_AS((Adaptive{.rtol = 0, .atol = 0}.validate()), Error);
  CHECK_THROWS_AS((Adaptive{.atol = std::nan("")}.validate()), Error);
  CHECK_THROWS_WITH((Adaptive{.max_steps = 0}.validate()), Contains("max_steps is 0"));
}
