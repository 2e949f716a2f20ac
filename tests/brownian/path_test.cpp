// SPDX-License-Identifier: MIT
/// The same path for runs of any number of steps, on every backend.
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <utility>
#include <vector>

#include <scoresde/brownian/path.hpp>
#include <scoresde/corrector/annealed_langevin.hpp>
#include <scoresde/eigen/eigen_backend.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/ddim.hpp>
#include <scoresde/predictor/euler_maruyama.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/solver/solver_table.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/log_snr_grid.hpp>
#include <scoresde/xtensor/xtensor_backend.hpp>

#include "support/any_predictor.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using X = HostState<double>;

static_assert(TimedNoiseSource<BrownianPath<X, TimeClock>, X>);
static_assert(NoiseSource<BrownianPath<X, TimeClock>, X>);

namespace {

constexpr std::size_t dim = 2;

const AnySde vp{VpSde()}, ve{VeSde()}, sub_vp{SubVpSde()};

Gaussian<AnySde> data(const AnySde& sde, double variance) {
  return {sde, {0.8, -0.3}, {variance, 2 * variance}};
}

/// A chain that keeps the noise of its last step.
using Chain = PredictorCorrector<AnySde, AnyPredictor<>>;

template <class P>
Chain chain(const AnySde& sde, const P& predictor, const TimeGrid& grid) {
  return {sde, AnyPredictor<>(predictor), grid, {.final_step = FinalStep::keep_noise}};
}

/// The same for a solver.
template <class R>
auto solve(const AnySde& sde, const R& solver, const TimeGrid& grid) {
  return SolverSampler{
      sde, solver_table(solver, sde, grid), grid, {.final_step = FinalStep::keep_noise}};
}

template <class Sampler, class N>
X result(const Sampler& sampler, double variance, const N& noise, std::size_t samples) {
  X x({samples, dim});
  sampler.sample(data(sampler.sde(), variance), x, noise);
  return x;
}

double distance(const X& a, const X& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(a.data()[i] - b.data()[i], 2);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

/// The draws of two steps, one after the other, as floats.
template <class State>
std::vector<float> drawn(const State& like, std::uint32_t first_sample) {
  const BrownianPath path(like, Noise{.seed = 3, .first_sample = first_sample}, LogSnrClock{vp});
  std::vector<float> out;
  for (const TimeStep step : {TimeStep{0.7, 0.43}, {0.43, 0.1}}) {
    const State& z = path.draw(9, step);
    out.insert(out.end(), z.data(), z.data() + extents(z).size());
  }
  return out;
}

}  // namespace

TEST_CASE("a draw is the normalized sum of its nodes' draws") {
  const X like({3, 37});
  const BrownianPath path(like, Noise{.seed = 5, .first_sample = 2}, TimeClock(1, 0), 12);
  const BrownianIncrement increment = path.tree().increment(0.61, 0.37);
  const X& z = path.draw(1, {0.61, 0.37});
  const Noise nodes{.seed = 5, .first_sample = 2, .purpose = Purpose::brownian};
  for (std::size_t k = 0; k < 3; ++k) {
    std::array<double, 37> sum{};
    for (const auto& [node, weight] : increment.terms()) {
      std::array<float, 37> normals;
      fill_normal(normals, nodes.draw(node), k, 0);
      for (std::size_t e = 0; e < 37; ++e) sum[e] += weight * static_cast<double>(normals[e]);
    }
    for (std::size_t e = 0; e < 37; ++e)
      CHECK(z(k, e) == Approx(sum[e] / std::sqrt(0.24)).epsilon(1e-10).margin(1e-12));
  }
}

TEST_CASE("draws of a path are bit-identical on every backend and in every batch") {
  const auto host = drawn(HostState<float>({5, 300}), 0);
  CHECK(drawn(Eigen::ArrayXXf(300, 5), 0) == host);
  CHECK(drawn(xt::xarray<float>(xt::xarray<float>::shape_type{5, 300}), 0) == host);
  const auto part = drawn(HostState<float>({2, 300}), 3);
  for (std::size_t i = 0; i < 600; ++i) {
    CHECK(part[i] == host[3 * 300 + i]);
    CHECK(part[600 + i] == host[1500 + 3 * 300 + i]);
  }
  const X like({4, 8});
  const BrownianPath path(like, Noise{.seed = 3}, TimeClock(1, 0));
  const X first = path.draw(1, {0.9, 0.8});
  (void)path.draw(2, {0.5, 0.1});
  const X& again = path.draw(7, {0.9, 0.8});
  for (std::size_t i = 0; i < again.size(); ++i) CHECK(again.data()[i] == first.data()[i]);
}

TEST_CASE("steps of a path are independent N(0, I)") {
  const X like({200, 300});
  const BrownianPath path(like, Noise{.seed = 21}, LogSnrClock{ve});
  const X a = path.draw(1, {0.8, 0.55}), b = path.draw(2, {0.55, 0.54});
  double aa = 0, ab = 0, bb = 0, mean = 0;
  const auto count = static_cast<double>(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    aa += a.data()[i] * a.data()[i] / count;
    bb += b.data()[i] * b.data()[i] / count;
    ab += a.data()[i] * b.data()[i] / count;
    mean += a.data()[i] / count;
  }
  // 60000 elements: four standard errors are 0.016 for the means and 0.023 for the squares.
  CHECK(std::abs(mean) < 0.016);
  CHECK(std::abs(ab) < 0.016);
  CHECK(std::abs(aa - 1) < 0.023);
  CHECK(std::abs(bb - 1) < 0.023);
}

namespace {

/// Runs towards a known x₀ over any grid end at the same point of a path in the clock e^{rate·λ}.
/// `make(grid)` returns the sampler.
template <class F>
void adds_up(const AnySde& sde, double rate, const F& make) {
  const std::size_t samples = 40;
  const double begin = sde.t_max(), end = 0.3;
  const double noise = sde.marginal_prob(end).std;
  const BrownianPath path(X({samples, dim}), Noise{.seed = 4}, LogSnrClock(sde, begin, end, rate),
                          20);
  const X once = result(make(uniform_grid(begin, end, 1)), 0, path, samples);
  for (const std::size_t steps : {2u, 7u, 100u})
    for (const TimeGrid& grid :
         {uniform_grid(begin, end, steps), log_snr_grid(sde, begin, end, steps)})
      CHECK(distance(result(make(grid), 0, path, samples), once) / noise < 1e-10);
  const X other = result(make(uniform_grid(begin, end, 50)), 0, Noise{.seed = 4}, samples);
  CHECK(distance(other, once) / noise > 0.5);
}

}  // namespace

TEST_CASE("ancestral steps to a known x₀ end at the same point for any grid") {
  // (mean/std²)·x accumulates x₀·Δu + ΔW in the SNR clock: steps of any length add up exactly.
  const auto ancestral = [](const auto& sde) {
    adds_up(sde, 1, [&](const TimeGrid& grid) { return chain(sde, Ancestral{}, grid); });
  };
  ancestral(vp);
  ancestral(sub_vp);
  ancestral(ve);
  adds_up(vp, 1, [](const TimeGrid& grid) { return chain(vp, Ddim{1}, grid); });
}

TEST_CASE(
    "stochastic solvers to a known x₀ end at the same point for any grid, each in its clock") {
  adds_up(vp, 0.6, [](const TimeGrid& grid) {
    return solve(vp, SdeDpmSolverPlusPlus<2>{.eta = 0.6}, grid);
  });
  adds_up(ve, 0.49, [](const TimeGrid& grid) { return solve(ve, SaSolver<2>{.tau = 0.7}, grid); });
  adds_up(sub_vp, 1,
          [](const TimeGrid& grid) { return solve(sub_vp, DpmSolverPlusPlus2SAncestral{}, grid); });
}

namespace {

struct Convergence {
  std::array<double, 4> distances{};  ///< between runs of n and 2n steps, n = 32, 64, 128, 256
  double order = 0;                   ///< of the least-squares line through their logarithms
};

template <class N>
Convergence convergence(const std::function<Chain(std::size_t)>& make, const N& noise,
                        std::size_t samples) {
  Convergence out;
  X coarse = result(make(32), 0.5, noise, samples);
  for (std::size_t i = 0; i < 4; ++i) {
    X fine = result(make(std::size_t{64} << i), 0.5, noise, samples);
    out.distances[i] = distance(coarse, fine);
    out.order -= (static_cast<double>(i) - 1.5) / 5 * std::log2(out.distances[i]);
    coarse = std::move(fine);
  }
  return out;
}

/// Pathwise order 1 on the path; no convergence with independent noise in each run. `make(steps)`
/// returns the sampler.
template <class C>
void converges_pathwise(const char* name, const C& clock,
                        const std::function<Chain(std::size_t)>& make) {
  const std::size_t samples = 96;
  const BrownianPath path(X({samples, dim}), Noise{.seed = 11}, clock, 12);
  const Convergence same = convergence(make, path, samples);
  const Convergence other = convergence(make, Noise{.seed = 11}, samples);
  const auto& [a, b, c, d] = same.distances;
  const auto& [e, f, g, h] = other.distances;
  std::printf("%-34s path %.2e %.2e %.2e %.2e, order %.2f; independent %.2f %.2f %.2f %.2f\n", name,
              a, b, c, d, same.order, e, f, g, h);
  INFO(name << ": order " << same.order << " on the path, " << other.order << " without");
  CHECK(same.order == Approx(1).margin(0.15));
  CHECK(std::abs(other.order) < 0.15);
  CHECK(other.distances[3] > 20 * same.distances[3]);
}

TimeGrid even(std::size_t steps) { return uniform_grid(1, 0.05, steps); }

auto snr_clock(const AnySde& sde, double rate = 1) { return LogSnrClock(sde, 1, 0.05, rate); }

}  // namespace

TEST_CASE("runs of n, 2n, 4n, … steps converge pathwise with order 1 on one path") {
  converges_pathwise("VP, ancestral, SNR clock", snr_clock(vp), [](std::size_t steps) {
    return chain(vp, Ancestral{}, log_snr_grid(vp, 1, 0.05, steps));
  });
  converges_pathwise("VE, ancestral, SNR clock", snr_clock(ve),
                     [](std::size_t steps) { return chain(ve, Ancestral{}, even(steps)); });
  converges_pathwise("sub-VP, ancestral, SNR clock", snr_clock(sub_vp),
                     [](std::size_t steps) { return chain(sub_vp, Ancestral{}, even(steps)); });
  converges_pathwise("VP, DDIM(0.5), SNR^0.25 clock", snr_clock(vp, 0.25),
                     [](std::size_t steps) { return chain(vp, Ddim{0.5}, even(steps)); });
  converges_pathwise("VP, Euler-Maruyama, time clock", TimeClock(1, 0.05),
                     [](std::size_t steps) { return chain(vp, EulerMaruyama{}, even(steps)); });
}

TEST_CASE("runs converge with order 1 in a clock that matches their noise to first order only") {
  converges_pathwise("VP, ancestral (large), SNR clock", snr_clock(vp), [](std::size_t steps) {
    return chain(vp, Ancestral{.variance = PosteriorVariance::large}, even(steps));
  });
  converges_pathwise("VP, ancestral, time clock", TimeClock(1, 0.05),
                     [](std::size_t steps) { return chain(vp, Ancestral{}, even(steps)); });
  converges_pathwise("VP, Euler-Maruyama, SNR clock", snr_clock(vp),
                     [](std::size_t steps) { return chain(vp, EulerMaruyama{}, even(steps)); });
  converges_pathwise("VP, reverse diffusion, SNR clock", snr_clock(vp),
                     [](std::size_t steps) { return chain(vp, ReverseDiffusion{}, even(steps)); });
}

TEST_CASE("different predictors converge to the same sample of one path") {
  const AnySde& sde = vp;
  const std::size_t samples = 64;
  const BrownianPath path(X({samples, dim}), Noise{.seed = 6}, LogSnrClock(sde, 1, 0.05));
  const auto apart = [&](std::size_t steps) {
    return distance(result(chain(sde, Ancestral{}, even(steps)), 0.5, path, samples),
                    result(chain(sde, EulerMaruyama{}, even(steps)), 0.5, path, samples));
  };
  const double coarse = apart(64), fine = apart(256);
  CHECK(std::log2(coarse / fine) / 2 == Approx(1).margin(0.15));
}

TEST_CASE("correctors draw by index, independently of the path") {
  const AnySde& sde = vp;
  const TimeGrid grid(std::vector<double>{1, 0.5, 0.25});
  X x({6, dim}), by_hand({6, dim});
  auto model = data(sde, 0.5);
  const Noise noise{.seed = 2};
  const BrownianPath path(x, noise, TimeClock(1, 0.25));
  PredictorCorrector{sde, Ancestral{}, AnnealedLangevin{}, grid}.sample(model, x, path);
  draw_prior(by_hand, 1, noise.draw(0));
  X score(x.extents());
  const auto step = [&](double t, StepCoefficients c, const auto& z) {
    model.evaluate(by_hand, t, score);
    update(by_hand, score, model.score_form(t), c, z);
  };
  step(1, AnnealedLangevin{}.rule(sde, 1)({}), noise.draw(1));
  step(1, Ancestral{}.coefficients(sde, grid[0]), path.draw(2, {1, 0.5}));
  step(0.5, AnnealedLangevin{}.rule(sde, 0.5)({}), noise.draw(3));
  step(0.5, without_noise(Ancestral{}.coefficients(sde, grid[1])), NoiseDraw{});
  for (std::size_t i = 0; i < x.size(); ++i)
    CHECK(x.data()[i] == Approx(by_hand.data()[i]).epsilon(1e-13));
}

TEST_CASE("a run that leaves the path, and a path of another shape, are rejected") {
  const AnySde& sde = vp;
  X x({6, dim});
  const auto run = [&](const BrownianPath<X, TimeClock>& path, const TimeGrid& grid) {
    PredictorCorrector{sde, Ancestral{}, grid}.sample(data(sde, 0.5), x, path);
  };
  const BrownianPath path(x, Noise{}, TimeClock(1, 0.5), 6);
  CHECK_NOTHROW(run(path, uniform_grid(1, 0.5, 20)));
  CHECK_THROWS_WITH(run(path, uniform_grid(1, 0.25, 20)), Contains("outside the path"));
  CHECK_THROWS_WITH(run(path, uniform_grid(1, 0.5, 200)), Contains("depth 6"));
  CHECK_THROWS_AS(run({X({5, dim}), Noise{}, TimeClock(1, 0.5)}, uniform_grid(1, 0.5, 9)), Error);
  CHECK_THROWS_AS(run({x, Noise{}, TimeClock(1, 0.5), 40}, uniform_grid(1, 0.5, 9)), Error);
}
