// SPDX-License-Identifier: MIT
/// ProbabilityFlow: observed orders compared with the exact flow map, both directions, rejected
/// arguments.
#include <cmath>
#include <limits>
#include <vector>

#include <scoresde/sampler/final_step.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/sde/cosine_vp_sde.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/rectified_flow_sde.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"
#include "support/states.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using scoresde::test::difference;
using X = HostState<double>;

namespace {

constexpr Extents shape{3, 3};

template <class S>
Gaussian<S> data(const S& sde) {
  return {sde, {0.5, -1, 2}, {0.4, 0.2, 0.1, 0.2, 2, 0.3, 0.1, 0.3, 6}};
}

template <class S>
GaussianMixture<S> mixture(const S& sde) {
  return {sde, {0.4, 0.6}, {1, 0, -1, -0.5, 0.5, 2}, {0.2, 0.3}};
}

template <class S>
X prior(const S& sde) {
  X x(shape);
  draw_prior(x, sde.prior_std(), Noise{.seed = 1}.draw(0));
  return x;
}

/// The image of the prior draw under the exact flow.
template <class S>
X exact_end(const S& sde) {
  X x = prior(sde);
  data(sde).flow(x, sde.t_max(), sde.t_min(), x);
  return x;
}

template <class Sampler>
double error_of(const Sampler& sampler) {
  X x(shape);
  sampler.sample(data(sampler.sde()), x, Noise{.seed = 1});
  return difference(x, exact_end(sampler.sde()));
}

template <class I, class S>
void has_observed_order(const S& sde, std::size_t steps) {
  const double coarse = error_of(
      ProbabilityFlow{sde, I{}, uniform_grid(sde, steps), {.final_step = FinalStep::keep_noise}});
  const double fine = error_of(ProbabilityFlow{
      sde, I{}, uniform_grid(sde, 2 * steps), {.final_step = FinalStep::keep_noise}});
  INFO("errors " << coarse << " and " << fine);
  CHECK(std::log2(coarse / fine) == Approx(I::order).margin(0.15));
}

template <class S>
void has_observed_orders(const S& sde, std::size_t fifth = 40) {
  has_observed_order<Euler>(sde, 1600);
  has_observed_order<Heun>(sde, 400);
  has_observed_order<RungeKutta4>(sde, 160);
  has_observed_order<DormandPrince54>(sde, fifth);
}

/// A schedule whose flow shows fifth order well above rounding: under the usual one the error drops
/// from its pre-asymptotic range to 1e-13 at once.
const BetaSchedule gentle{.beta_min = 0.5, .beta_max = 8, .t_min = 0.01};

using Adaptive = AdaptiveRungeKutta<DormandPrince54>;

template <class S>
void adaptive_errors_follow_the_tolerance(const S& sde) {
  for (const auto scope : {Scope::batch, Scope::per_sample})
    for (const double tolerance : {1e-4, 1e-6, 1e-8}) {
      const ProbabilityFlow sampler{sde,
                                    Adaptive{.rtol = tolerance, .atol = tolerance, .scope = scope},
                                    {.final_step = FinalStep::keep_noise}};
      // Errors of single steps are at most the tolerance in the scaled norm; they accumulate over
      // the run and grow by the flow's condition number, which is small for these data.
      CHECK(error_of(sampler) < 100 * tolerance * (1 + sde.prior_std()));
    }
}

struct Bad {
  double value;
  std::size_t calls = 0;
  void evaluate(const X& x, double, X& out) {
    ++calls;
    for (std::size_t i = 0; i < x.size(); ++i) out.data()[i] = value;
  }
  ScoreForm score_form(double) const { return {}; }
};

}  // namespace

static_assert(Sampler<ProbabilityFlow<VpSde, Heun>, Gaussian<VpSde>, X, Noise>);
static_assert(Sampler<ProbabilityFlow<VpSde, Adaptive>, Gaussian<VpSde>, X, Noise>);

TEST_CASE("Euler, Heun, RungeKutta4 and DormandPrince54 show orders 1, 2, 4 and 5 under VP") {
  has_observed_orders(VpSde(gentle));
}

TEST_CASE("Euler, Heun, RungeKutta4 and DormandPrince54 show orders 1, 2, 4 and 5 under VE") {
  has_observed_orders(VeSde(), 160);
}

TEST_CASE("Euler, Heun, RungeKutta4 and DormandPrince54 show orders 1, 2, 4 and 5 under sub-VP") {
  has_observed_orders(SubVpSde(gentle));
}

