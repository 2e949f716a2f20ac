// SPDX-License-Identifier: MIT
/// Properties of every sampler of the library: nfe() is the number of evaluations, and a sample
/// does not depend on its batch.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <scoresde/corrector/annealed_langevin.hpp>
#include <scoresde/corrector/langevin.hpp>
#include <scoresde/ode/adaptive_runge_kutta.hpp>
#include <scoresde/ode/tableaux.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/ddim.hpp>
#include <scoresde/predictor/euler_maruyama.hpp>
#include <scoresde/predictor/no_predictor.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/sampler/adaptive_dpm_solver.hpp>
#include <scoresde/sampler/adaptive_sde.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/solver/solver_table.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/any_predictor.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

constexpr std::size_t dim = 5;

struct Model : GaussianMixture<VpSde> {
  std::size_t calls = 0;
  Model()
      : GaussianMixture(VpSde(), {0.4, 0.6}, {1, 0, -1, 0.3, 0, -0.5, 0.5, 2, -1, 0.7},
                        {0.2, 0.3}) {}
  void evaluate(const X& x, double t, X& out) {
    ++calls;
    GaussianMixture::evaluate(x, t, out);
  }
  void evaluate(const X& x, std::span<const double> times, X& out) {
    ++calls;
    GaussianMixture::evaluate(x, times, out);
  }
};

/// Calls use(name, sampler) for predictors with each corrector and without, in both orders.
template <class Use>
void for_each_pair(const TimeGrid& grid, const Use& use) {
  const auto with = [&](const std::string& name, const auto& predictor) {
    for (const StepOrder order : {StepOrder::corrector_first, StepOrder::predictor_first})
      for (const FinalStep final_step :
           {FinalStep::drop_last_noise, FinalStep::keep_noise, FinalStep::denoise}) {
        const PredictorCorrectorOptions options{order, final_step};
        use(name, PredictorCorrector{VpSde(), predictor, grid, options});
        use(name + " + Langevin",
            PredictorCorrector{VpSde(), predictor, Langevin{.snr = 0.05, .steps = 2}, grid,
                               options});
        use(name + " + annealed Langevin",
            PredictorCorrector{VpSde(), predictor, AnnealedLangevin{.snr = 0.05}, grid, options});
      }
  };
  const auto any = [&](const std::string& name, const auto& predictor) {
    with(name, AnyPredictor<VpSde>(predictor));
  };
  any("Euler-Maruyama", EulerMaruyama{});
  any("Euler along the flow", EulerMaruyama{.probability_flow = true});
  any("reverse diffusion", ReverseDiffusion{});
  any("ancestral", Ancestral{});
  any("DDIM(0.5)", Ddim{.eta = 0.5});
  with("no predictor", NoPredictor{});
}

/// Calls use(name, sampler) for the flow by each method, with and without a final denoising.
template <class Use>
void for_each_flow(const TimeGrid& grid, const Use& use) {
  for (const FinalStep final_step : {FinalStep::keep_noise, FinalStep::denoise}) {
    const ProbabilityFlowOptions options{final_step};
    use("Euler", ProbabilityFlow{VpSde(), Euler{}, grid, options});
    use("Heun", ProbabilityFlow{VpSde(), Heun{}, grid, options});
    use("Runge-Kutta 4", ProbabilityFlow{VpSde(), RungeKutta4{}, grid, options});
    use("Dormand-Prince 5", ProbabilityFlow{VpSde(), DormandPrince54{}, grid, options});
  }
}

template <class Sampler>
void counts(const std::string& name, const Sampler& sampler, std::size_t steps) {
  Model model;
  X x({1, dim});
  const SamplerStatistics done = sampler.sample(model, x, Noise{.seed = 1});
  if (model.calls != sampler.nfe() || done.nfe != sampler.nfe())
    FAIL_CHECK(name << ", " << steps << " steps: " << model.calls << " calls, " << done.nfe
                    << " reported, " << sampler.nfe() << " expected");
}

/// Samples 0, 1, 30 and 63 of 64 are bit-identical to those of one-sample batches.
template <class Sampler>
void stands_alone(const std::string& name, const Sampler& sampler) {
  Model model;
  X whole({64, dim});
  sampler.sample(model, whole, Noise{.seed = 3});
  std::size_t differing = 0;
  for (const std::uint32_t k : {0u, 1u, 30u, 63u}) {
    X one({1, dim});
    sampler.sample(model, one, Noise{.seed = 3, .first_sample = k});
    for (std::size_t e = 0; e < dim; ++e)
      if (one(0, e) != whole(k, e)) ++differing;
  }
  INFO(name);
  CHECK(differing == 0);
}

}  // namespace

TEST_CASE("predictor-corrector runs make nfe() evaluations, 1 to 50 steps") {
  for (std::size_t steps = 1; steps <= 50; ++steps)
    for_each_pair(uniform_grid(VpSde(), steps), [&](const std::string& name, const auto& sampler) {
      counts(name, sampler, steps);
    });
}

TEST_CASE("probability flows make nfe() evaluations, 1 to 50 steps") {
  for (std::size_t steps = 1; steps <= 50; ++steps)
    for_each_flow(uniform_grid(VpSde(), steps), [&](const std::string& name, const auto& sampler) {
      counts(name, sampler, steps);
    });
}

TEST_CASE("a sample alone equals the same sample in a batch of 64, for every sampler") {
  const VpSde sde;
  const TimeGrid grid = uniform_grid(sde, 12);
  const auto check = [](const std::string& name, const auto& sampler) {
    stands_alone(name, sampler);
  };
  for_each_pair(grid, check);
  for_each_flow(grid, check);
  for_each_solver([&](const SolverEntry& entry, const auto& solver) {
    const SolverTable table = solver_table(solver, sde, grid);
    check(entry.name, SolverSampler{sde, table, grid, {.final_step = FinalStep::keep_noise}});
    check(std::string(entry.name) + ", to the data", SolverSampler{sde, table, grid});
  });
  check("adaptive Runge-Kutta",
        ProbabilityFlow{
            sde, AdaptiveRungeKutta<>{.rtol = 1e-3, .atol = 1e-3, .scope = Scope::per_sample}});
  check("adaptive DPM-Solver-12", AdaptiveDpmSolver{sde, DpmSolver12{}});
  check("adaptive DPM-Solver-23", AdaptiveDpmSolver{sde, DpmSolver23{}});
  check("adaptive SDE", AdaptiveSde{sde, {.rtol = 0.1}});
}
