// SPDX-License-Identifier: MIT
/// Step loops do not allocate: calls of operator new are counted while samplers run.
#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include <scoresde/brownian/path.hpp>
#include <scoresde/corrector/annealed_langevin.hpp>
#include <scoresde/corrector/langevin.hpp>
#include <scoresde/general_sde/general_probability_flow.hpp>
#include <scoresde/general_sde/reverse_simulation.hpp>
#include <scoresde/general_sde/simulation.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/no_predictor.hpp>
#include <scoresde/sampler/adaptive_dpm_solver.hpp>
#include <scoresde/sampler/adaptive_sde.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/guidance.hpp>
#include <scoresde/score/preconditioning.hpp>
#include <scoresde/score/thresholding.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/sde/with_prior_mean.hpp>
#include <scoresde/solver/dpm_solver.hpp>
#include <scoresde/solver/dpm_solver_single_step.hpp>
#include <scoresde/solver/unipc.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/log_snr_grid.hpp>

#include "support/catch.hpp"

namespace {

std::atomic<std::size_t> calls{0};

void* counted(std::size_t size) {
  ++calls;
  if (void* memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

using namespace scoresde;
using X = HostState<float>;

namespace {

/// x ← (x + x before)/2.
template <bool before>
struct Halve {
  static constexpr bool needs_before = before, needs_noise = true;
  template <class M, class Z>
  void after_update(const X& was, X& x, TimeStep, M&, const Z&) const {
    assign(x, {{0.5, x}, {0.5, was}});
  }
};

template <class Sampler, class N = Noise, class Q = NoConstraint>
std::size_t allocations_of_a_run(const Sampler& sampler, const N& noise = {.seed = 1},
                                 Q constraint = {}) {
  X x({5, 48});
  draw_prior(x, 1, Noise{.seed = 1}.draw(0));
  Gaussian data(VpSde(), std::vector<double>(48, 0.3), std::vector<double>(48, 0.5));
  Workspace<X, Sampler::buffers> work(x);
  struct {
    std::size_t steps = 0;
    void on_step(const ObservedStep&, const X&) { ++steps; }
  } observer;
  const std::size_t before = calls;
  if constexpr (requires { Sampler::applies_constraints; })
    sampler.integrate(data, x, noise, work, observer, constraint);
  else
    sampler.integrate(data, x, noise, work, observer);
  const std::size_t during = calls - before;
  REQUIRE(observer.steps > 0);
  return during;
}

}  // namespace

TEST_CASE("the counter counts allocations") {
  const std::size_t before = calls;
  delete new int(3);
  CHECK(calls == before + 1);
}

TEST_CASE("predictor-corrector runs allocate nothing") {
  const TimeGrid grid = uniform_grid(VpSde(), 30);
  CHECK(allocations_of_a_run(PredictorCorrector{VpSde(), Ancestral{}, Langevin{}, grid}) == 0);
  CHECK(allocations_of_a_run(
            PredictorCorrector{VpSde(), Ancestral{}, Langevin{.scope = Scope::batch}, grid}) == 0);
  CHECK(allocations_of_a_run(
            PredictorCorrector{VpSde(), NoPredictor{}, AnnealedLangevin{.steps = 2}, grid}) == 0);
}

TEST_CASE("a constraint allocates the state before an update, once, and nothing otherwise") {
  const auto allocations = [](const auto& sampler) {
    return std::vector<std::size_t>{allocations_of_a_run(sampler, Noise{.seed = 1}, Halve<false>{}),
                                    allocations_of_a_run(sampler, Noise{.seed = 1}, Halve<true>{})};
  };
  const std::vector<std::size_t> expected{0, 1};
  CHECK(allocations(PredictorCorrector{VpSde(), Ancestral{}, Langevin{},
                                       uniform_grid(VpSde(), 30)}) == expected);
  CHECK(allocations(SolverSampler{VpSde(), DpmSolver<2>{}, log_snr_grid(VpSde(), 30)}) == expected);
}

TEST_CASE("runs on a Brownian path allocate nothing") {
  const BrownianPath path(X({5, 48}), Noise{.seed = 1}, LogSnrClock{VpSde()});
  const TimeGrid grid = uniform_grid(VpSde(), 30);
  CHECK(allocations_of_a_run(PredictorCorrector{VpSde(), Ancestral{}, Langevin{}, grid}, path) ==
        0);
}

TEST_CASE("probability-flow runs allocate nothing, with fixed and adaptive steps") {
  const TimeGrid grid = uniform_grid(VpSde(), 30);
  CHECK(allocations_of_a_run(ProbabilityFlow{VpSde(), Euler{}, grid}) == 0);
  CHECK(allocations_of_a_run(ProbabilityFlow{VpSde(), RungeKutta4{}, grid}) == 0);
  CHECK(allocations_of_a_run(ProbabilityFlow{
            VpSde(), DormandPrince54{}, grid, {.final_step = FinalStep::denoise}}) == 0);
  for (const auto control : {Scope::batch, Scope::per_sample})
    CHECK(allocations_of_a_run(ProbabilityFlow{VpSde(), AdaptiveRungeKutta<>{.scope = control}}) ==
          0);
}

TEST_CASE("adaptive runs allocate nothing, rejections included") {
  CHECK(allocations_of_a_run(AdaptiveSde{VpSde(), {.final_step = FinalStep::denoise}}) == 0);
  CHECK(allocations_of_a_run(AdaptiveDpmSolver{VpSde(), DpmSolver12{.first_step = 3}}) == 0);
  for (const auto scope : {Scope::per_sample, Scope::batch})
    CHECK(allocations_of_a_run(AdaptiveDpmSolver{VpSde(), DpmSolver23{.scope = scope}}) == 0);
}

TEST_CASE("fast-solver runs allocate nothing, for any stored prediction") {
  const TimeGrid grid = log_snr_grid(VpSde(), 30);
  CHECK(allocations_of_a_run(SolverSampler{VpSde(), DdimSolver{}, grid}) == 0);
  CHECK(allocations_of_a_run(SolverSampler{VpSde(), DpmSolver<3>{}, grid}) == 0);
  CHECK(allocations_of_a_run(SolverSampler{
            VpSde(), DpmSolverPlusPlus<2>{}, grid, {.final_step = FinalStep::denoise}}) == 0);
  CHECK(allocations_of_a_run(SolverSampler{VpSde(), DpmSolverSingleStep<3>{}, grid}) == 0);
  CHECK(allocations_of_a_run(SolverSampler{VpSde(), UniPc<4>{}, grid}) == 0);
}

TEST_CASE("models built from models allocate in their first call and not afterwards") {
  const VpSde sde;
  Gaussian data(sde, std::vector<double>(48, 0.3), std::vector<double>(48, 0.5));
  ClippedDenoiser clipped(data, sde);
  DynamicallyThresholdedDenoiser limited(data, sde, {.quantile = 0.9});
  struct {
    void operator()(const X& x, double, X& out) const { out = x; }
    void operator()(const X& x, std::span<const double>, X& out) const { out = x; }
  } identity;
  auto guided = classifier_free_guidance(data, clipped, 1);
  auto preconditioned = edm_preconditioning(identity, sde);
  const auto calls_of_the_second = [](auto& model) {
    X x({5, 48}), output({5, 48});
    const std::vector<double> times{0.1, 0.2, 0.3, 0.4, 0.5};
    const auto both = [&] {
      model.evaluate(x, 0.5, output);
      model.evaluate(x, std::span<const double>(times), output);
    };
    const std::size_t before = calls;
    both();
    const std::size_t between = calls;
    both();
    REQUIRE(between > before);
    return calls - between;
  };
  CHECK(calls_of_the_second(clipped) == 0);
  CHECK(calls_of_the_second(limited) == 0);
  CHECK(calls_of_the_second(guided) == 0);
  CHECK(calls_of_the_second(preconditioned) == 0);
}

TEST_CASE("a draw from a prior with a mean allocates nothing") {
  const WithPriorMean sde(VpSde(), std::vector<double>(48, 0.3));
  X x({5, 48});
  const std::size_t before = calls;
  draw_prior(sde, x, Noise{.seed = 1}.draw(0));
  CHECK(calls == before);
}

TEST_CASE("runs of general SDEs allocate nothing, forward, backward and along the flow") {
  const AsGeneralSde sde{VpSde()};
  const TimeGrid grid = uniform_grid(sde, 30);
  X x({5, 48});
  Workspace<X, 0> work(x);
  const auto forward = [&](const auto& scheme) {
    const Simulation simulation{sde, scheme, grid.reversed()};
    const std::size_t before = calls;
    REQUIRE(simulation.integrate(x, Noise{.seed = 1}, work).accepted == 30);
    return calls - before;
  };
  CHECK(forward(EulerMaruyama{}) == 0);
  CHECK(forward(StochasticHeun{}) == 0);
  CHECK(allocations_of_a_run(ReverseSimulation{sde, Milstein{}, grid}) == 0);
  CHECK(allocations_of_a_run(GeneralProbabilityFlow{sde, RungeKutta4{}, grid}) == 0);
  for (const auto control : {Scope::batch, Scope::per_sample})
    CHECK(allocations_of_a_run(GeneralProbabilityFlow{sde, AdaptiveRungeKutta<>{.scope = control},
                                                      TimeStep{1, 1e-3}}) == 0);
}
