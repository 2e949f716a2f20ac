// SPDX-License-Identifier: MIT
/// Multistep: evaluations, models of every kind, splits, final steps, both directions, refusals.
#include <cmath>
#include <limits>
#include <vector>

#include <scoresde/sampler/multistep.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/solver/dpm_solver.hpp>
#include <scoresde/solver/dpm_solver_single_step.hpp>
#include <scoresde/solver/unipc.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/log_snr_grid.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using X = HostState<double>;

namespace {

template <class S>
GaussianMixture<S> mixture(const S& sde) {
  return {sde, {0.4, 0.6}, {1, 0, -1, -0.5, 0.5, 2}, {0.2, 0.3}};
}

double difference(const X& a, const X& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::abs(a.data()[i] - b.data()[i]));
  return worst;
}

template <class Use>
void with_every_solver(Use use) {
  use(DdimSolver{});
  use(DpmSolver<2>{});
  use(DpmSolver<3>{});
  use(DpmSolverPlusPlus<2>{});
  use(DpmSolverPlusPlus<3>{});
  use(DpmSolverSingleStep<2>{});
  use(DpmSolverSingleStep<3>{});
  use(DpmSolverPlusPlusSingleStep<2>{});
  use(DpmSolverPlusPlusSingleStep<3>{});
  for (const auto prediction : {Prediction::noise, Prediction::data}) {
    use(UniPc<2>{.prediction = prediction});
    use(UniPc<3>{.variant = UniPcVariant::bh1, .prediction = prediction});
    use(UniPc<4>{.prediction = prediction, .corrector = false});
  }
}

template <class S>
struct Counting : GaussianMixture<S> {
  std::size_t calls = 0;
  explicit Counting(const S& sde) : GaussianMixture<S>(mixture(sde)) {}
  void evaluate(const X& x, double t, X& out) {
    ++calls;
    GaussianMixture<S>::evaluate(x, t, out);
  }
};

/// The exact model as a function of what a network predicts: output ← (score − p·x)/q.
template <class Output, class S>
auto predicting(Output output, const S& sde) {
  auto function = [output, model = mixture(sde)](const X& x, double t, X& out) mutable {
    model.evaluate(x, t, out);
    const ScoreForm form = output(t);
    for (std::size_t i = 0; i < x.size(); ++i)
      out.data()[i] = (out.data()[i] - form.state * x.data()[i]) / form.output;
  };
  return FunctionModel<decltype(function), Output>(function, output);
}

template <class S>
void every_model_gives_the_same(const S& sde) {
  with_every_solver([&](const auto& solver) {
    const Multistep sampler{sde, solver, log_snr_grid(sde, 12)};
    X score({2, 3}), noise({2, 3}), denoised({2, 3}), velocity({2, 3});
    sampler.sample(mixture(sde), score, Noise{.seed = 5});
    sampler.sample(predicting(NoiseOutput<S>{sde}, sde), noise, Noise{.seed = 5});
    sampler.sample(predicting(DenoiserOutput<S>{sde}, sde), denoised, Noise{.seed = 5});
    sampler.sample(predicting(VelocityOutput<S>{sde}, sde), velocity, Noise{.seed = 5});
    // What is left is rounding, magnified where a prediction is a small difference of large terms.
    for (const X* other : {&noise, &denoised, &velocity}) CHECK(difference(score, *other) < 1e-9);
  });
}

}  // namespace

static_assert(Sampler<Multistep<VpSde, DpmSolver<2>>, GaussianMixture<VpSde>, X, Noise>);
static_assert(Sampler<Multistep<VeSde, UniPc<3>>, GaussianMixture<VeSde>, X, Noise>);
static_assert(multistep_fits<VpSde, UniPc<2>> && !multistep_fits<VpSde, int>);

TEST_CASE("the evaluations asked for are those counted, for every solver and 1 to 50 steps") {
  const VpSde sde;
  with_every_solver([&](const auto& solver) {
    for (std::size_t steps = 1; steps <= 50; ++steps)
      for (const auto last : {FinalStep::to_eps, FinalStep::to_zero, FinalStep::denoise}) {
        const Multistep sampler{sde, solver, uniform_grid(sde, steps), {.final_step = last}};
        Counting<VpSde> model(sde);
        X x({1, 3});
        const SamplerStatistics done = sampler.sample(model, x, Noise{});
        const std::size_t wanted = steps + (last == FinalStep::denoise ? 1 : 0);
        if (model.calls != wanted || done.nfe != wanted || sampler.nfe() != wanted)
          FAIL_CHECK(steps << " steps: " << model.calls << " calls, nfe() " << sampler.nfe());
      }
  });
}

TEST_CASE("score, noise, data and velocity networks give the same samples with every solver") {
  every_model_gives_the_same(VpSde());
  every_model_gives_the_same(SubVpSde());
  every_model_gives_the_same(VeSde());
}

