// SPDX-License-Identifier: MIT
/// Observers: their hooks, their composition, and that absent ones are nothing.
#include <vector>

#include <scoresde/corrector/langevin.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/sampler/observer.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

Gaussian<VpSde> data() { return {VpSde(), {0.5, 0.1}, {0.3, 1}}; }

auto sampler(std::size_t steps) {
  return PredictorCorrector{VpSde(), ReverseDiffusion{}, Langevin{.steps = 2},
                            uniform_grid(VpSde(), steps)};
}

struct Everything {
  std::vector<ObservedStep> starts, steps;
  std::size_t finishes = 0;
  void on_start(const ObservedStep& step, const X&) { starts.push_back(step); }
  void on_step(const ObservedStep& step, const X&) { steps.push_back(step); }
  void on_finish(const X&) { ++finishes; }
};

struct OnlyFinish {
  double last = 0;
  void on_finish(const X& x) { last = x(0, 0); }
};

}  // namespace

TEST_CASE("hooks are called before, after each step and at the end") {
  X x({2, 2});
  Everything seen;
  sampler(5).sample(data(), x, Noise{.seed = 1}, seen);
  REQUIRE(seen.starts.size() == 1);
  CHECK(seen.starts[0].time == TimeStep{1, 1});
  REQUIRE(seen.steps.size() == 5);
  CHECK(seen.finishes == 1);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(seen.steps[i].index == i);
    CHECK(seen.steps[i].steps == 5);
    CHECK(seen.steps[i].nfe == 3 * (i + 1));
    CHECK(seen.steps[i].time == uniform_grid(VpSde(), 5)[i]);
  }
}

TEST_CASE("an observer changes nothing, whichever hooks it has") {
  X plain({2, 2}), observed({2, 2});
  OnlyFinish only;
  Everything all;
  sampler(5).sample(data(), plain, Noise{.seed = 1});
  sampler(5).sample(data(), observed, Noise{.seed = 1}, observe(only, all));
  for (std::size_t i = 0; i < 4; ++i) CHECK(plain.data()[i] == observed.data()[i]);
  CHECK(only.last == plain(0, 0));
  CHECK(all.steps.size() == 5);
}

TEST_CASE("adaptive runs report steps whose number is not known") {
  X x({2, 2});
  Everything seen;
  const ProbabilityFlow flow{VpSde(), AdaptiveRungeKutta<>{}};
  const SamplerStatistics done = flow.sample(data(), x, Noise{.seed = 1}, seen);
  CHECK(seen.steps.size() == done.accepted);
  CHECK(seen.steps.back().steps == 0);
  CHECK(seen.steps.back().time.t_next == VpSde().t_min());
  CHECK(seen.steps.back().nfe == done.nfe);
}

TEST_CASE("progress tells what is done, at what rate and what remains") {
  std::vector<ProgressReport> reports;
  auto progress = Progress([&](const ProgressReport& r) { reports.push_back(r); }, 2);
  X x({2, 2});
  sampler(5).sample(data(), x, Noise{.seed = 1}, progress);
  REQUIRE(reports.size() == 3);
  CHECK(reports[0].done == 2);
  CHECK(reports[1].done == 4);
  CHECK(reports[2].done == 5);
  CHECK(reports[2].t == VpSde().t_min());
  CHECK(reports[2].nfe == 15);
  CHECK(reports[2].remaining_seconds == 0);
  CHECK(reports[0].steps_per_second > 0);
  CHECK(reports[0].remaining_seconds == Approx(3 / reports[0].steps_per_second).epsilon(1e-12));
  CHECK_THROWS_AS(Progress([](const ProgressReport&) {}, 0), Error);
}

TEST_CASE("a trajectory keeps the first state, every k-th and the last") {
  X x({2, 2});
  Trajectory<X> trajectory(3);
  sampler(7).sample(data(), x, Noise{.seed = 1}, trajectory);
  const auto& entries = trajectory.entries();
  REQUIRE(entries.size() == 4);
  CHECK(entries[0].t == 1);
  CHECK(entries[1].t == uniform_grid(VpSde(), 7)[2].t_next);
  CHECK(entries[3].t == VpSde().t_min());
  for (std::size_t i = 0; i < 4; ++i) CHECK(entries[3].x.data()[i] == x.data()[i]);
  X prior({2, 2});
  draw_prior(prior, 1, Noise{.seed = 1}.draw(0));
  CHECK(entries[0].x(1, 1) == prior(1, 1));
  sampler(6).sample(data(), x, Noise{.seed = 1}, trajectory);
  CHECK(trajectory.entries().size() == 3);
  CHECK_THROWS_AS(Trajectory<X>(0), Error);
}
