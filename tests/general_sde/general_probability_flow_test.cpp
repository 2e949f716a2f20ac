// SPDX-License-Identifier: MIT
/// GeneralProbabilityFlow: the exact flow map of geometric Brownian motion, and equality with
/// ProbabilityFlow for linear SDEs.
#include <cmath>
#include <vector>

#include <scoresde/eigen/eigen_backend.hpp>
#include <scoresde/general_sde/general_probability_flow.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/xtensor/xtensor_backend.hpp>

#include "support/catch.hpp"
#include "support/known_diffusions.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using X = HostState<double>;

namespace {

constexpr known::GeometricBrownianMotion lognormal{
    .mu = -0.2, .sigma = 0.6, .mean = 0.2, .variance = 0.1};

X start() {
  X x({50, 4});
  lognormal.draw(x, 1, Noise{.seed = 2}.draw(0));
  return x;
}

/// The largest distance of a run from T = 1 to 0 from the exact map.
template <class Flow>
double error(const Flow& flow) {
  const X from = start();
  X x = from;
  Workspace<X, Flow::buffers> work(x);
  flow.decode(lognormal, x, work);
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    largest = std::max(largest, std::abs(x.data()[i] - lognormal.flow(from.data()[i], 1, 0)));
  return largest;
}

template <class I>
double observed_order(const I& method) {
  const auto at = [&](std::size_t steps) {
    return error(GeneralProbabilityFlow{lognormal, method, uniform_grid(1, 0, steps)});
  };
  return std::log2(at(20) / at(40));
}

template <class State>
auto decode(State x) {
  using T = std::remove_cvref_t<decltype(*x.data())>;
  lognormal.draw(x, 1, Noise{.seed = 3}.draw(0));
  const GeneralProbabilityFlow flow{lognormal, Heun{}, uniform_grid(1, 0, 10)};
  Workspace<State, decltype(flow)::buffers> work(x);
  flow.decode(lognormal, x, work);
  return std::vector<T>(x.data(), x.data() + extents(x).size());
}

template <class S>
GaussianMixture<S> data(const S& sde) {
  return {sde, {0.4, 0.6}, {1, 0, -1, -0.5, 0.5, 2}, {0.04, 0.3}};
}

/// The largest difference between the tiers for one integrator and model.
template <class S, class M, class I, class Grid>
double between_tiers(const S& sde, M& model, const I& integrator, const Grid& grid) {
  X general({6, 3}), linear({6, 3});
  const auto one = GeneralProbabilityFlow{AsGeneralSde{sde}, integrator, grid}.sample(
      model, general, Noise{.seed = 7});
  const auto two =
      ProbabilityFlow{sde, integrator, grid, {.final_step = FinalStep::keep_noise}}.sample(
          model, linear, Noise{.seed = 7});
  CHECK((one.nfe == two.nfe && one.accepted == two.accepted && one.rejected == two.rejected));
  double largest = 0;
  for (std::size_t i = 0; i < general.size(); ++i)
    largest = std::max(largest, std::abs(general.data()[i] - linear.data()[i]));
  return largest;
}

}  // namespace

TEST_CASE("every integrator follows the exact flow of geometric Brownian motion to its order") {
  CHECK(observed_order(Euler{}) == Approx(1).margin(0.15));
  CHECK(observed_order(Heun{}) == Approx(2).margin(0.15));
  CHECK(observed_order(RungeKutta4{}) == Approx(4).margin(0.15));
  const AdaptiveRungeKutta<> adaptive = scipy_rk45(1e-9, 1e-9);
  CHECK(error(GeneralProbabilityFlow{lognormal, adaptive, TimeStep{1, 0}}) < 1e-7);
}

TEST_CASE("the flow maps the law at T to the initial law, and back") {
  X x({2500, 8});
  lognormal.draw(x, 1, Noise{.seed = 15}.draw(0));
  const X from = x;
  const GeneralProbabilityFlow flow{lognormal, RungeKutta4{}, uniform_grid(1, 0, 50)};
  CHECK(flow.nfe() == 200);
  Workspace<X, decltype(flow)::buffers> work(x);
  CHECK(flow.integrate(lognormal, x, Noise{}, work).nfe == 200);
  CHECK(known::kolmogorov_smirnov(known::values(x), [](double v) {
          return lognormal.distribution(v, 0);
        }) < 0.0138);  // 1.95/√20000: exceeded by chance once in a thousand
  flow.encode(lognormal, x, work);
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    largest = std::max(largest, std::abs(x.data()[i] / from.data()[i] - 1));
  CHECK(largest < 1e-6);
}

