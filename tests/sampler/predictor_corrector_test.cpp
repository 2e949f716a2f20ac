// SPDX-License-Identifier: MIT
/// PredictorCorrector: evaluations, draws, orders, splitting of batches, rejected arguments.
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/corrector/annealed_langevin.hpp>
#include <scoresde/corrector/langevin.hpp>
#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/ddim.hpp>
#include <scoresde/predictor/euler_maruyama.hpp>
#include <scoresde/predictor/no_predictor.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/log_snr_grid.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using X = HostState<double>;

namespace {

constexpr Extents shape{4, 3};

template <class S>
GaussianMixture<S> data(const S& sde) {
  return {sde, {0.4, 0.6}, {1, 0, -1, -0.5, 0.5, 2}, {0.04, 0.3}};
}

/// A model that records the times of its evaluations and can return one output that is not finite.
struct Witness {
  GaussianMixture<VpSde> exact = data(VpSde());
  std::vector<double> times{};
  double bad_below = -1;
  double bad_value = std::numeric_limits<double>::quiet_NaN();

  void evaluate(const X& x, double t, X& output) {
    times.push_back(t);
    exact.evaluate(x, t, output);
    if (t < bad_below) output(2, 1) = bad_value;
  }
  ScoreForm score_form(double t) const { return exact.score_form(t); }
};

/// Noise that counts its draws by index.
struct CountingNoise {
  std::map<std::uint64_t, int>* count;
  NoiseDraw draw(std::uint64_t index) const {
    ++(*count)[index];
    return Noise{.seed = 5}.draw(index);
  }
};

/// Evaluations and draws of one run equal nfe(): each evaluation takes one draw, once.
template <class P, class C>
void counts(const P& predictor, const C& corrector, PredictorCorrectorOptions options,
            std::size_t wanted) {
  const PredictorCorrector sampler{VpSde(), predictor, corrector, uniform_grid(VpSde(), 7),
                                   options};
  CHECK(sampler.nfe() == wanted);
  Witness model;
  std::map<std::uint64_t, int> draws;
  X x(shape);
  const SamplerStatistics done = sampler.sample(model, x, CountingNoise{&draws});
  CHECK(done.nfe == wanted);
  CHECK(done.accepted == 7);
  CHECK(model.times.size() == wanted);
  CHECK(draws.size() == wanted + 1);
  for (const auto& [index, times] : draws) {
    CHECK(index <= wanted);
    CHECK(times == 1);
  }
}

/// A timed source that returns the draws of Noise and records the requests.
struct TimedNoise {
  std::vector<std::uint64_t>* by_number;
  std::vector<std::pair<std::uint64_t, TimeStep>>* by_time;
  X* buffer;
  NoiseDraw draw(std::uint64_t index) const {
    by_number->push_back(index);
    return Noise{.seed = 5}.draw(index);
  }
  const X& draw(std::uint64_t index, TimeStep step) const {
    by_time->push_back({index, step});
    draw_prior(*buffer, 1, Noise{.seed = 5}.draw(index));
    return *buffer;
  }
};

template <class Sampler, class T = double>
HostState<T> samples(const Sampler& sampler, std::size_t first, std::size_t count) {
  HostState<T> x({count, 3});
  sampler.sample(data(sampler.sde()), x,
                 Noise{.seed = 9, .first_sample = static_cast<std::uint32_t>(first)});
  return x;
}

template <class T, class Sampler>
void splits(const Sampler& sampler) {
  const auto whole = samples<Sampler, T>(sampler, 0, 10);
  for (const auto& [first, count] : {std::pair<std::size_t, std::size_t>{0, 3}, {3, 1}, {4, 6}}) {
    const auto part = samples<Sampler, T>(sampler, first, count);
    for (std::size_t k = 0; k < count; ++k)
      for (std::size_t e = 0; e < 3; ++e) CHECK(part(k, e) == whole(first + k, e));
  }
}

PredictorCorrector<VpSde, ReverseDiffusion, Langevin> usual(std::size_t steps = 8) {
  return {VpSde(), ReverseDiffusion{}, Langevin{}, uniform_grid(VpSde(), steps)};
}

}  // namespace

