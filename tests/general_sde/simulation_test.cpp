// SPDX-License-Identifier: MIT
/// Simulation: known laws, the Brownian path, splitting of batches, backends, observers, rejected
/// arguments.
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include <scoresde/brownian/path.hpp>
#include <scoresde/eigen/eigen_backend.hpp>
#include <scoresde/general_sde/simulation.hpp>
#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/xtensor/xtensor_backend.hpp>

#include "support/catch.hpp"
#include "support/known_diffusions.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using X = HostState<double>;

namespace {

/// From `begin` to `end` in equal steps.
TimeGrid forward(double begin, double end, std::size_t steps) {
  std::vector<double> times(steps + 1);
  for (std::size_t i = 0; i <= steps; ++i)
    times[i] = begin + (end - begin) * static_cast<double>(i) / static_cast<double>(steps);
  return TimeGrid(times);
}

/// The limit of all samples that start at x₀.
template <class S, class R>
X simulate(const S& sde, const R& scheme, const TimeGrid& grid, double x0, std::size_t samples,
           Noise noise = {.seed = 12}) {
  X x({samples, 8});
  known::fill(x, x0);
  Simulation{sde, scheme, grid}.run(x, noise);
  return x;
}

void check(const known::Estimate& found, double exact, double bias) {
  CHECK(std::abs(found.mean - exact) < 4 * found.error + bias);
}

/// Terms that differ between elements.
struct Rates {
  double drift(double x, double t, std::size_t e) const {
    return -(1.0 + static_cast<double>(e)) * x + t;
  }
  double diffusion(double x, double, std::size_t e) const {
    return 0.1 * static_cast<double>(e) * std::sqrt(1 + x * x);
  }
  double diffusion_derivative(double x, double, std::size_t e) const {
    return 0.1 * static_cast<double>(e) * x / std::sqrt(1 + x * x);
  }
};

/// A run of `Rates` on any state type, as a list.
template <class State, class R>
auto rates_on(State x, const R& scheme, std::uint32_t first) {
  using T = std::remove_cvref_t<decltype(*x.data())>;
  for (std::size_t i = 0; i < extents(x).size(); ++i) x.data()[i] = T(0.5);
  Simulation{Rates(), scheme, forward(0, 1, 20)}.run(x, Noise{.seed = 4, .first_sample = first});
  return std::vector<T>(x.data(), x.data() + extents(x).size());
}

template <class R>
void same_bits_everywhere(const R& scheme) {
  const auto host = rates_on(HostState<float>({5, 37}), scheme, 0);
  CHECK(rates_on(Eigen::ArrayXXf(37, 5), scheme, 0) == host);
  CHECK(rates_on(xt::xarray<float>(xt::xarray<float>::shape_type{5, 37}), scheme, 0) == host);
  const auto exact = rates_on(X({5, 37}), scheme, 0);
  CHECK(rates_on(Eigen::ArrayXXd(37, 5), scheme, 0) == exact);
  CHECK(rates_on(xt::xarray<double>(xt::xarray<double>::shape_type{5, 37}), scheme, 0) == exact);
  for (const auto& [first, count] : {std::pair<std::size_t, std::size_t>{0, 2}, {2, 1}, {3, 2}}) {
    const auto part = rates_on(X({count, 37}), scheme, static_cast<std::uint32_t>(first));
    for (std::size_t i = 0; i < part.size(); ++i) CHECK(part[i] == exact[first * 37 + i]);
  }
  for (std::size_t i = 0; i < host.size(); ++i)
    CHECK(static_cast<double>(host[i]) == Approx(exact[i]).margin(1e-5));
}

}  // namespace

TEST_CASE("geometric Brownian motion has its lognormal law") {
  const known::GeometricBrownianMotion sde;
  const auto distance = [&](const auto& scheme) {
    const X x = simulate(sde, scheme, forward(0, 1, 100), 1, 2500);
    check(known::estimate(x, [](double v) { return v; }), std::exp(sde.mu), 0.002);
    return known::kolmogorov_smirnov(known::values(x),
                                     [&](double v) { return sde.distribution(v, 1); });
  };
  // 1.95/√20000: exceeded by chance once in a thousand.
  CHECK(distance(EulerMaruyama{}) < 0.0138);
  CHECK(distance(Milstein{}) < 0.0138);
  CHECK(distance(DerivativeFreeMilstein{}) < 0.0138);
  CHECK(distance(StochasticHeun{}) < 0.0138);
}

