// SPDX-License-Identifier: MIT
/// AdaptiveDpmSolver: its steps compared to fixed ones, its errors to the exact flow, rejected
/// arguments.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <scoresde/observer/step_statistics.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/sampler/adaptive_dpm_solver.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/solver/dpm_solver_single_step.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/adaptive_runs.hpp"
#include "support/catch.hpp"
#include "support/states.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using scoresde::test::difference;
using X = HostState<double>;

namespace {

constexpr Extents shape{4, 3};

Gaussian<AnySde> data(const AnySde& sde) {
  return {sde, {0.5, -1, 2}, {0.4, 0.2, 0.1, 0.2, 2, 0.3, 0.1, 0.3, 6}};
}

GaussianMixture<AnySde> mixture(const AnySde& sde) {
  return {sde, {0.4, 0.6}, {1, 0, -1, -0.5, 0.5, 2}, {0.2, 0.3}};
}

X prior(const AnySde& sde) {
  X x(shape);
  draw_prior(sde, x, Noise{.seed = 1}.draw(0));
  return x;
}

/// The image of the prior draw under the exact flow, in closed form or by a solve with a tight
/// tolerance.
X exact_end(Gaussian<AnySde> model) {
  X x = prior(model.sde());
  model.flow(x, model.sde().t_max(), model.sde().t_min(), x);
  return x;
}
X exact_end(GaussianMixture<AnySde> model) {
  X x = prior(model.sde());
  const ProbabilityFlow flow{
      model.sde(), scipy_rk45(1e-10, 1e-10), {.final_step = FinalStep::keep_noise}};
  Workspace<X, flow.buffers> work(x);
  flow.decode(model, x, work);
  return x;
}

template <class P, class M>
double error_of(const P& pair, M model) {
  X x(shape);
  AdaptiveDpmSolver{model.sde(), pair, {.final_step = FinalStep::keep_noise}}.sample(
      model, x, Noise{.seed = 1});
  return difference(x, exact_end(model));
}

template <class P, class M>
void errors_follow_the_tolerance(const M& model) {
  for (const auto scope : {Scope::per_sample, Scope::batch}) {
    double last = std::numeric_limits<double>::infinity();
    for (const double tolerance : {1e-2, 1e-3, 1e-4, 1e-5}) {
      const double error = error_of(P{.rtol = tolerance, .atol = tolerance, .scope = scope}, model);
      INFO("order " << P::order << ", tolerance " << tolerance << ", error " << error);
      // The difference of the orders bounds the error of the lower one; over a run it accumulates.
      CHECK(error < 30 * tolerance);
      CHECK(error < last);
      last = error;
    }
  }
}

void errors_follow_the_tolerance_under(const AnySde& sde) {
  errors_follow_the_tolerance<DpmSolver12>(data(sde));
  errors_follow_the_tolerance<DpmSolver23>(data(sde));
  errors_follow_the_tolerance<DpmSolver12>(mixture(sde));
  errors_follow_the_tolerance<DpmSolver23>(mixture(sde));
}

/// The times at fractions r of the way in λ from span.t to span.t_next.
TimeGrid nodes(const AnySde& sde, TimeStep span, std::vector<double> parts) {
  const double first = log_snr(sde, span.t), last = log_snr(sde, span.t_next);
  std::vector<double> times{span.t};
  for (const double r : parts) times.push_back(time_of_log_snr(sde, first + r * (last - first)));
  times.push_back(span.t_next);
  return TimeGrid(times);
}

template <class R>
X fixed_step(const AnySde& sde, const R& solver, const TimeGrid& grid) {
  X x = prior(sde);
  const SolverSampler sampler{sde, solver, grid, {.final_step = FinalStep::keep_noise}};
  Workspace<X, sampler.buffers> work(x);
  sampler.integrate(mixture(sde), x, Noise{}, work);
  return x;
}

/// One step that is accepted with any error, and that error.
template <class P>
void is_one_step_of(const AnySde& sde, const X& lower, const X& higher, TimeStep span) {
  const P pair{.rtol = 0,
               .atol = 1e6,
               .first_step = 100,
               .max_step = std::numeric_limits<double>::infinity()};
  const AdaptiveDpmSolver sampler{sde, pair, span, {.final_step = FinalStep::keep_noise}};
  X x = prior(sde);
  Workspace<X, sampler.buffers> work(x);
  StepStatistics seen;
  const SamplerStatistics done = sampler.integrate(mixture(sde), x, Noise{}, work, seen);
  CHECK(done.nfe == P::order);
  CHECK(done.accepted == shape.samples);
  CHECK(difference(x, higher) < 1e-12);
  for (std::size_t k = 0; k < shape.samples; ++k) {
    double sum = 0;
    for (std::size_t e = 0; e < shape.dim; ++e) sum += std::pow(lower(k, e) - higher(k, e), 2);
    CHECK(1e6 * seen.attempts()[k].error == Approx(std::sqrt(sum / shape.dim)).epsilon(1e-9));
  }
}

void steps_are_those_of_the_fixed_solvers(const AnySde& sde) {
  const TimeStep span{0.7 * sde.t_max(), 0.5 * sde.t_max()};
  const auto at = [&](std::vector<double> parts) { return nodes(sde, span, parts); };
  const X one = fixed_step(sde, DpmSolverSingleStep<1>{}, at({}));
  const X half = fixed_step(sde, DpmSolverSingleStep<2>{}, at({0.5}));
  const X third = fixed_step(sde, DpmSolverSingleStep<2>{}, at({1 / 3.0}));
  const X three =
      fixed_step(sde, DpmSolverSingleStep<3>{.lower_order_final = false}, at({1 / 3.0, 2 / 3.0}));
  is_one_step_of<DpmSolver12>(sde, one, half, span);
  is_one_step_of<DpmSolver23>(sde, third, three, span);
}

/// Accepts only one time for the whole batch.
struct OneTime {
  GaussianMixture<AnySde> exact = mixture(AnySde(VpSde()));
  void evaluate(const X& x, double t, X& out) { exact.evaluate(x, t, out); }
  [[nodiscard]] ScoreForm score_form(double) const { return {0, 1}; }
};

}  // namespace

