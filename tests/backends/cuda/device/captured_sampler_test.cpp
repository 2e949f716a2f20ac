// SPDX-License-Identifier: MIT
/// Captured runs are bit-identical to uncaptured ones, for any seed, and need few graphs.
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>

#include <scoresde/cuda/captured_sampler.hpp>
#include <scoresde/cuda/detail/step_graphs.hpp>
#include <scoresde/scoresde.hpp>

#include "backends/cuda/device/isotropic_score.hpp"
#include "support/catch.hpp"
#include "support/shared_context.hpp"

using namespace scoresde;
using cuda::CapturedSampler;
using cuda::DeviceState;
using scoresde::test::context;

namespace {

template <class T>
bool same(const DeviceState<T>& a, const DeviceState<T>& b) {
  const HostState<T> x = cuda::to_host(a), y = cuda::to_host(b);
  return std::equal(x.data(), x.data() + x.size(), y.data(), y.data() + y.size());
}

/// Compares replays with several seeds to uncaptured runs; returns the number of graphs.
template <class T, class Sampler, class M>
std::size_t check_replays(Extents shape, const Sampler& sampler, M model) {
  const DeviceState<T> like(context(), shape);
  const CapturedSampler captured(sampler, model, like);
  const std::size_t calls = model.calls;
  for (const Noise noise : {Noise{.seed = 1}, Noise{.seed = 0xfedcba9876543210},
                            Noise{.seed = 1, .first_sample = 77}, Noise{.seed = 1}}) {
    DeviceState<T> found(like), wanted(like);
    const SamplerStatistics replayed = captured.sample(found, noise);
    CHECK(model.calls == calls);
    M eager = model;
    const SamplerStatistics run = sampler.sample(eager, wanted, noise);
    CHECK(same(found, wanted));
    CHECK(replayed.nfe == run.nfe);
    CHECK(replayed.accepted == run.accepted);
  }
  return captured.graphs().graphs();
}

/// Calls use(name, sampler, model) for every kind of fixed-step sampler.
template <class M, class Use>
void for_every_fixed_sampler(std::size_t steps, const Use& use) {
  const VpSde sde;
  const TimeGrid grid = uniform_grid(sde, steps), even = log_snr_grid(sde, steps);
  const M model{sde};
  use("Euler-Maruyama", PredictorCorrector{sde, EulerMaruyama{}, NoCorrector{}, grid}, model);
  use("ancestral + Langevin",
      PredictorCorrector{sde, Ancestral{}, Langevin{.snr = 0.1, .steps = 2}, grid}, model);
  use("DDIM + Langevin, batch mean, predictor first",
      PredictorCorrector{sde, Ddim{.eta = 0.5}, Langevin{.snr = 0.1, .scope = Scope::batch}, grid,
                         PredictorCorrectorOptions{.order = StepOrder::predictor_first}},
      model);
  use("annealed Langevin alone",
      PredictorCorrector{sde, NoPredictor{}, AnnealedLangevin{.snr = 0.1}, grid}, model);
  use("flow, Heun", ProbabilityFlow{sde, Heun{}, grid}, model);
  use("flow, Runge-Kutta 4, denoised",
      ProbabilityFlow{sde, RungeKutta4{}, grid,
                      ProbabilityFlowOptions{.final_step = FinalStep::denoise}},
      model);
  for_each_solver([&](const SolverEntry& entry, const auto& solver) {
    use(entry.name, SolverSampler{sde, solver_table(solver, sde, even), even}, model);
  });
}

}  // namespace

TEST_CASE("samplers run eagerly and as captured graphs") {
  IsotropicScore<VpSde> model{VpSde()};
  //! [sample]
  const VpSde sde;
  const PredictorCorrector sampler{sde, Ancestral{}, Langevin{.snr = 0.16}, uniform_grid(sde, 20)};

  const cuda::Context gpu;  // device 0
  cuda::DeviceState<float> x(gpu, {.samples = 4, .dim = 12});
  sampler.sample(model, x, Noise{.seed = 42});

  const cuda::CapturedSampler captured(sampler, model, x);
  cuda::DeviceState<float> y(x);
  captured.sample(y, Noise{.seed = 42});                     // bit-identical to x
  captured.sample(y, Noise{.seed = 42, .first_sample = 4});  // the next four samples
  const HostState<float> samples = cuda::to_host(y);
  //! [sample]
  DeviceState<float> eight(gpu, {.samples = 8, .dim = 12});
  sampler.sample(model, eight, Noise{.seed = 42});
  const HostState<float> all = cuda::to_host(eight);
  CHECK(std::equal(samples.data(), samples.data() + samples.size(), all[4].data()));
}

TEST_CASE("a captured run is bit-identical, with one graph per time") {
  for_every_fixed_sampler<IsotropicScore<VpSde>>(
      5, [](const std::string& name, const auto& sampler, const auto& model) {
        INFO(name);
        check_replays<double>({3, 5}, sampler, model);
      });
}

TEST_CASE("a model conditioned in device memory needs few graphs", "[slow]") {
  std::size_t most = 0, fewest = 1000;
  for_every_fixed_sampler<TabulatedIsotropicScore<VpSde>>(
      24, [&](const std::string& name, const auto& sampler, const auto& model) {
        INFO(name);
        const std::size_t graphs = check_replays<float>({2, 6}, sampler, model);
        most = std::max(most, graphs);
        fewest = std::min(fewest, graphs);
      });
  CHECK(fewest <= 4);
  CHECK(most <= 16);  // PNDM starts with twelve Runge-Kutta stages
}