TEST_CASE("the double well reaches its stationary law from one side") {
  const known::DoubleWell sde;
  const X x = simulate(sde, StochasticHeun{}, forward(0, 30, 900), 1, 500);
  check(known::estimate(x, [](double v) { return v > 0 ? 1.0 : 0.0; }), 0.5, 0);
  check(known::estimate(x, [](double v) { return v * v; }), sde.moment(2), 0.002);
  check(known::estimate(x, [](double v) { return v * v * v * v; }), sde.moment(4), 0.004);
}

TEST_CASE("CIR has the mean and variance of its law, also if it reaches 0") {
  const auto moments = [](const known::CoxIngersollRoss& sde, double x0, double bias) {
    const X x = simulate(sde, EulerMaruyama{}, forward(0, 1, 200), x0, 2500);
    const auto positive = [](double v) { return std::max(v, 0.0); };
    const double mean = sde.mean(x0, 1);
    check(known::estimate(x, positive), mean, bias);
    check(known::estimate(x, [&](double v) { return std::pow(positive(v) - mean, 2); }),
          sde.variance(x0, 1), bias);
    double smallest = 1;
    for (const double v : known::values(x)) smallest = std::min(smallest, v);
    return smallest;
  };
  CHECK(moments({.kappa = 1.5, .theta = 0.6, .sigma = 0.5}, 0.3, 0.002) > 0);
  // 2κθ < σ²: the process reaches 0, and a step goes below it.
  CHECK(moments({.kappa = 1, .theta = 0.2, .sigma = 0.8}, 0.2, 0.01) < 0);
}

TEST_CASE("a linear SDE simulated as a general one has its marginals") {
  const SubVpSde linear;
  const X x = simulate(AsGeneralSde{linear}, StochasticHeun{}, forward(0, 0.4, 200), 2, 2500);
  const auto [mean, std] = linear.marginal_prob(0.4);
  check(known::estimate(x, [](double v) { return v; }), 2 * mean, 0.001);
  check(known::estimate(x, [m = 2 * mean](double v) { return (v - m) * (v - m); }), std * std,
        0.001);
}

TEST_CASE("on a Brownian path every step takes the path's own increment") {
  const known::GeometricBrownianMotion sde;
  const X start({300, 4});
  const BrownianPath path(start, Noise{.seed = 6}, TimeClock(0, 1));
  const X w = path.draw(1, {0, 1});
  const auto error = [&](const auto& scheme, std::size_t steps) {
    X x = start;
    known::fill(x, 1);
    Simulation{sde, scheme, forward(0, 1, steps)}.run(x, path);
    double squares = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
      squares += std::pow(x.data()[i] - std::exp(sde.log_mean(1) + sde.sigma * w.data()[i]), 2);
    return std::sqrt(squares / static_cast<double>(x.size()));
  };
  CHECK(std::log2(error(EulerMaruyama{}, 16) / error(EulerMaruyama{}, 256)) / 4 ==
        Approx(0.5).margin(0.1));
  CHECK(std::log2(error(Milstein{}, 16) / error(Milstein{}, 256)) / 4 == Approx(1).margin(0.1));
}

TEST_CASE("named draws, recorded draws and the scheme by hand are bit-identical") {
  const Rates sde;
  const TimeGrid grid = forward(0, 0.5, 3);
  const Noise noise{.seed = 8};
  std::vector<X> draws(4, X({2, 5}));
  for (std::size_t i = 0; i < draws.size(); ++i) draw_prior(draws[i], 1, noise.draw(i));
  X named({2, 5}), recorded = named, by_hand = named;
  Simulation{sde, Milstein{}, grid}.run(named, noise);
  Simulation{sde, Milstein{}, grid}.run(recorded, RecordedNoise<X>{draws});
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 10; ++j) {
      const double dw = std::sqrt(grid[i].t_next - grid[i].t) * draws[i + 1].data()[j];
      by_hand.data()[j] =
          Milstein{}.step(ElementProcess<Rates>{&sde, j % 5}, by_hand.data()[j], grid[i], dw);
    }
  CHECK(known::values(named) == known::values(recorded));
  for (std::size_t j = 0; j < 10; ++j)
    CHECK(named.data()[j] == Approx(by_hand.data()[j]).epsilon(1e-14));
}