static_assert(Sampler<decltype(usual()), Witness, X, Noise>);
static_assert(TimedNoiseSource<TimedNoise, X> && !TimedNoiseSource<Noise, X>);
static_assert(!TimedNoiseSource<RecordedNoise<X>, X>);
static_assert(predictor_corrector_fits<VpSde, Ancestral, NoCorrector>);
static_assert(!predictor_corrector_fits<VpSde, Langevin, NoCorrector>);
static_assert(!predictor_corrector_fits<VpSde, Ancestral, Ancestral>);
static_assert(!predictor_corrector_fits<int, Ancestral, NoCorrector>);

TEST_CASE("nfe() is the number of evaluations, and every evaluation takes its own draw") {
  const auto later = StepOrder::predictor_first;
  counts(EulerMaruyama{}, NoCorrector{}, {}, 7);
  counts(EulerMaruyama{.probability_flow = true}, NoCorrector{}, {}, 7);
  counts(Ancestral{}, Langevin{}, {}, 14);
  counts(Ancestral{}, Langevin{.steps = 3}, {}, 28);
  counts(Ancestral{}, Langevin{.steps = 0}, {}, 7);
  counts(NoPredictor{}, AnnealedLangevin{.steps = 2}, {}, 14);
  counts(NoPredictor{}, NoCorrector{}, {}, 0);
  counts(Ancestral{}, Langevin{}, {.order = later}, 13);
  counts(Ancestral{}, Langevin{}, {.order = later, .final_step = FinalStep::keep_noise}, 14);
  counts(NoPredictor{}, Langevin{}, {.order = later}, 7);
}

TEST_CASE(
    "a timed source is called with times for predictors, with the index for everything else") {
  const TimeGrid grid(std::vector<double>{1, 0.6, 0.3});
  X timed(shape), numbered(shape), buffer(shape);
  std::vector<std::uint64_t> by_number;
  std::vector<std::pair<std::uint64_t, TimeStep>> by_time;
  const auto run = [&](FinalStep final_step) {
    by_number.clear();
    by_time.clear();
    const PredictorCorrector sampler{
        VpSde(), Ancestral{}, AnnealedLangevin{}, grid, {.final_step = final_step}};
    sampler.sample(data(VpSde()), timed, TimedNoise{&by_number, &by_time, &buffer});
    sampler.sample(data(VpSde()), numbered, Noise{.seed = 5});
    for (std::size_t i = 0; i < timed.size(); ++i)
      CHECK(timed.data()[i] == Approx(numbered.data()[i]).epsilon(1e-12));
  };
  using Asked = std::vector<std::pair<std::uint64_t, TimeStep>>;
  run(FinalStep::keep_noise);
  CHECK(by_number == std::vector<std::uint64_t>{0, 1, 3});
  CHECK(by_time == Asked{{2, {1, 0.6}}, {4, {0.6, 0.3}}});
  run(FinalStep::drop_last_noise);
  CHECK(by_number == std::vector<std::uint64_t>{0, 1, 3});
  CHECK(by_time == Asked{{2, {1, 0.6}}});
}

TEST_CASE("the two orders correct at t and at t_next") {
  const TimeGrid grid(std::vector<double>{1, 0.6, 0.3});
  const auto times = [&](StepOrder order) {
    Witness model;
    X x(shape);
    PredictorCorrector{VpSde(), Ancestral{}, Langevin{}, grid, {.order = order}}.sample(model, x,
                                                                                        Noise{});
    return model.times;
  };
  CHECK(times(StepOrder::corrector_first) == std::vector<double>{1, 1, 0.6, 0.6});
  CHECK(times(StepOrder::predictor_first) == std::vector<double>{1, 0.6, 0.6});
}