TEST_CASE("the number of graphs does not depend on the number of steps") {
  const VpSde sde;
  const auto graphs = [&](std::size_t steps) {
    const PredictorCorrector sampler{sde, ReverseDiffusion{}, Langevin{}, uniform_grid(sde, steps)};
    TabulatedIsotropicScore<VpSde> model{{sde}};
    const CapturedSampler captured(sampler, model, DeviceState<float>(context(), {2, 4}));
    CHECK(captured.graphs().launches() >= steps);
    CHECK(captured.graphs().launches() <= steps + 20);
    return captured.graphs().graphs();
  };
  CHECK(graphs(400) == graphs(100));
  CHECK(graphs(100) <= 4);
}

TEST_CASE("a captured run throws the same error as the uncaptured run") {
  /// Finite, except for one number.
  struct Diverging : TabulatedIsotropicScore<VpSde> {
    [[nodiscard]] std::array<double, 1> conditioning(double t) const {
      return {t < 0.6 ? INFINITY : factor(t)};
    }
    using TabulatedIsotropicScore<VpSde>::evaluate;
    void evaluate(const DeviceState<float>& x, double t, DeviceState<float>& output) {
      const Term<DeviceState<float>> term{conditioning(t)[0], &x};
      backend(output).assign(output, std::span<const Term<DeviceState<float>>>(&term, 1),
                             NoiseTerm{});
    }
  } model{{{VpSde()}}};
  const VpSde sde;
  const PredictorCorrector sampler{sde, EulerMaruyama{}, NoCorrector{}, uniform_grid(sde, 16)};
  DeviceState<float> x(context(), {3, 4});
  const auto words = [](const auto& run) {
    try {
      run();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string wanted = words([&] { sampler.sample(model, x, Noise{.seed = 2}); });
  REQUIRE(wanted.find("not finite") != std::string::npos);
  const CapturedSampler captured(sampler, model, x);
  CHECK(words([&] { captured.sample(x, Noise{.seed = 2}); }) == wanted);
  CHECK(words([&] { captured.sample(x, Noise{.seed = 3}); }) == wanted);
}

TEST_CASE("runs that cannot be captured throw, and the context remains usable") {
  const VpSde sde;
  IsotropicScore<VpSde> model{sde};
  DeviceState<double> x(context(), {2, 4});
  const auto capture = [&](const auto& sampler, auto& m) {
    const CapturedSampler captured(sampler, m, x);
  };
  using Catch::Contains;
  const ProbabilityFlow adaptive{sde, scipy_rk45()};
  CHECK_THROWS_WITH(capture(adaptive, model), Contains("cannot be captured in a CUDA graph"));

  struct Waits : IsotropicScore<VpSde> {
    void evaluate(const DeviceState<double>& from, double t, DeviceState<double>& output) {
      IsotropicScore<VpSde>::evaluate(from, t, output);
      static_cast<void>(cuda::to_host(output));
    }
  } waits{{sde}};
  struct Allocates : IsotropicScore<VpSde> {
    std::optional<DeviceState<double>> kept;
    void evaluate(const DeviceState<double>& from, double t, DeviceState<double>& output) {
      kept.emplace(from);
      IsotropicScore<VpSde>::evaluate(from, t, output);
    }
  } allocates{{sde}, {}};
  const PredictorCorrector sampler{sde, Ancestral{}, NoCorrector{}, uniform_grid(sde, 3)};
  CHECK_THROWS_WITH(capture(sampler, waits), Contains("while a run is captured"));
  CHECK_THROWS_WITH(capture(sampler, allocates), Contains("while a run is captured"));

  const CapturedSampler captured(sampler, model, x);
  DeviceState<double> other(context(), {2, 5});
  CHECK_THROWS_WITH(captured.sample(other, Noise{}), Contains("samples of dimension 4"));
  CHECK_THROWS_WITH(captured.sample(x, Noise{.purpose = Purpose::probe}), Contains("purpose"));
  DeviceState<double> wanted(x);
  captured.sample(x, Noise{.seed = 9});
  sampler.sample(model, wanted, Noise{.seed = 9});
  CHECK(same(x, wanted));
}

TEST_CASE("a context supports several captured samplers with other work between them") {
  const VpSde sde;
  const TimeGrid grid = uniform_grid(sde, 3);
  TabulatedIsotropicScore<VpSde> model{{sde}};
  const PredictorCorrector first{sde, Ancestral{}, Langevin{.snr = 0.1}, grid};
  const ProbabilityFlow second{sde, Heun{}, grid};
  DeviceState<float> small(context(), {2, 3}), large(context(), {40, 300});
  const CapturedSampler a(first, model, small);
  const CapturedSampler b(second, model, large);
  const CapturedSampler c(first, model, large);
  DeviceState<float> x(small), y(large), z(large), wanted(small);
  a.sample(x, Noise{.seed = 4});
  b.sample(y, Noise{.seed = 5});
  c.sample(z, Noise{.seed = 6});
  first.sample(model, wanted, Noise{.seed = 4});
  CHECK(same(x, wanted));
  DeviceState<float> next(large);
  second.sample(model, next, Noise{.seed = 5});
  CHECK(same(y, next));
  first.sample(model, next, Noise{.seed = 6});
  CHECK(same(z, next));
  a.sample(x, Noise{.seed = 4});
  CHECK(same(x, wanted));
}
