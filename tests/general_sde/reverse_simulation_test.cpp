// SPDX-License-Identifier: MIT
/// ReverseSimulation: recovery of the initial law, and equality with PredictorCorrector for linear
/// SDEs.
#include <cmath>
#include <utility>
#include <vector>

#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/eigen/eigen_backend.hpp>
#include <scoresde/general_sde/reverse_simulation.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/sde/with_prior_mean.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/xtensor/xtensor_backend.hpp>

#include "support/catch.hpp"
#include "support/known_diffusions.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using X = HostState<double>;

namespace {

/// Forward from ln x₀ ~ N(0.2, 0.1) to T = 1, with a drift of −0.2 and σ = 0.6.
constexpr known::GeometricBrownianMotion lognormal{
    .mu = -0.2, .sigma = 0.6, .mean = 0.2, .variance = 0.1};

/// A run back to t = 0 from the law at T = 1 on any state type, as a list.
template <class State>
auto run_back(State x, std::uint32_t first) {
  using T = std::remove_cvref_t<decltype(*x.data())>;
  const Noise noise{.seed = 3, .first_sample = first};
  lognormal.draw(x, 1, noise.draw(0));
  const ReverseSimulation sampler{lognormal, EulerMaruyama{}, uniform_grid(1, 0, 20)};
  Workspace<State, 1> work(x);
  sampler.integrate(lognormal, x, noise, work);
  return std::vector<T>(x.data(), x.data() + extents(x).size());
}

template <class S>
GaussianMixture<S> data(const S& sde) {
  return {sde, {0.4, 0.6}, {1, 0, -1, -0.5, 0.5, 2}, {0.04, 0.3}};
}

/// The largest difference between the two tiers, relative to the result.
template <class S, class M>
double between_tiers(const S& sde, M& model, FinalStep final_step) {
  const TimeGrid grid = uniform_grid(sde, 40);
  X general({6, 3}), linear({6, 3});
  const ReverseSimulation sampler{
      AsGeneralSde{sde}, EulerMaruyama{}, grid, {.final_step = final_step}};
  CHECK(sampler.nfe() == 40);
  const SamplerStatistics done = sampler.sample(model, general, Noise{.seed = 7});
  CHECK((done.nfe == 40 && done.accepted == 40 && done.rejected == 0));
  PredictorCorrector{sde, EulerMaruyama{}, grid, {.final_step = final_step}}.sample(
      model, linear, Noise{.seed = 7});
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < general.size(); ++i) {
    difference = std::max(difference, std::abs(general.data()[i] - linear.data()[i]));
    size = std::max(size, std::abs(linear.data()[i]));
  }
  return difference / size;
}

}  // namespace

TEST_CASE("back in time geometric Brownian motion recovers its initial law") {
  const auto check = [](const auto& scheme, FinalStep final_step) {
    X x({2500, 8});
    const Noise noise{.seed = 15};
    lognormal.draw(x, 1, noise.draw(0));
    Workspace<X, 1> work(x);
    const ReverseSimulation sampler{
        lognormal, scheme, uniform_grid(1, 0, 200), {.final_step = final_step}};
    sampler.integrate(lognormal, x, noise, work);
    const double distance = known::kolmogorov_smirnov(
        known::values(x), [&](double v) { return lognormal.distribution(v, 0); });
    CHECK(distance < 0.0138);  // 1.95/√20000: exceeded by chance once in a thousand
    const auto log_of = [](double v) { return std::log(v); };
    const known::Estimate mean = known::estimate(x, log_of);
    CHECK(std::abs(mean.mean - 0.2) < 4 * mean.error + 0.001);
  };
  check(EulerMaruyama{}, FinalStep::keep_noise);
  check(EulerMaruyama{}, FinalStep::drop_last_noise);
  check(Milstein{}, FinalStep::keep_noise);
  check(DerivativeFreeMilstein{}, FinalStep::keep_noise);
}

TEST_CASE("one step is the formula of the reverse SDE, and its mean with drop_last_noise") {
  // At x: f = μx, g = σx, ∂(g²)/∂x = 2σ²x, and the model's F makes the score −x + 2F.
  struct {
    void evaluate(const X& x, double t, X& output) const {
      for (std::size_t i = 0; i < x.size(); ++i) output.data()[i] = t + x.data()[i];
    }
    ScoreForm score_form(double) const { return {-1, 2}; }
  } model;
  const double x0 = 1.5, h = -0.1, mu = -0.2, variance = 0.36;
  const double score = -x0 + 2 * (1 + x0);
  const double mean = x0 + h * (mu * x0 - 2 * variance * x0 - variance * x0 * x0 * score);
  const auto step = [&](FinalStep final_step) {
    X x({1, 1}, {x0});
    Workspace<X, 1> work(x);
    ReverseSimulation{lognormal, EulerMaruyama{}, TimeGrid({1.0, 0.9}), {.final_step = final_step}}
        .integrate(model, x, Noise{.seed = 1}, work);
    return x(0, 0);
  };
  X z({1, 1});
  draw_prior(z, 1, Noise{.seed = 1}.draw(1));
  CHECK(step(FinalStep::drop_last_noise) == Approx(mean).epsilon(1e-13));
  CHECK(step(FinalStep::keep_noise) ==
        Approx(mean + 0.6 * x0 * std::sqrt(0.1) * z(0, 0)).epsilon(1e-13));
}

