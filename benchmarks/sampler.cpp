// SPDX-License-Identifier: MIT
/// The cost of samplers apart from the network: every sampler of the library with a score that
/// costs nothing.
///
/// The model's evaluate writes nothing, so that only the sampler's own work is timed: batches of
/// 3×32×32 in float32, one thread, integrate() over 20 steps, tables and workspaces built before. A
/// step is a step of the grid, or an evaluation for adaptive samplers. A run is timed repeatedly
/// and the minimum is used, because other work on the machine only adds time.
///
///   us_per_step          microseconds per step
///   ns_per_element       nanoseconds per element and step
///   ns_per_evaluation    nanoseconds per element and evaluation of the network
///   of_memcpy            memcpy's time for the minimum traffic of an evaluation (read x and F,
///                        write x) relative to the sampler's time, the two alternating
///
/// To add a sampler, add a line to for_each_sampler, or an entry to registry/solver_registry.hpp.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <scoresde/eigen/eigen_backend.hpp>
#include <scoresde/scoresde.hpp>
#include <scoresde/xtensor/xtensor_backend.hpp>

#include "image_states.hpp"
#include "thread_clock.hpp"

namespace {

using namespace scoresde;

constexpr std::size_t steps = 20;

/// A noise network that costs nothing: `output` is unchanged.
template <class X>
struct FreeScore {
  VpSde sde;
  void evaluate(const X&, double, X&) const {}
  void evaluate(const X&, std::span<const double>, X&) const {}
  [[nodiscard]] ScoreForm score_form(double t) const { return {0, -1 / sde.marginal_prob(t).std}; }
};

/// Calls use(name, sampler) for every sampler.
template <class Use>
void for_each_sampler(const Use& use) {
  const VpSde sde;
  // Away from the noisy end, where data predicted from arbitrary values grow without bound.
  const TimeGrid grid = uniform_grid(0.5, 0.1, steps);
  // The steps alone are measured.
  const FinalStep keep = FinalStep::keep_noise;
  use("Euler-Maruyama", PredictorCorrector{sde, EulerMaruyama{}, grid});
  use("reverse diffusion", PredictorCorrector{sde, ReverseDiffusion{}, grid});
  use("ancestral", PredictorCorrector{sde, Ancestral{}, grid});
  use("DDIM(0)", PredictorCorrector{sde, Ddim{}, grid});
  use("DDIM(1)", PredictorCorrector{sde, Ddim{.eta = 1}, grid});
  use("Euler-ancestral", PredictorCorrector{sde, EulerAncestral{}, grid});
  use("Langevin", PredictorCorrector{sde, NoPredictor{}, Langevin{.snr = 0.1}, grid});
  use("annealed Langevin",
      PredictorCorrector{sde, NoPredictor{}, AnnealedLangevin{.snr = 0.1}, grid});
  use("reverse diffusion + Langevin",
      PredictorCorrector{sde, ReverseDiffusion{}, Langevin{.snr = 0.1}, grid});
  use("ancestral + annealed Langevin",
      PredictorCorrector{sde, Ancestral{}, AnnealedLangevin{.snr = 0.1}, grid});
  use("flow, Euler", ProbabilityFlow{sde, Euler{}, grid, {keep}});
  use("flow, Heun", ProbabilityFlow{sde, Heun{}, grid, {keep}});
  use("flow, Runge-Kutta 4", ProbabilityFlow{sde, RungeKutta4{}, grid, {keep}});
  use("flow, Dormand-Prince 5", ProbabilityFlow{sde, DormandPrince54{}, grid, {keep}});
  use("flow, adaptive", ProbabilityFlow{sde, scipy_rk45(), TimeStep{0.5, 0.1}, {keep}});
  use("adaptive SDE", AdaptiveSde{sde, TimeStep{0.5, 0.1}, {.final_step = keep}});
  for_each_solver([&](const SolverEntry& entry, const auto& solver) {
    use(entry.name, SolverSampler{sde, solver_table(solver, sde, grid), grid, {keep}});
  });
}

template <class X, class Sampler>
void run(benchmark::State& state, const Sampler& sampler) {
  const auto batch = static_cast<std::size_t>(state.range(0));
  const X half = make<X>(batch);
  X x = half;
  Workspace<X, Sampler::buffers> work(x);
  FreeScore<X> model;
  const std::size_t size = batch * image;
  std::vector<float> from(3 * size / 2, 1), to(3 * size / 2);
  SamplerStatistics done;
  std::uint64_t seed = 0;
  double best = std::numeric_limits<double>::infinity(), copying = best;
  for (auto _ : state) {
    x = half;
    for (std::size_t i = 0; i < Sampler::buffers; ++i) work[i] = half;
    const double now =
        seconds([&] { done = sampler.integrate(model, x, Noise{.seed = ++seed}, work); });
    copying = std::min(copying, seconds([&] {
                         for (std::size_t i = 0; i < steps; ++i) {
                           std::memcpy(to.data(), from.data(), from.size() * sizeof(float));
                           benchmark::DoNotOptimize(to.data());
                           benchmark::ClobberMemory();
                         }
                       }));
    best = std::min(best, now);
    state.SetIterationTime(now);
  }
  const auto evaluations = static_cast<double>(done.nfe), elements = static_cast<double>(size);
  double count = evaluations;
  if constexpr (requires { sampler.nfe(); }) count = steps;
  state.counters["us_per_step"] = best * 1e6 / count;
  state.counters["ns_per_element"] = best * 1e9 / count / elements;
  state.counters["ns_per_evaluation"] = best * 1e9 / evaluations / elements;
  state.counters["of_memcpy"] = copying / steps * evaluations / best;
}

template <class X>
void add(const std::string& name, const auto& sampler) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [sampler](benchmark::State& state) { run<X>(state, sampler); })
      ->ArgName("batch")
      ->Arg(1)
      ->Arg(64)
      ->Arg(512)
      ->UseManualTime()
      ->MinTime(0.05);
}

/// One sampler with noise and one without for the other states, whose loops are the same.
template <class X>
void add_two(const std::string& state) {
  const VpSde sde;
  const TimeGrid grid = uniform_grid(0.5, 0.1, steps);
  add<X>(state + ", reverse diffusion", PredictorCorrector{sde, ReverseDiffusion{}, grid});
  add<X>(state + ", dpm-solver++-2m",
         SolverSampler{sde, DpmSolverPlusPlus<2>{}, grid, {.final_step = FinalStep::keep_noise}});
}

const bool registered = [] {
  for_each_sampler(
      [](const char* name, const auto& sampler) { add<HostState<float>>(name, sampler); });
  add_two<Eigen::ArrayXXf>("Eigen");
  add_two<xt::xtensor<float, 4>>("xtensor");
  return true;
}();

}  // namespace