static_assert(Sampler<AdaptiveDpmSolver<VpSde, DpmSolver12>, OneTime, X, Noise>);
static_assert(Sampler<AdaptiveDpmSolver<VeSde, DpmSolver23>, Gaussian<VeSde>, X, Noise>);

TEST_CASE("a step and its error are those of the two single-step solvers") {
  steps_are_those_of_the_fixed_solvers(AnySde(VpSde()));
  steps_are_those_of_the_fixed_solvers(AnySde(VeSde()));
  steps_are_those_of_the_fixed_solvers(AnySde(SubVpSde()));
}

TEST_CASE("errors of DPM-Solver-12 and -23 follow the tolerance under VP") {
  errors_follow_the_tolerance_under(AnySde(VpSde()));
}

TEST_CASE("errors of DPM-Solver-12 and -23 follow the tolerance under VE") {
  errors_follow_the_tolerance_under(AnySde(VeSde({.sigma_min = 0.01, .sigma_max = 20})));
}

TEST_CASE("errors of DPM-Solver-12 and -23 follow the tolerance under sub-VP") {
  errors_follow_the_tolerance_under(AnySde(SubVpSde()));
}

TEST_CASE("the published tolerance takes few evaluations, and the higher pair fewer") {
  const auto evaluations = [](const auto& pair) {
    X x(shape);
    return AdaptiveDpmSolver{AnySde(VpSde()), pair}
        .sample(mixture(AnySde(VpSde())), x, Noise{.seed = 1})
        .nfe;
  };
  const std::size_t low = evaluations(DpmSolver12{.scope = Scope::batch});
  const std::size_t high = evaluations(DpmSolver23{.scope = Scope::batch});
  INFO("DPM-Solver-12 " << low << ", -23 " << high);
  CHECK(high < low);
  CHECK(low < 100);
}