TEST_CASE("Euler, Heun, RungeKutta4 and DormandPrince54 show orders 1, 2, 4 and 5 under others") {
  has_observed_orders(EdmSde({.sigma_min = 0.14, .sigma_max = 5}));
  has_observed_orders(CosineVpSde({.t_min = 0.01, .t_max = 0.93}));
  has_observed_orders(RectifiedFlowSde({.t_min = 0.05, .t_max = 0.9}));
  // f of a chain jumps at its levels; Euler's steps begin there and are not affected.
  has_observed_order<Euler>(DdpmSde(linear_betas(21, 0.01, 0.3)), 1600);
}

TEST_CASE("adaptive errors follow the tolerance under every SDE") {
  adaptive_errors_follow_the_tolerance(VpSde());
  adaptive_errors_follow_the_tolerance(VeSde());
  adaptive_errors_follow_the_tolerance(SubVpSde());
  adaptive_errors_follow_the_tolerance(EdmSde());
  adaptive_errors_follow_the_tolerance(CosineVpSde());
  adaptive_errors_follow_the_tolerance(RectifiedFlowSde());
}

TEST_CASE("encode maps data to noise and decode maps them back") {
  const auto round_trip = [](const auto& sampler, double tolerance) {
    X x = prior(VpSde());
    const X start = x;
    auto model = mixture(VpSde());
    Workspace<X, std::remove_cvref_t<decltype(sampler)>::buffers> work(x);
    sampler.encode(model, x, work);
    CHECK(difference(x, start) > 0.1);
    sampler.decode(model, x, work);
    CHECK(difference(x, start) < tolerance);
  };
  round_trip(ProbabilityFlow{VpSde(),
                             RungeKutta4{},
                             uniform_grid(VpSde(), 400),
                             {.final_step = FinalStep::keep_noise}},
             1e-6);
  round_trip(
      ProbabilityFlow{
          VpSde(), Adaptive{.rtol = 1e-9, .atol = 1e-9}, {.final_step = FinalStep::keep_noise}},
      1e-6);
  // decode accepts a grid of increasing times; sample does not.
  const ProbabilityFlow upwards{VpSde(),
                                RungeKutta4{},
                                uniform_grid(VpSde(), 50).reversed(),
                                {.final_step = FinalStep::keep_noise}};
  X x = prior(VpSde()), y = x;
  Workspace<X, upwards.buffers> work(x);
  upwards.decode(data(VpSde()), x, work);
  data(VpSde()).flow(y, 1e-3, 1, y);
  CHECK(difference(x, y) < 1e-4);
  CHECK_THROWS_WITH(upwards.sample(data(VpSde()), x, Noise{}), Contains("must decrease"));
}

TEST_CASE("nfe() and the statistics count every evaluation") {
  struct Counting : Gaussian<VpSde> {
    std::size_t calls = 0;
    Counting() : Gaussian(data(VpSde())) {}
    void evaluate(const X& x, double t, X& out) {
      ++calls;
      Gaussian::evaluate(x, t, out);
    }
    void evaluate(const X& x, std::span<const double> times, X& out) {
      ++calls;
      Gaussian::evaluate(x, times, out);
    }
  };
  const auto check = [](const auto& sampler, std::size_t wanted) {
    Counting model;
    X x(shape);
    const SamplerStatistics done = sampler.sample(model, x, Noise{});
    CHECK(model.calls == done.nfe);
    if constexpr (requires { sampler.nfe(); }) CHECK(sampler.nfe() == wanted);
    CHECK((wanted == 0 || done.nfe == wanted));
  };
  const TimeGrid grid = uniform_grid(VpSde(), 9);
  check(ProbabilityFlow{VpSde(), Euler{}, grid, {.final_step = FinalStep::keep_noise}}, 9);
  check(ProbabilityFlow{VpSde(), Heun{}, grid, {.final_step = FinalStep::keep_noise}}, 18);
  check(ProbabilityFlow{VpSde(), RungeKutta4{}, grid}, 37);
  check(ProbabilityFlow{VpSde(), DormandPrince54{}, grid, {.final_step = FinalStep::keep_noise}},
        54);
  check(ProbabilityFlow{VpSde(), scipy_rk45()}, 0);
  check(ProbabilityFlow{VpSde(), Adaptive{.scope = Scope::per_sample}}, 0);
}