TEST_CASE("a run is bit-identical on every backend and for any split of the batch") {
  same_bits_everywhere(EulerMaruyama{});
  same_bits_everywhere(Milstein{});
  same_bits_everywhere(StochasticHeun{});
}

TEST_CASE("observers receive every step and can stop the run") {
  struct Witness {
    std::vector<double> times{};
    std::size_t stop_after = 100, finished = 0;
    void on_start(const ObservedStep& step, const X&) { times.push_back(step.time.t); }
    StepAction on_step(const ObservedStep& step, const X&) {
      CHECK(step.steps == 10);
      CHECK(step.nfe == 0);
      times.push_back(step.time.t_next);
      return step.index + 1 == stop_after ? StepAction::stop : StepAction::proceed;
    }
    void on_finish(const X&) { ++finished; }
  };
  const Simulation simulation{known::DoubleWell(), EulerMaruyama{}, forward(2, 3, 10)};
  CHECK(simulation.nfe() == 0);
  X x({2, 2});
  Witness all, few{.stop_after = 3};
  const SamplerStatistics done = simulation.run(x, Noise{}, all);
  CHECK((done.nfe == 0 && done.accepted == 10 && done.rejected == 0));
  CHECK(all.times.size() == 11);
  CHECK((all.times.front() == 2 && all.times.back() == 3));
  CHECK(simulation.run(x, Noise{}, few).accepted == 3);
  CHECK(few.times.size() == 4);
  CHECK((all.finished == 1 && few.finished == 1));
}

TEST_CASE("Simulation rejects grids that decrease or leave [0, T], and the flow's Euler step") {
  const known::DoubleWell sde;
  CHECK_THROWS_WITH(
      (Simulation{sde, EulerMaruyama{}, uniform_grid(1, 0, 4)}),
      Contains("simulation: the grid goes from 1 down to 0") && Contains("time must increase"));
  CHECK_THROWS_WITH((Simulation{AsGeneralSde{SubVpSde()}, Milstein{}, forward(0, 2, 4)}),
                    Contains("the grid reaches t = 2"));
  CHECK_THROWS_WITH((Simulation{sde, EulerMaruyama{.probability_flow = true}, forward(0, 1, 4)}),
                    Contains("simulation: probability_flow is true"));
}

TEST_CASE("states that are empty, of another shape or not finite are rejected") {
  const Simulation simulation{known::DoubleWell(), EulerMaruyama{}, forward(0, 1, 8)};
  X empty({0, 3}), x({2, 3}), other({3, 3});
  CHECK_THROWS_WITH(simulation.run(empty, Noise{}),
                    Contains("simulation: the state has 0 samples of dimension 3"));
  Workspace<X, 0> work(other);
  CHECK_THROWS_WITH(simulation.integrate(x, Noise{}, work),
                    Contains("the workspace was made for 3 samples of dimension 3"));
  const std::vector<X> draws(3, x);
  CHECK_THROWS_WITH(simulation.run(x, RecordedNoise<X>{draws}), Contains("draw 3 is requested"));
  x(1, 2) = std::nan("");
  CHECK_THROWS_WITH(simulation.run(x, Noise{}),
                    Contains("simulation: the state of sample 1 is not finite at t = 0.125; it "
                             "was finite at t = 0,"));
  // Square roots of values that a long step has moved below 0.
  const FunctionSde untruncated([](double v, double) { return 0.2 - v; },
                                [](double v, double) { return 2 * std::sqrt(v); });
  CHECK_THROWS_WITH(simulate(untruncated, EulerMaruyama{}, forward(0, 1, 16), 0.2, 50),
                    Contains("is not finite at t = 0.125; it was finite at t = 0.0625"));
}