TEST_CASE("drop_last_noise omits only the noise of the last predictor step") {
  const TimeGrid grid = uniform_grid(VpSde(), 6);
  X with(shape), without(shape);
  const auto run = [&](FinalStep final_step, X& x) {
    PredictorCorrector{VpSde(), ReverseDiffusion{}, grid, {.final_step = final_step}}.sample(
        data(VpSde()), x, Noise{.seed = 3});
  };
  run(FinalStep::keep_noise, with);
  run(FinalStep::drop_last_noise, without);
  X z(shape);
  draw_prior(z, 1, Noise{.seed = 3}.draw(6));
  const double c = ReverseDiffusion{}.coefficients(VpSde(), grid.back()).noise;
  for (std::size_t i = 0; i < z.size(); ++i)
    CHECK(with.data()[i] - without.data()[i] ==
          Approx(c * z.data()[i]).epsilon(1e-11).margin(1e-13));
}

TEST_CASE("FinalStep::denoise predicts the data from the result of keep_noise") {
  const TimeGrid grid = uniform_grid(VpSde(), 6);
  X kept(shape), denoised(shape), score(shape);
  const auto run = [&](FinalStep final_step, X& x) {
    return PredictorCorrector{VpSde(), Ancestral{}, Langevin{}, grid, {.final_step = final_step}}
        .sample(data(VpSde()), x, Noise{.seed = 3});
  };
  CHECK(run(FinalStep::keep_noise, kept).nfe + 1 == run(FinalStep::denoise, denoised).nfe);
  const double t = VpSde().t_min();
  data(VpSde()).evaluate(kept, t, score);
  const MarginalProb p = VpSde().marginal_prob(t);
  for (std::size_t i = 0; i < kept.size(); ++i)
    CHECK(denoised.data()[i] ==
          Approx((kept.data()[i] + p.std * p.std * score.data()[i]) / p.mean).epsilon(1e-12));
}

TEST_CASE("results are bit-identical for any split of the batch, in float and double") {
  const TimeGrid grid = uniform_grid(VpSde(), 8);
  splits<double>(usual());
  splits<float>(usual());
  splits<float>(PredictorCorrector{VpSde(), Ancestral{}, AnnealedLangevin{}, grid});
  splits<float>(PredictorCorrector{VpSde(), EulerMaruyama{}, NoCorrector{}, grid});
}

TEST_CASE("with Scope::batch a sample depends on its batch") {
  const PredictorCorrector sampler{VpSde(), ReverseDiffusion{}, Langevin{.scope = Scope::batch},
                                   uniform_grid(VpSde(), 8)};
  CHECK(samples(sampler, 0, 10)(0, 0) != samples(sampler, 0, 1)(0, 0));
}

TEST_CASE("two runs with one seed are bit-identical, and another seed changes the result") {
  X a(shape), b(shape), c(shape);
  const auto sampler = usual();
  sampler.sample(data(VpSde()), a, Noise{.seed = 1});
  sampler.sample(data(VpSde()), b, Noise{.seed = 1});
  sampler.sample(data(VpSde()), c, Noise{.seed = 2});
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK(a.data()[i] == b.data()[i]);
    CHECK(a.data()[i] != c.data()[i]);
  }
}

TEST_CASE("NaN or infinity from a model is rejected, at the latest at the end") {
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    X x(shape);
    Witness at_once{.bad_below = 2, .bad_value = bad};
    CHECK_THROWS_WITH(usual(100).sample(at_once, x, Noise{}),
                      Contains("sample 2") && Contains("finite at t = 1,"));
    CHECK(at_once.times.size() == 2);
    Witness last{.bad_below = 0.015, .bad_value = bad};
    // The last checks are after step 64, which ends at t = 0.36064, and step 100.
    CHECK_THROWS_WITH(
        usual(100).sample(last, x, Noise{}),
        Contains("not finite at t = 0.001") && Contains("it was finite at t = 0.3606"));
  }
}

TEST_CASE("mismatched shapes are rejected with their extents") {
  X x(shape), other({4, 2});
  Workspace<X, decltype(usual())::buffers> work(other);
  CHECK_THROWS_WITH(usual().integrate(data(VpSde()), x, Noise{}, work),
                    Contains("4 samples of dimension 2"));
  CHECK_THROWS_AS(usual().sample(data(VpSde()), other, Noise{}), Error);
  X empty;
  CHECK_THROWS_WITH(usual().sample(data(VpSde()), empty, Noise{}), Contains("empty"));
  const std::vector<X> draws(20, X({2, 3}));
  CHECK_THROWS_AS(usual().sample(data(VpSde()), x, RecordedNoise<X>{std::span<const X>(draws)}),
                  Error);
}