TEST_CASE("batches split in any way give the same bits with every solver") {
  with_every_solver([](const auto& solver) {
    const Multistep sampler{VpSde(), solver, log_snr_grid(VpSde(), 10)};
    X whole({6, 3});
    sampler.sample(mixture(VpSde()), whole, Noise{.seed = 3});
    for (const std::uint32_t size : {1, 2, 3})
      for (std::uint32_t first = 0; first < 6; first += size) {
        X part({size, 3});
        sampler.sample(mixture(VpSde()), part, Noise{.seed = 3, .first_sample = first});
        for (std::size_t i = 0; i < 3 * size; ++i)
          CHECK(part.data()[i] == whole.data()[3 * first + i]);
      }
  });
}

TEST_CASE("encode then decode returns the input, and better with more steps") {
  const VpSde sde;
  const auto round_trip = [&](const auto& solver, std::size_t steps) {
    const TimeGrid grid = log_snr_grid(sde, steps);
    X x({4, 3});
    draw_prior(x, 1, Noise{.seed = 2}.draw(0));
    const X start = x;
    auto model = mixture(sde);
    Workspace<X, std::remove_cvref_t<decltype(solver)>::history> work(x);
    Multistep{sde, solver, grid.reversed()}.integrate(model, x, Noise{}, work);
    CHECK(difference(x, start) > 0.1);
    Multistep{sde, solver, grid}.integrate(model, x, Noise{}, work);
    return difference(x, start);
  };
  with_every_solver([&](const auto& solver) {
    const double coarse = round_trip(solver, 60), fine = round_trip(solver, 240);
    INFO("order " << solver.order << ": " << coarse << " and " << fine);
    CHECK(fine < coarse / (solver.order == 1 ? 2 : 8));
    CHECK(fine < (solver.order == 1 ? 0.2 : 0.02));
  });
}

TEST_CASE("the final step ends in noise, in the data predicted before it, or in those after it") {
  const VpSde sde;
  const TimeGrid grid = log_snr_grid(sde, 9);
  with_every_solver([&](const auto& solver) {
    const auto run = [&](FinalStep last) {
      X x({2, 3});
      Multistep{sde, solver, grid, {.final_step = last}}.sample(mixture(sde), x, Noise{.seed = 1});
      return x;
    };
    const auto data_at = [&](X x, double t) {
      X score({2, 3});
      mixture(sde).evaluate(x, t, score);
      const MarginalProb p = sde.marginal_prob(t);
      for (std::size_t i = 0; i < x.size(); ++i)
        x.data()[i] = (x.data()[i] + p.std * p.std * score.data()[i]) / p.mean;
      return x;
    };
    CHECK(difference(run(FinalStep::denoise), data_at(run(FinalStep::to_eps), 1e-3)) < 1e-12);
    struct {
      X before{};
      void on_step(const ObservedStep& step, const X& x) {
        if (step.index == 7) before = x;
      }
    } observer;
    X x({2, 3});
    Multistep{sde, solver, grid, {.final_step = FinalStep::to_zero}}.sample(
        mixture(sde), x, Noise{.seed = 1}, observer);
    CHECK(difference(x, data_at(observer.before, grid.back().t)) < 1e-12);
  });
}

TEST_CASE("what does not fit a fast solver is refused by name") {
  const VpSde sde;
  const DpmSolver<2> solver;
  const auto at = [&](std::vector<double> times) { return TimeGrid(times); };
  CHECK_THROWS_WITH((Multistep{sde, solver, at({1, 0.5, 0})}), Contains("infinite"));
  CHECK_THROWS_WITH((Multistep{sde, solver, at({1.5, 0.5})}), Contains("[0, T]"));
  CHECK_THROWS_WITH((Multistep{sde, solver, song_grid(1, 0.2, 10)}),
                    Contains("follow one another"));
  CHECK_THROWS_WITH((Multistep{sde, solver, at({0.1, 0.5}), {.final_step = FinalStep::to_zero}}),
                    Contains("only a run to the data"));
  const Multistep upwards{sde, solver, at({0.1, 0.5})};
  X x({2, 3});
  CHECK_THROWS_WITH(upwards.sample(mixture(sde), x, Noise{}), Contains("must decrease"));
  const Multistep sampler{sde, solver, uniform_grid(sde, 4)};
  X other({2, 2});
  Workspace<X, sampler.buffers> work(other);
  CHECK_THROWS_WITH(sampler.integrate(mixture(sde), x, Noise{}, work),
                    Contains("2 samples of dimension 2"));
  auto bad = score_function(
      [](const X&, double, X& out) { out.data()[0] = std::numeric_limits<double>::quiet_NaN(); });
  CHECK_THROWS_WITH(sampler.sample(bad, x, Noise{}), Contains("not finite"));
}