TEST_CASE("results are bit-identical for any split of the batch, with fixed and per-sample steps") {
  const auto splits = [](const auto& sampler) {
    X whole({6, 3});
    sampler.sample(mixture(VpSde()), whole, Noise{.seed = 3});
    for (std::uint32_t first = 0; first < 6; first += 2) {
      X part({2, 3});
      sampler.sample(mixture(VpSde()), part, Noise{.seed = 3, .first_sample = first});
      for (std::size_t i = 0; i < 6; ++i) CHECK(part.data()[i] == whole.data()[3 * first + i]);
    }
  };
  splits(ProbabilityFlow{VpSde(), Heun{}, uniform_grid(VpSde(), 20)});
  splits(ProbabilityFlow{VpSde(), Adaptive{.scope = Scope::per_sample}});
}

TEST_CASE("the final step can return the posterior mean or follow the discrete chain") {
  const DiscreteVpSde sde(1000);
  const TimeGrid grid = uniform_grid(VpSde(), 20);
  X plain(shape), tweedie(shape), chain(shape), score(shape);
  auto model = data(sde);
  ProbabilityFlow{sde, Heun{}, grid, {.final_step = FinalStep::keep_noise}}.sample(
      model, plain, Noise{.seed = 1});
  ProbabilityFlow{sde, Heun{}, grid, {.final_step = FinalStep::denoise}}.sample(model, tweedie,
                                                                                Noise{.seed = 1});
  ProbabilityFlow{sde, Heun{}, grid, {.final_step = FinalStep::reverse_diffusion}}.sample(
      model, chain, Noise{.seed = 1});
  model.evaluate(plain, sde.t_min(), score);
  const MarginalProb p = sde.marginal_prob(sde.t_min());
  const double beta = sde.discrete_beta(0);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const double x = plain.data()[i], s = score.data()[i];
    CHECK(tweedie.data()[i] == Approx((x + p.std * p.std * s) / p.mean).epsilon(1e-13));
    CHECK(chain.data()[i] == Approx((2 - std::sqrt(1 - beta)) * x + beta * s).epsilon(1e-13));
  }
  CHECK_THROWS_WITH(
      (ProbabilityFlow{VpSde(), Heun{}, grid, {.final_step = FinalStep::reverse_diffusion}}),
      Contains("discrete chain"));
  CHECK_THROWS_WITH(
      (ProbabilityFlow{VpSde(), Heun{}, grid, {.final_step = FinalStep::drop_last_noise}}),
      Contains("final_step is drop_last_noise; it must be one of keep_noise, denoise, "
               "reverse_diffusion"));
  CHECK_THROWS_WITH((ProbabilityFlow{VpSde(), Heun{}, grid.reversed()}),
                    Contains("final_step is denoise") && Contains("keep_noise"));
}

TEST_CASE("NaN or infinity from a model is rejected at once") {
  for (const double value :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    X x(shape);
    Bad model{value};
    CHECK_THROWS_WITH(
        (ProbabilityFlow{VpSde(), Heun{}, uniform_grid(VpSde(), 50)}.sample(model, x, Noise{})),
        Contains("not finite"));
    CHECK(model.calls == 2);
    Bad adaptive{value};
    CHECK_THROWS_WITH((ProbabilityFlow{VpSde(), scipy_rk45()}.sample(adaptive, x, Noise{})),
                      Contains("not finite"));
    CHECK(adaptive.calls == 1);
  }
}

TEST_CASE("ProbabilityFlow rejects invalid arguments and names them") {
  X x(shape);
  Bad one_time{0};
  CHECK_THROWS_WITH(
      (ProbabilityFlow{VpSde(), Adaptive{.scope = Scope::per_sample}}.sample(one_time, x, Noise{})),
      Contains("time per sample"));
  CHECK_THROWS_WITH((ProbabilityFlow{VpSde(), Adaptive{}, uniform_grid(VpSde(), 4)}),
                    Contains("4 steps"));
  CHECK_THROWS_WITH((ProbabilityFlow{VpSde(), Adaptive{.rtol = -1}}), Contains("rtol is -1"));
  CHECK_THROWS_AS((ProbabilityFlow{VpSde(), scipy_rk45(), TimeStep{1.5, 0.1}}), Error);
  CHECK_THROWS_AS((ProbabilityFlow{VpSde(), Heun{}, score_sde_grid(1, 1e-3, 10)}), Error);
  const ProbabilityFlow sampler{VpSde(), Heun{}, uniform_grid(VpSde(), 4)};
  X other({2, 2});
  Workspace<X, sampler.buffers> work(other);
  CHECK_THROWS_WITH(sampler.decode(data(VpSde()), x, work), Contains("2 samples of dimension 2"));
}
