// SPDX-License-Identifier: MIT
/// Trials of adaptive samplers that are not finite: rejected and shortened; errors where the
/// model's output is not finite.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <scoresde/sampler/adaptive_dpm_solver.hpp>
#include <scoresde/sampler/adaptive_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using X = HostState<double>;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double variance = 0.25;

double marginal_std(double t) { return std::sqrt(variance + t * t); }

/// The score of N(0, 0.25) under EdmSde if domain(|x|, t) is true, NaN otherwise.
template <class Domain>
struct Score {
  Domain domain;
  std::size_t calls = 0;

  double at(double x, double t) const {
    return domain(std::abs(x), t) ? -x / (variance + t * t) : nan;
  }
  void evaluate(const X& x, double t, X& out) {
    ++calls;
    for (std::size_t i = 0; i < x.size(); ++i) out.data()[i] = at(x.data()[i], t);
  }
  void evaluate(const X& x, std::span<const double> times, X& out) {
    ++calls;
    for (std::size_t k = 0; k < times.size(); ++k)
      for (std::size_t e = 0; e < x.extents().dim; ++e) out(k, e) = at(x(k, e), times[k]);
  }
  [[nodiscard]] ScoreForm score_form(double) const { return {0, 1}; }
};
template <class Domain>
Score(Domain) -> Score<Domain>;

/// How many trials were not finite; none of them may be accepted.
struct Trials {
  std::size_t not_finite = 0;
  void on_attempt(const StepAttempts& tried, const X&) {
    for (std::size_t k = 0; k < tried.t.size(); ++k) {
      if (std::isfinite(tried.error[k])) continue;
      ++not_finite;
      CHECK(tried.accepted[k] == 0);
    }
  }
};

/// Exact paths stay at `first` marginal standard deviations from 0, and the domain's limit is 0.9
/// to 3.3 of them. A step of 12 in λ evaluates the model outside the domain.
template <class P>
void recovers(P pair) {
  pair.rtol = 1e-3, pair.atol = 1e-4, pair.first_step = 12, pair.max_step = infinity;
  const AdaptiveDpmSolver sampler{EdmSde(), pair};
  const std::vector<double> first{1, 3, 1.5};
  const auto domain = [](double x, double t) {
    return x > 0.9 * marginal_std(t) && x < 3.3 * marginal_std(t);
  };
  const auto run = [&](std::vector<double> starts, std::size_t& not_finite) {
    X x({starts.size(), 1}, starts);
    for (std::size_t k = 0; k < starts.size(); ++k) x(k, 0) *= marginal_std(80);
    Workspace<X, sampler.buffers> work(x);
    Trials seen;
    Score model{domain};
    const SamplerStatistics done = sampler.integrate(model, x, Noise{}, work, seen);
    CHECK(model.calls == done.nfe);
    not_finite = seen.not_finite;
    return x;
  };
  std::size_t together = 0, alone = 0, sum = 0;
  const X x = run(first, together);
  CHECK(together > 0);
  for (std::size_t k = 0; k < first.size(); ++k) {
    CHECK(x(k, 0) == Approx(first[k] * marginal_std(0.002)).epsilon(0.02));
    if (pair.scope == Scope::batch) continue;
    CHECK(run({first[k]}, alone)(0, 0) == x(k, 0));
    sum += alone;
  }
  if (pair.scope == Scope::per_sample) CHECK(sum == together);
}

/// Finite for every x.
struct Bounded {
  void evaluate(const X& x, double, X& out) const {
    for (std::size_t i = 0; i < x.size(); ++i) out.data()[i] = -std::tanh(x.data()[i]) / 1e4;
  }
  void evaluate(const X& x, std::span<const double>, X& out) const { evaluate(x, 0.0, out); }
  [[nodiscard]] ScoreForm score_form(double) const { return {0, 1}; }
};

/// The error thrown by a run over [0.002, 80].
template <class Sampler, class M>
std::string error_of_model(const Sampler& sampler, M model, double start) {
  X x({2, 1}, {80, start});
  Workspace<X, Sampler::buffers> work(x);
  try {
    sampler.integrate(model, x, Noise{.seed = 3}, work);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing";
}
template <class Sampler, class Domain>
std::string error_of(const Sampler& sampler, const Domain& domain, double start) {
  return error_of_model(sampler, Score{domain}, start);
}

template <class Sampler>
void ends_where_the_model_is_not_finite(const Sampler& sampler) {
  const auto never = [](double, double) { return false; };
  CHECK_THAT(error_of(sampler, never, 1), Contains("the model's output of sample 0 at t = 80"));
  const auto some = [](double x, double) { return x != 7; };
  CHECK_THAT(error_of(sampler, some, 7), Contains("the model's output of sample 1 at t = 80"));
  const auto always = [](double, double) { return true; };
  CHECK_THAT(error_of(sampler, always, infinity), Contains("the state of sample 1 at t = 80"));
  CHECK_THAT(error_of_model(sampler, Bounded{}, infinity), Contains("the state of sample 1"));
}

}  // namespace

TEST_CASE("adaptive DPM-Solver trials that leave the model's domain are rejected and shortened") {
  for (const auto scope : {Scope::per_sample, Scope::batch}) {
    recovers(DpmSolver12{.scope = scope});
    recovers(DpmSolver23{.scope = scope});
  }
}

TEST_CASE("adaptive SDE trials that leave the model's domain are rejected and shortened",
          "[slow]") {
  constexpr std::size_t n = 4000;
  const AdaptiveSde sampler{EdmSde(), {.first_step = 0.9}};
  Score model{[](double x, double t) { return x < 6 * marginal_std(t); }};
  X x({n, 1});
  Trials seen;
  const SamplerStatistics done = sampler.sample(model, x, Noise{.seed = 1}, seen);
  CHECK(model.calls == done.nfe);
  CHECK(seen.not_finite > n / 2);
  double sum = 0;
  for (std::size_t k = 0; k < n; ++k) sum += x(k, 0) * x(k, 0) / n;
  CHECK(sum == Approx(variance).epsilon(0.07));  // three standard errors
}

TEST_CASE("an adaptive run ends where model or state is not finite, with sample and time") {
  ends_where_the_model_is_not_finite(AdaptiveSde{EdmSde()});
  ends_where_the_model_is_not_finite(AdaptiveDpmSolver{EdmSde(), DpmSolver12{}});
  ends_where_the_model_is_not_finite(AdaptiveDpmSolver{EdmSde()});
  ends_where_the_model_is_not_finite(
      AdaptiveDpmSolver{EdmSde(), DpmSolver23{.scope = Scope::batch}});
}

TEST_CASE("an adaptive run towards times where the model is not finite ends with an error") {
  const auto early = [](double, double t) { return t > 0.5; };
  // The model is evaluated where steps end, so the steps shrink towards t = 0.5.
  CHECK_THAT(error_of(AdaptiveSde{EdmSde()}, early, 7), Contains("the step at t = 0.5") &&
                                                            Contains("fell to") &&
                                                            Contains("not finite there"));
  // A step has ended beyond t = 0.5 before the model is evaluated there.
  CHECK_THAT(error_of(AdaptiveDpmSolver{EdmSde()}, early, 7),
             Contains("the model's output of sample") && Contains("at t = 0."));
}