TEST_CASE("the constructor rejects grids and parameters out of range") {
  const auto make = [](const TimeGrid& grid, Langevin langevin = {},
                       PredictorCorrectorOptions options = {}) {
    PredictorCorrector{VpSde(), Ancestral{}, langevin, grid, options};
  };
  const TimeGrid good = uniform_grid(VpSde(), 5);
  CHECK_THROWS_WITH(make(good.reversed()), Contains("must decrease"));
  CHECK_THROWS_WITH(make(TimeGrid(std::vector<double>{1.5, 0.5})), Contains("[0, T]"));
  CHECK_THROWS_AS(make(TimeGrid(std::vector<TimeStep>{{0.5, 0.4}, {-0.1, -0.2}})), Error);
  CHECK_THROWS_WITH(make(good, Langevin{.snr = -0.16}), Contains("snr is -0.16"));
  CHECK_THROWS_WITH(make(good, Langevin{.steps = -1}), Contains("steps is -1"));
  CHECK_THROWS_AS(make(score_sde_grid(1, 1e-3, 5), {}, {.order = StepOrder::predictor_first}),
                  Error);
  CHECK_THROWS_WITH(make(good, {}, {.final_step = FinalStep::to_data}),
                    Contains("final_step is to_data; it must be one of keep_noise, "
                             "drop_last_noise, denoise, reverse_diffusion"));
  CHECK_THROWS_WITH(make(good, {}, {.final_step = FinalStep::reverse_diffusion}),
                    Contains("discrete chain"));
  CHECK_THROWS_WITH(make(uniform_grid(VpSde(), 0)), Contains("steps is 0"));
  CHECK_THROWS_WITH(make(uniform_grid(1, 1, 5)), Contains("eps is 1"));
}

TEST_CASE("a discrete chain rejects another number of steps") {
  CHECK_THROWS_WITH((PredictorCorrector{DiscreteVpSde(1000), Ancestral{}, NoCorrector{},
                                        uniform_grid(VpSde(), 100)}),
                    Contains("levels"));
}

TEST_CASE("the constructor rejects steps that predictor, corrector or SDE cannot take") {
  const TimeGrid below_zero = score_sde_grid(1, 1e-5, 1000);
  const auto rejects = [&](const auto& sde, const auto& predictor, const auto& corrector,
                           const TimeGrid& grid, const char* reason,
                           PredictorCorrectorOptions options = {}) {
    CHECK_THROWS_WITH((PredictorCorrector{sde, predictor, corrector, grid, options}),
                      Contains("predictor-corrector: ") && Contains(reason));
  };
  const char* const last = "step 999 of the grid, from t = 1e-05 to -0.00";
  rejects(VeSde(), Ancestral{}, NoCorrector{}, below_zero, last);
  rejects(VeSde(), ReverseDiffusion{}, NoCorrector{}, below_zero, last);
  rejects(VeSde(), Ddim{}, NoCorrector{}, below_zero, last);
  rejects(VeSde(), EulerAncestral{}, Langevin{}, below_zero, last);
  CHECK_NOTHROW(PredictorCorrector{VeSde(), EulerMaruyama{}, NoCorrector{}, below_zero});
  CHECK_NOTHROW(PredictorCorrector{DiscreteVeSde(1000), Ancestral{}, Langevin{}, below_zero});
  rejects(DiscreteVpSde(1000), Ancestral{}, NoCorrector{}, log_snr_grid(VpSde(), 1000), "levels");
  // beta_14 of a chain of 15 levels is above 1.
  rejects(DiscreteVpSde(15), NoPredictor{}, Langevin{}, uniform_grid(VpSde(), 15), "beta_i is 1.3");
  // A step with infinite coefficients of the SDE.
  struct Endless : VpSde {
    double diffusion(double t) const { return 1 / (t - 0.5); }
  };
  rejects(Endless(), EulerMaruyama{}, NoCorrector{}, uniform_grid(1, 0, 4),
          "the coefficients of step 2 of the grid, from t = 0.5 to 0.25");
}