TEST_CASE("linear SDEs take the same reverse steps as with PredictorCorrector") {
  const auto check = [](const auto& sde) {
    auto exact = data(sde);
    const auto predicts_data = denoiser(
        [&](const X& x, double t, X& output) {
          exact.evaluate(x, t, output);
          const MarginalProb p = sde.marginal_prob(t);
          for (std::size_t i = 0; i < x.size(); ++i)
            output.data()[i] = (x.data()[i] + p.std * p.std * output.data()[i]) / p.mean;
        },
        sde);
    auto model = predicts_data;
    for (const FinalStep final_step : {FinalStep::drop_last_noise, FinalStep::keep_noise}) {
      CHECK(between_tiers(sde, exact, final_step) < 1e-12);
      CHECK(between_tiers(sde, model, final_step) < 1e-10);
    }
  };
  check(AnySde(VpSde()));
  check(AnySde(VeSde()));
  check(WithPriorMean(VeSde(), std::vector{5.0, 0.0, -5.0}));
}

TEST_CASE("reverse runs are bit-identical on every backend and for any split of the batch") {
  const auto host = run_back(HostState<float>({5, 37}), 0);
  CHECK(run_back(Eigen::ArrayXXf(37, 5), 0) == host);
  CHECK(run_back(xt::xarray<float>(xt::xarray<float>::shape_type{5, 37}), 0) == host);
  for (const auto& [first, count] : {std::pair<std::size_t, std::size_t>{0, 2}, {2, 1}, {3, 2}}) {
    const auto part = run_back(HostState<float>({count, 37}), static_cast<std::uint32_t>(first));
    for (std::size_t i = 0; i < part.size(); ++i) CHECK(part[i] == host[first * 37 + i]);
  }
}

TEST_CASE("observers of a reverse run receive every step and can stop it") {
  struct Witness {
    std::vector<std::size_t> nfe{};
    std::size_t started = 0, finished = 0;
    void on_start(const ObservedStep& step, const X&) { started += step.time.t == 1; }
    StepAction on_step(const ObservedStep& step, const X&) {
      nfe.push_back(step.nfe);
      return step.time.t_next < 0.45 ? StepAction::stop : StepAction::proceed;
    }
    void on_finish(const X&) { ++finished; }
  } witness;
  X x({2, 2});
  known::fill(x, 1);
  Workspace<X, 1> work(x);
  const SamplerStatistics done =
      ReverseSimulation{lognormal, EulerMaruyama{}, uniform_grid(1, 0, 10)}.integrate(
          lognormal, x, Noise{}, work, witness);
  CHECK(done.nfe == 6);
  CHECK(witness.nfe == std::vector<std::size_t>{1, 2, 3, 4, 5, 6});
  CHECK((witness.started == 1 && witness.finished == 1));
}

TEST_CASE("ReverseSimulation rejects invalid arguments") {
  CHECK_THROWS_WITH((ReverseSimulation{lognormal, EulerMaruyama{}, TimeGrid({0.0, 1.0})}),
                    Contains("reverse simulation: the grid goes from 0 up to 1") &&
                        Contains("time must decrease"));
  CHECK_THROWS_WITH(
      (ReverseSimulation{AsGeneralSde{VpSde()}, EulerMaruyama{}, TimeGrid({1.2, 0.1})}),
      Contains("the grid reaches t = 1.2"));
  CHECK_THROWS_WITH((ReverseSimulation{lognormal, EulerMaruyama{.probability_flow = true},
                                       uniform_grid(1, 0, 4)}),
                    Contains("probability_flow is true"));
  const ReverseSimulation sampler{lognormal, EulerMaruyama{}, uniform_grid(1, 0, 4)};
  X x({2, 3}), other({3, 3});
  Workspace<X, 1> work(x);
  CHECK_THROWS_WITH(sampler.integrate(lognormal, other, Noise{}, work),
                    Contains("the workspace was made for 2 samples"));
  known::fill(x, 1);
  x(1, 0) = -1;  // outside the support of the law: the logarithm is NaN
  CHECK_THROWS_WITH(sampler.integrate(lognormal, x, Noise{}, work),
                    Contains("reverse simulation: the state of sample 1 is not finite"));
}
