// SPDX-License-Identifier: MIT
/// Observers: their hooks and their combination; absent hooks have no effect.
#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <scoresde/corrector/annealed_langevin.hpp>
#include <scoresde/corrector/langevin.hpp>
#include <scoresde/observer/observer.hpp>
#include <scoresde/observer/progress.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

Gaussian<VpSde> data() { return {VpSde(), {0.5, 0.1, -0.2}, {0.3, 1, 0.6}}; }

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

/// Stops after the given number of steps.
struct Stopper {
  std::size_t after;
  std::size_t finishes = 0;
  StepAction on_step(const ObservedStep& step, const X&) const {
    return step.index + 1 == after ? StepAction::stop : StepAction::proceed;
  }
  void on_finish(const X&) { ++finishes; }
};

struct OnlyFinish {
  double last = 0;
  void on_finish(const X& x) { last = x(0, 0); }
};

}  // namespace

TEST_CASE("hooks are called before, after each step and at the end") {
  X x({2, 3});
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

TEST_CASE("an observer does not change the run, for any set of hooks") {
  X plain({2, 3}), observed({2, 3});
  OnlyFinish only;
  Everything all;
  sampler(5).sample(data(), plain, Noise{.seed = 1});
  sampler(5).sample(data(), observed, Noise{.seed = 1}, observe(only, all));
  for (std::size_t i = 0; i < 6; ++i) CHECK(plain.data()[i] == observed.data()[i]);
  CHECK(only.last == plain(0, 0));
  CHECK(all.steps.size() == 5);
}

TEST_CASE("adaptive runs report 0 for the number of steps") {
  X x({2, 3});
  Everything seen;
  const ProbabilityFlow flow{VpSde(), scipy_rk45(), {.final_step = FinalStep::keep_noise}};
  const SamplerStatistics done = flow.sample(data(), x, Noise{.seed = 1}, seen);
  CHECK(seen.steps.size() == done.accepted);
  CHECK(seen.steps.back().steps == 0);
  CHECK(seen.steps.back().time.t_next == VpSde().t_min());
  CHECK(seen.steps.back().nfe == done.nfe);
}

TEST_CASE("Progress reports finished steps, rate and remaining time") {
  std::vector<ProgressReport> reports;
  auto progress = Progress([&](const ProgressReport& r) { reports.push_back(r); }, 2);
  X x({2, 3});
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

TEST_CASE("Trajectory stores the first state, every k-th and the last") {
  X x({2, 3});
  Trajectory<X> trajectory(3);
  sampler(7).sample(data(), x, Noise{.seed = 1}, trajectory);
  const auto& entries = trajectory.entries();
  REQUIRE(entries.size() == 4);
  CHECK(entries[0].t == 1);
  CHECK(entries[1].t == uniform_grid(VpSde(), 7)[2].t_next);
  CHECK(entries[3].t == VpSde().t_min());
  for (std::size_t i = 0; i < 6; ++i) CHECK(entries[3].x.data()[i] == x.data()[i]);
  X prior({2, 3});
  draw_prior(prior, 1, Noise{.seed = 1}.draw(0));
  CHECK(entries[0].x(1, 1) == prior(1, 1));
  sampler(6).sample(data(), x, Noise{.seed = 1}, trajectory);
  CHECK(trajectory.entries().size() == 3);
  CHECK_THROWS_AS(Trajectory<X>(0), Error);
}

TEST_CASE("an observer can stop every kind of run, which then reports the steps taken") {
  const auto stops = [](const auto& sampler, std::size_t nfe) {
    X x({2, 3});
    Stopper stopper{3};
    Everything all;
    Trajectory<X> trajectory;
    auto group = observe(stopper, all, trajectory);
    const SamplerStatistics done = sampler.sample(data(), x, Noise{.seed = 1}, group);
    CHECK(all.steps.size() == 3);
    CHECK(all.finishes == 1);
    CHECK(stopper.finishes == 1);
    CHECK(done.nfe == all.steps.back().nfe);
    if (nfe > 0) {
      CHECK(done.nfe == nfe);
      CHECK(done.accepted == 3);
    }
    // The state is that of the step at which the run was stopped.
    REQUIRE(trajectory.entries().size() == 4);
    for (std::size_t i = 0; i < 6; ++i) CHECK(trajectory.entries()[3].x.data()[i] == x.data()[i]);
  };
  const TimeGrid grid = uniform_grid(VpSde(), 9);
  stops(sampler(9), 9);
  stops(ProbabilityFlow{VpSde(), Heun{}, grid, {.final_step = FinalStep::keep_noise}}, 6);
  stops(ProbabilityFlow{VpSde(), Heun{}, grid, {.final_step = FinalStep::denoise}}, 6);
  stops(ProbabilityFlow{VpSde(), scipy_rk45()}, 0);
  stops(ProbabilityFlow{VpSde(), AdaptiveRungeKutta<>{.scope = Scope::per_sample}}, 0);
}

TEST_CASE("corrections are measured as taken, for observers with on_correction") {
  struct Corrections {
    std::vector<CorrectionStep> seen;
    std::vector<double> score, noise, size, snr;
    void on_correction(const CorrectionStep& step, const X& x) {
      seen.push_back(step);
      const auto keep = [](std::vector<double>& to, std::span<const double> from) {
        to.insert(to.end(), from.begin(), from.end());
      };
      keep(score, step.score_norm);
      keep(noise, step.noise_norm);
      keep(size, step.step_size);
      keep(snr, step.snr);
      CHECK(extents(x).samples == step.snr.size());
    }
  };
  const auto run = [](const auto& corrector) {
    const PredictorCorrector pc{VpSde(), ReverseDiffusion{}, corrector, uniform_grid(VpSde(), 5)};
    X x({3, 3}), plain({3, 3});
    Corrections corrections;
    OnlyFinish other;
    pc.sample(data(), x, Noise{.seed = 1}, observe(corrections, other));
    pc.sample(data(), plain, Noise{.seed = 1});
    for (std::size_t i = 0; i < 9; ++i) CHECK(x.data()[i] == plain.data()[i]);
    REQUIRE(corrections.seen.size() == 5 * std::size_t(corrector.steps));
    REQUIRE(corrections.snr.size() == 15 * std::size_t(corrector.steps));
    return corrections;
  };
  // The first correction is applied to the prior itself, whose norms are known.
  X prior({3, 3}), score({3, 3});
  draw_prior(prior, 1, Noise{.seed = 1}.draw(0));
  data().evaluate(prior, 1, score);
  const double norm = std::hypot(score(1, 0), score(1, 1), score(1, 2));

  const Corrections each = run(Langevin{.snr = 0.2, .steps = 2});
  CHECK(each.seen[0].t == 1);
  CHECK(each.score[1] == Approx(norm).epsilon(1e-12));
  CHECK(each.size[1] == Approx(2 * std::pow(0.2 * each.noise[1] / norm, 2)).epsilon(1e-12));
  CHECK(each.snr[1] == Approx(0.2).epsilon(1e-12));

  // With batch means the ratio is that of the means, not of any sample.
  const Corrections mean = run(Langevin{.snr = 0.2, .scope = Scope::batch});
  CHECK(mean.size[0] == mean.size[1]);
  const double scores = mean.score[0] + mean.score[1] + mean.score[2];
  const double noises = mean.noise[0] + mean.noise[1] + mean.noise[2];
  CHECK(mean.snr[1] ==
        Approx(0.2 * mean.score[1] * noises / (mean.noise[1] * scores)).epsilon(1e-12));
  CHECK(std::abs(mean.snr[1] - mean.snr[0]) > 1e-3);

  // Annealed Langevin does not require norms, but they are measured for the observer.
  const Corrections annealed = run(AnnealedLangevin{.snr = 0.2});
  CHECK(annealed.score[1] == Approx(norm).epsilon(1e-12));
  CHECK(annealed.snr[1] ==
        Approx(std::sqrt(annealed.size[1] / 2) * norm / annealed.noise[1]).epsilon(1e-12));
}

TEST_CASE("attempts of adaptive runs report their times and which were accepted") {
  struct Tries {
    std::size_t taken = 0, rejected = 0;
    double reached = 1;
    void on_attempt(const StepAttempts& tried, const X&) {
      for (std::size_t k = 0; k < tried.t.size(); ++k) {
        if (tried.t[k] == tried.t_next[k]) continue;
        CHECK(tried.t_next[k] < tried.t[k]);
        CHECK((tried.accepted[k] != 0) == (tried.error[k] < 1));
        ++(tried.accepted[k] != 0 ? taken : rejected);
        if (tried.accepted[k] != 0) reached = std::min(reached, tried.t_next[k]);
      }
    }
  };
  for (const auto control : {Scope::batch, Scope::per_sample}) {
    X x({3, 3});
    Tries tries;
    const ProbabilityFlow flow{VpSde(), AdaptiveRungeKutta<>{.scope = control}};
    const SamplerStatistics done = flow.sample(data(), x, Noise{.seed = 1}, tries);
    CHECK(tries.taken == done.accepted);
    CHECK(tries.rejected == done.rejected);
    CHECK(tries.rejected > 0);
    CHECK(tries.reached == VpSde().t_min());
  }
}