TEST_CASE("times at which the model has no score are rejected before it is evaluated") {
  X x(shape);
  std::size_t calls = 0;
  auto model = noise_prediction(
      [&](const X& in, double, X& out) {
        ++calls;
        out = in;
      },
      VpSde());
  const TimeGrid to_zero = uniform_grid(1, 0, 10);
  CHECK_NOTHROW(
      PredictorCorrector{VpSde(), Ancestral{}, NoCorrector{}, to_zero}.sample(model, x, Noise{}));
  CHECK(calls == 10);
  const PredictorCorrector at_zero{
      VpSde(),
      Ancestral{},
      Langevin{},
      to_zero,
      {.order = StepOrder::predictor_first, .final_step = FinalStep::keep_noise}};
  CHECK_THROWS_WITH(at_zero.sample(model, x, Noise{}), Contains("the model's score at t = 0"));
  CHECK(calls == 10);
}

TEST_CASE(
    "Langevin's norms per sample are rejected in 1 and 2 dimensions, where the variance is "
    "infinite") {
  const TimeGrid grid = uniform_grid(VpSde(), 3);
  auto model = score_function([](const X& in, double, X& out) {
    for (std::size_t i = 0; i < in.size(); ++i) out.data()[i] = -in.data()[i];
  });
  for (const std::size_t dim : {1u, 2u, 3u}) {
    X x({4, dim});
    const auto run = [&](auto corrector) {
      PredictorCorrector{VpSde(), NoPredictor{}, corrector, grid}.sample(model, x, Noise{});
    };
    if (dim < 3)
      CHECK_THROWS_WITH(run(Langevin{}), Contains("scope is per_sample") &&
                                             Contains("dimension " + std::to_string(dim)) &&
                                             Contains("Scope::batch"));
    else
      CHECK_NOTHROW(run(Langevin{}));
    CHECK_NOTHROW(run(Langevin{.steps = 0}));
    CHECK_NOTHROW(run(Langevin{.scope = Scope::batch}));
    CHECK_NOTHROW(run(AnnealedLangevin{}));
  }
}

TEST_CASE("a score that nearly vanishes is rejected by Langevin instead of moving x to infinity") {
  const VpSde sde;
  const auto run = [&](auto scalar, double factor, Scope scope) {
    using Scalar = decltype(scalar);
    using State = HostState<Scalar>;
    State x({.samples = 4, .dim = 16});
    auto model = score_function([factor](const State& in, double, State& output) {
      for (std::size_t k = 0; k < 4; ++k)
        for (std::size_t e = 0; e < 16; ++e)
          output(k, e) = static_cast<Scalar>((k == 0 ? factor : -1) * double(in(k, e)));
    });
    const PredictorCorrector sampler(sde, NoPredictor{}, Langevin{.snr = 0.16, .scope = scope},
                                     uniform_grid(sde, 10));
    sampler.sample(model, x, Noise{.seed = 3});
    return std::abs(double(x(0, 0)));
  };
  for (const double factor : {-1e-20, -1e-12}) {
    CAPTURE(factor);
    CHECK_THROWS_WITH(run(float{}, factor, Scope::per_sample),
                      Contains("Langevin: at t = 1 the norm of the score is") &&
                          Contains("must be 0 or at least 1e-08"));
    CHECK_THROWS_WITH(run(double{}, factor, Scope::per_sample),
                      Contains("Langevin: at t = 1 the norm of the score is"));
    // The mean of the norms does not vanish, and neither does that of an untrained network.
    CHECK(run(double{}, factor, Scope::batch) < 10);
  }
  CHECK(std::isfinite(run(double{}, -1e-5, Scope::per_sample)));
  for (const Scope scope : {Scope::per_sample, Scope::batch}) CHECK(run(float{}, 0, scope) < 10);
}