TEST_CASE("no step is longer in half the log-SNR than max_step") {
  const AnySde sde{VpSde()};
  const auto longest = [&](const auto& pair) {
    X x(shape);
    StepStatistics seen;
    AdaptiveDpmSolver{sde, pair}.sample(mixture(sde), x, Noise{.seed = 1}, seen);
    double most = 0;
    for (const auto& tried : seen.attempts())
      most = std::max(most, 0.5 * (log_snr(sde, tried.time.t_next) - log_snr(sde, tried.time.t)));
    return most;
  };
  CHECK(longest(DpmSolver12{}) == Approx(0.5));
  CHECK(longest(DpmSolver23{}) == Approx(1));
  CHECK(longest(DpmSolver23{.max_step = 0.3}) == Approx(0.3));
  CHECK(longest(DpmSolver23{.rtol = 0.5, .atol = 0.5, .max_step = 20}) > 1.5);
}

TEST_CASE("with Scope::per_sample a sample is bit-identical in any batch; with Scope::batch not") {
  const auto apart = [](const auto& pair) {
    const AdaptiveDpmSolver sampler{AnySde(SubVpSde()), pair};
    X whole({64, 3});
    sampler.sample(mixture(AnySde(SubVpSde())), whole, Noise{.seed = 3});
    double worst = 0;
    for (const std::uint32_t first : {0u, 5u, 40u, 63u}) {
      X one({1, 3}), part({std::min<std::size_t>(8, 64 - first), 3});
      sampler.sample(mixture(AnySde(SubVpSde())), one, Noise{.seed = 3, .first_sample = first});
      sampler.sample(mixture(AnySde(SubVpSde())), part, Noise{.seed = 3, .first_sample = first});
      for (std::size_t i = 0; i < part.size(); ++i)
        worst = std::max(worst, std::abs(part.data()[i] - whole.data()[3 * first + i]));
      for (std::size_t e = 0; e < 3; ++e)
        worst = std::max(worst, std::abs(one(0, e) - whole(first, e)));
    }
    return worst;
  };
  CHECK(apart(DpmSolver12{}) == 0);
  CHECK(apart(DpmSolver23{.rtol = 1e-3}) == 0);
  CHECK(apart(DpmSolver23{.scope = Scope::batch}) > 0);
}

TEST_CASE("AdaptiveDpmSolver reports its evaluations, trials and times") {
  const auto check = [](const auto& pair, FinalStep final_step, std::size_t final_ones) {
    test::CountedMixture model(mixture(AnySde(VpSde())));
    X x(shape);
    StepStatistics seen;
    const AdaptiveDpmSolver sampler{AnySde(VpSde()), pair, {.final_step = final_step}};
    const SamplerStatistics done = sampler.sample(model, x, Noise{.seed = 1}, seen);
    CHECK(model.calls == done.nfe);
    CHECK(seen.steps().back().time.t_next == VpSde().t_min());
    std::vector<std::size_t> tries(shape.samples);
    std::vector<double> t(shape.samples, 1);
    for (const auto& tried : seen.attempts()) {
      ++tries[tried.sample];
      CHECK(tried.time.t == t[tried.sample]);
      if (tried.accepted) t[tried.sample] = tried.time.t_next;
      CHECK(tried.accepted == (tried.error <= 1));
    }
    for (const double end : t) CHECK(end == VpSde().t_min());
    CHECK(seen.attempts().size() == done.accepted + done.rejected);
    const std::size_t most = *std::max_element(tries.begin(), tries.end());
    CHECK(done.nfe == std::size_t(pair.order) * most + final_ones);
    return done.rejected;
  };
  const DpmSolver12 long_steps{.rtol = 1e-3, .atol = 1e-3, .first_step = 2, .max_step = 2};
  CHECK(check(long_steps, FinalStep::keep_noise, 0) > 0);
  check(DpmSolver23{}, FinalStep::denoise, 1);
  check(DpmSolver23{.scope = Scope::batch}, FinalStep::keep_noise, 0);
}

TEST_CASE("in an AdaptiveDpmSolver run finished samples make no trials and have no error") {
  test::FinishedSamples finished{VpSde().t_min()};
  X x(shape);
  AdaptiveDpmSolver{AnySde(VpSde()), DpmSolver23{}}.sample(mixture(AnySde(VpSde())), x,
                                                           Noise{.seed = 1}, finished);
  CHECK(finished.seen > 0);
}