TEST_CASE("linear SDEs have the same flow in both tiers, with every integrator and score form") {
  const auto check = [](const auto& sde) {
    auto exact = data(sde);
    auto noise = noise_prediction(
        [&](const X& x, double t, X& output) {
          exact.evaluate(x, t, output);
          for (std::size_t i = 0; i < x.size(); ++i) output.data()[i] *= -sde.marginal_prob(t).std;
        },
        sde);
    const TimeStep span{sde.t_max(), 1e-2};
    const TimeGrid grid = uniform_grid(sde.t_max(), 1e-2, 30);
    CHECK(between_tiers(sde, exact, RungeKutta4{}, grid) < 1e-10);
    CHECK(between_tiers(sde, noise, Heun{}, grid) < 1e-10);
    CHECK(between_tiers(sde, exact, scipy_rk45(), span) < 1e-8);
    CHECK(between_tiers(sde, exact, AdaptiveRungeKutta<>{.scope = Scope::per_sample}, span) < 1e-8);
  };
  check(AnySde(VpSde()));
  check(AnySde(VeSde()));
}

TEST_CASE("a flow has the same values on every backend") {
  const auto host = decode(X({5, 37})), eigen = decode(Eigen::ArrayXXd(37, 5));
  const auto xtensor = decode(xt::xarray<double>(xt::xarray<double>::shape_type{5, 37}));
  for (std::size_t i = 0; i < host.size(); ++i) {
    CHECK(eigen[i] == Approx(host[i]).epsilon(1e-13));
    CHECK(xtensor[i] == Approx(host[i]).epsilon(1e-13));
  }
}

TEST_CASE("observers of a flow receive every step and can stop it") {
  struct Witness {
    std::size_t started = 0, steps = 0, finished = 0;
    void on_start(const ObservedStep&, const X&) { ++started; }
    StepAction on_step(const ObservedStep& step, const X&) {
      ++steps;
      return step.time.t_next < 0.45 ? StepAction::stop : StepAction::proceed;
    }
    void on_finish(const X&) { ++finished; }
  } witness;
  X x = start();
  const GeneralProbabilityFlow flow{lognormal, Heun{}, uniform_grid(1, 0, 10)};
  Workspace<X, decltype(flow)::buffers> work(x);
  const SamplerStatistics done = flow.decode(lognormal, x, work, witness);
  CHECK((done.nfe == 12 && done.accepted == 6));
  CHECK((witness.started == 1 && witness.steps == 6 && witness.finished == 1));
}

TEST_CASE("GeneralProbabilityFlow rejects invalid arguments") {
  const AdaptiveRungeKutta<> adaptive;
  CHECK_THROWS_WITH((GeneralProbabilityFlow{lognormal, adaptive, uniform_grid(1, 0, 3)}),
                    Contains("the grid of an adaptive integrator has 3 steps"));
  CHECK_THROWS_WITH((GeneralProbabilityFlow{AsGeneralSde{VpSde()}, Heun{}, TimeStep{2, 1e-3}}),
                    Contains("general probability flow: the grid reaches t = 2"));
  CHECK_THROWS_WITH(
      (GeneralProbabilityFlow{lognormal, AdaptiveRungeKutta<>{.rtol = -1}, TimeStep{1, 0}}),
      Contains("rtol is -1"));
  X x({2, 3});
  const GeneralProbabilityFlow up{AsGeneralSde{VpSde()}, Heun{}, TimeStep{1e-3, 1}};
  auto model = data(VpSde());
  CHECK_THROWS_WITH(up.sample(model, x, Noise{}), Contains("to sample, time must decrease"));
  const GeneralProbabilityFlow flow{lognormal, Heun{}, uniform_grid(1, 0, 3)};
  Workspace<X, decltype(flow)::buffers> work(x);
  known::fill(x, 1);
  x(1, 0) = -1;
  CHECK_THROWS_WITH(flow.decode(lognormal, x, work),
                    Contains("general probability flow: the state of sample 1 is not finite"));
}
