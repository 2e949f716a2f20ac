// SPDX-License-Identifier: MIT
/// Constraints in a run: when they are called, with which states and draws, and what is unchanged.
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <scoresde/corrector/langevin.hpp>
#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/no_predictor.hpp>
#include <scoresde/sampler/clipped_ddim.hpp>
#include <scoresde/sampler/constraint.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/solver/dpm_solver_single_step.hpp>
#include <scoresde/solver/sde_dpm_solver.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/log_snr_grid.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Batch = HostState<double>;

namespace constraint_test {

/// Records its calls and changes nothing.
template <bool before, bool noise>
struct Recorder {
  static constexpr bool needs_before = before, needs_noise = noise;
  std::vector<TimeStep> steps{};
  std::vector<std::uint64_t> draws{};
  std::vector<Batch> befores{}, afters{};
  double started = -1;
  std::uint64_t start_draw = 99;
  int ended = 0;

  void after_start(Batch&, double t, const NoiseDraw& z) {
    started = t;
    start_draw = z.index;
  }
  template <class M>
  void after_update(const Batch& x_before, Batch& x, TimeStep step, M&, const NoiseDraw& z) {
    steps.push_back(step);
    draws.push_back(z.index);
    befores.push_back(x_before);
    afters.push_back(x);
  }
  void after_end(Batch&) { ++ended; }
};

/// x ← z.
struct Replace {
  static constexpr bool needs_before = false, needs_noise = true;
  template <class M>
  void after_update(const Batch&, Batch& x, TimeStep, M&, const Batch& z) {
    assign(x, {{1, z}});
  }
};

const VpSde sde;

Gaussian<VpSde> data() { return {sde, {0.5, -1, 0.2}, {1, 0.5, 0.25}}; }

/// The result of a sampler from the prior; `rest` is an observer and a constraint, or nothing.
template <class Sampler, class... Rest>
Batch sampled(const Sampler& sampler, Rest&&... rest) {
  Batch x({2, 3});
  auto model = data();
  sampler.sample(model, x, Noise{.seed = 5}, rest...);
  return x;
}

bool same_bits(const Batch& a, const Batch& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

std::vector<double> ends_of(const std::vector<TimeStep>& steps) {
  std::vector<double> ends;
  for (const TimeStep step : steps) ends.push_back(step.t_next);
  return ends;
}

}  // namespace constraint_test

TEST_CASE("a constraint follows the corrections and the predictor of every step") {
  using namespace constraint_test;
  const TimeGrid grid(std::vector<double>{1, 0.5, 0.1});
  const Langevin two{.steps = 2};
  Recorder<true, true> first, second;
  sampled(PredictorCorrector{sde, Ancestral{}, two, grid}, NoObserver{}, first);
  CHECK(first.started == 1);
  CHECK(first.start_draw == 0);
  CHECK(first.ended == 1);
  CHECK(ends_of(first.steps) == std::vector<double>{1, 0.5, 0.5, 0.1});
  CHECK(first.steps[0].t == 1);
  CHECK(first.steps[1].t == 1);
  // Draws 1 and 2 are those of the corrector, 3 the constraint's, 4 the predictor's.
  CHECK(first.draws == std::vector<std::uint64_t>{3, 5, 8, 10});
  sampled(PredictorCorrector{sde,
                             Ancestral{},
                             two,
                             grid,
                             {.order = StepOrder::predictor_first,
                              .final_step = FinalStep::keep_noise}},
          NoObserver{}, second);
  CHECK(ends_of(second.steps) == std::vector<double>{0.5, 0.5, 0.1, 0.1});
  CHECK(second.steps[1].t == 0.5);
  CHECK(second.draws == std::vector<std::uint64_t>{2, 5, 7, 10});
}

TEST_CASE("a constraint receives the state before the update") {
  using namespace constraint_test;
  const TimeGrid grid = uniform_grid(sde, 3);
  Recorder<true, false> recorder;
  sampled(PredictorCorrector{sde, Ancestral{}, grid}, NoObserver{}, recorder);
  auto model = data();
  for (std::size_t i = 0; i < 3; ++i) {
    Batch x = recorder.befores[i], output = x;
    model.evaluate(x, grid[i].t, output);
    StepCoefficients step = Ancestral{}.coefficients(sde, grid[i]);
    if (i == 2) step.noise = 0;
    update(x, output, model.score_form(grid[i].t), step, Noise{.seed = 5}.draw(i + 1));
    CHECK(same_bits(x, recorder.afters[i]));
  }
}

TEST_CASE("a constraint that changes nothing and draws nothing leaves every bit of a run") {
  using namespace constraint_test;
  const TimeGrid grid = uniform_grid(sde, 6);
  const PredictorCorrector corrected{sde, Ancestral{}, Langevin{}, grid};
  const SolverSampler solved{sde, SdeDpmSolverPlusPlus<2>{}, log_snr_grid(sde, 6)};
  Recorder<true, false> a, b;
  CHECK(same_bits(sampled(corrected), sampled(corrected, NoObserver{}, a)));
  CHECK(same_bits(sampled(solved), sampled(solved, NoObserver{}, b)));
  CHECK(same_bits(sampled(solved), sampled(solved, NoObserver{}, NoConstraint{})));
  CHECK(a.steps.size() == 12);
  CHECK(b.steps.size() == 6);
}

TEST_CASE("a solver's constraint follows every stage, with draws after those of all stages") {
  using namespace constraint_test;
  const TimeGrid grid = log_snr_grid(sde, 4);
  Recorder<false, true> noisy, single;
  const SolverSampler stochastic{
      sde, SdeDpmSolverPlusPlus<2>{}, grid, {.final_step = FinalStep::keep_noise}};
  sampled(stochastic, NoObserver{}, noisy);
  CHECK(noisy.draws == std::vector<std::uint64_t>{5, 6, 7, 8});
  CHECK(noisy.started == grid.front().t);
  const SolverSampler inner{sde, DpmSolverSingleStep<2>{}, grid};
  sampled(inner, NoObserver{}, single);
  REQUIRE(single.steps.size() == inner.stages().size());
  CHECK(single.draws.front() == 1);
  CHECK(single.draws.back() == inner.stages().size());
  for (std::size_t i = 0; i < single.steps.size(); ++i)
    CHECK(single.steps[i].t_next == inner.stages()[i].time.t_next);
}

TEST_CASE(
    "the constraint of clipped DDIM follows every step, with draws after those of all steps") {
  using namespace constraint_test;
  const TimeGrid grid = uniform_grid(sde, 3);
  const ClippedDdim sampler{sde, Ddim{1}, grid};
  Recorder<true, true> recorder;
  CHECK(same_bits(sampled(sampler), sampled(sampler, NoObserver{}, recorder)));
  CHECK(recorder.draws == std::vector<std::uint64_t>{4, 5, 6});
  CHECK(recorder.ended == 1);
  CHECK(ends_of(recorder.steps).back() == grid.back().t_next);
  CHECK(same_bits(recorder.befores[2], recorder.afters[1]));
}

TEST_CASE("the end of a constraint follows the final evaluation, and no stopped run has one") {
  using namespace constraint_test;
  struct Zero : Recorder<false, false> {
    void after_end(Batch& x) {
      assign(x, {}, NoiseTerm{});
      ++ended;
    }
  } zero, stopped;
  const PredictorCorrector sampler{
      sde, Ancestral{}, uniform_grid(sde, 4), {.final_step = FinalStep::denoise}};
  CHECK(same_bits(sampled(sampler, NoObserver{}, zero), Batch({2, 3})));
  struct {
    StepAction on_step(const ObservedStep& step, const Batch&) {
      return step.index == 1 ? StepAction::stop : StepAction::proceed;
    }
  } stop;
  sampled(sampler, stop, stopped);
  CHECK(zero.ended == 1);
  CHECK(stopped.ended == 0);
  CHECK(stopped.steps.size() == 2);
}

TEST_CASE("observers see the state after the constraint, which may draw recorded noise") {
  using namespace constraint_test;
  Replace replace;
  std::vector<Batch> draws;
  for (std::size_t i = 0; i < 5; ++i)
    draws.emplace_back(Extents{1, 3}, std::vector<double>(3, static_cast<double>(i)));
  struct {
    std::vector<double> seen;
    void on_step(const ObservedStep&, const Batch& x) { seen.push_back(x(0, 0)); }
  } observer;
  Batch x({1, 3});
  auto model = data();
  PredictorCorrector{sde, Ancestral{}, uniform_grid(sde, 2)}.sample(
      model, x, RecordedNoise<Batch>{std::span<const Batch>(draws)}, observer, replace);
  CHECK(observer.seen == std::vector<double>{2, 4});
}

TEST_CASE("a run without predictor applies its constraint after the corrections alone") {
  using namespace constraint_test;
  Recorder<false, false> recorder;
  sampled(PredictorCorrector{sde, NoPredictor{}, Langevin{}, uniform_grid(sde, 3)}, NoObserver{},
          recorder);
  CHECK(recorder.steps.size() == 3);
  for (const TimeStep step : recorder.steps) CHECK(step.t == step.t_next);
}