TEST_CASE("the run does not depend on the parameterization, and Scope::batch requires one time") {
  const AnySde sde{VpSde()};
  auto exact = mixture(sde);
  const auto predicted = [&](const X& x, double t, X& out) {
    exact.evaluate(x, t, out);
    const auto [alpha, sigma] = sde.marginal_prob(t);
    for (std::size_t i = 0; i < x.size(); ++i)
      out.data()[i] = (x.data()[i] + sigma * sigma * out.data()[i]) / alpha;
  };
  const AdaptiveDpmSolver sampler{sde, DpmSolver23{.scope = Scope::batch}};
  X scores(shape), denoised(shape), one_time(shape);
  sampler.sample(exact, scores, Noise{.seed = 1});
  sampler.sample(denoiser(predicted, sde), denoised, Noise{.seed = 1});
  sampler.sample(OneTime{}, one_time, Noise{.seed = 1});
  CHECK(difference(scores, denoised) < 1e-9);
  CHECK(difference(scores, one_time) == 0);
}

TEST_CASE("AdaptiveDpmSolver rejects invalid arguments and names them") {
  const AnySde sde{VpSde()};
  const auto rejected = [&](const DpmSolver23& pair, const std::string& text) {
    CHECK_THROWS_WITH((AdaptiveDpmSolver{sde, pair}), Contains(text));
  };
  rejected({.rtol = -1}, "rtol is -1");
  rejected({.rtol = 0, .atol = 0}, "atol 0");
  rejected({.first_step = -1}, "first_step is -1");
  rejected({.safety = 0}, "safety is 0");
  rejected({.max_step = 0}, "max_step is 0; it must be positive");
  rejected({.max_step = std::numeric_limits<double>::quiet_NaN()}, "max_step is nan");
  rejected({.max_growth = 1}, "max_growth is 1");
  rejected({.max_steps = 0}, "max_steps is 0");
  const auto rejected_end = [&](FinalStep final_step, const std::string& text) {
    CHECK_THROWS_WITH((AdaptiveDpmSolver{sde, DpmSolver23{}, {.final_step = final_step}}),
                      Contains(text));
  };
  rejected_end(FinalStep::reverse_diffusion, "discrete chain");
  rejected_end(FinalStep::to_data, "final_step is to_data; it must be one of keep_noise, denoise");
  rejected_end(FinalStep::drop_last_noise, "final_step is drop_last_noise");
  CHECK_THROWS_WITH((AdaptiveDpmSolver{sde, DpmSolver12{}, TimeStep{1, 0}}),
                    Contains("log-SNR at t = 0 is infinite"));
  CHECK_THROWS_WITH((AdaptiveDpmSolver{sde, DpmSolver12{}, TimeStep{0.1, 0.5}}),
                    Contains("time must decrease"));
  X x(shape), other({2, 2});
  const AdaptiveDpmSolver sampler{sde, DpmSolver23{.max_steps = 3}};
  Workspace<X, sampler.buffers> work(other);
  CHECK_THROWS_WITH(sampler.integrate(mixture(sde), x, Noise{}, work), Contains("2 samples"));
  CHECK_THROWS_WITH(sampler.sample(mixture(sde), x, Noise{}), Contains("3 steps were attempted"));
  CHECK_THROWS_WITH(sampler.sample(OneTime{}, x, Noise{}), Contains("time per sample"));
  struct Bad {
    void evaluate(const X& at, double, X& out) const {
      std::fill_n(out.data(), at.size(), std::numeric_limits<double>::quiet_NaN());
    }
    [[nodiscard]] ScoreForm score_form(double) const { return {}; }
  };
  const AdaptiveDpmSolver whole{sde, DpmSolver12{.scope = Scope::batch}};
  CHECK_THROWS_WITH(whole.sample(Bad{}, x, Noise{}),
                    Contains("output of sample 0 at t = 1 is not finite"));
}
