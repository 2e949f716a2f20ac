// SPDX-License-Identifier: MIT
/// Every sampler of the library on device states: bit-identical to HostState if no sum determines a
/// step, equal to rounding otherwise.
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include <scoresde/cuda/device_memory.hpp>
#include <scoresde/cuda/device_state.hpp>
#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/scoresde.hpp>

#include "backends/cuda/device/isotropic_score.hpp"
#include "every_sampler.hpp"
#include "support/catch.hpp"
#include "support/shared_context.hpp"

using namespace scoresde;
using cuda::DeviceState;
using scoresde::test::context;

namespace {

constexpr Noise noise{.seed = 5, .first_sample = 3};

template <class T>
struct Runs {
  HostState<T> host;
  HostState<T> device;
  SamplerStatistics host_statistics, device_statistics;
};

template <class T, class Sampler, class N, class M>
Runs<T> run_both(Extents shape, const Sampler& sampler, M model, const N& noises) {
  Runs<T> runs{HostState<T>(shape), HostState<T>(shape), {}, {}};
  M other = model;
  runs.host_statistics = sampler.sample(model, runs.host, noises);
  DeviceState<T> x(context(), shape);
  runs.device_statistics = sampler.sample(other, x, noises);
  runs.device = cuda::to_host(x);
  return runs;
}

template <class T>
double largest_difference(const Runs<T>& runs) {
  double largest = 0;
  for (std::size_t i = 0; i < runs.host.size(); ++i)
    largest =
        std::max(largest, std::abs(double(runs.host.data()[i]) - double(runs.device.data()[i])));
  return largest;
}

template <class T>
void check_statistics(const Runs<T>& runs) {
  CHECK(runs.device_statistics.nfe == runs.host_statistics.nfe);
  CHECK(runs.device_statistics.accepted == runs.host_statistics.accepted);
  CHECK(runs.device_statistics.rejected == runs.host_statistics.rejected);
}

bool decided_by_sums(const std::string& name) {
  return name.find("Langevin") != std::string::npos || name.find("adaptive") != std::string::npos;
}

}  // namespace

TEST_CASE("every sampler runs on a device state") {
  const VpSde sde;
  std::size_t exact = 0, close = 0;
  for_every_sampler(sde, 6, [&](const std::string& name, const auto& sampler) {
    INFO(name);
    const IsotropicScore<VpSde> model{sde};
    const auto runs = run_both<double>({3, 5}, sampler, model, noise);
    check_statistics(runs);
    const bool by_sums = decided_by_sums(name) && name.find("annealed") == std::string::npos;
    if (by_sums) {
      ++close;
      CHECK(largest_difference(runs) < 1e-10);
    } else {
      ++exact;
      CHECK(largest_difference(runs) == 0);
    }
  });
  CHECK(close == 4);
  CHECK(exact > 20);
}

TEST_CASE("inpainting on a device state is bit-identical to the host's, and ends in the data") {
  const VpSde sde;
  const Extents shape{3, 5};
  HostState<double> mask(shape), data(shape), host(shape);
  for (std::size_t i = 0; i < mask.size(); ++i) {
    mask.data()[i] = i % 2 == 0 ? 1 : 0;
    data.data()[i] = i == 2 ? -0.0 : 0.1 * static_cast<double>(i) - 0.5;
  }
  const DeviceState<double> device_mask(context(), mask), device_data(context(), data);
  Inpainting of_host(sde, mask, data);
  Inpainting of_device(sde, device_mask, device_data);
  IsotropicScore<VpSde> model{sde};
  const auto check = [&](const auto& sampler) {
    DeviceState<double> x(context(), shape);
    sampler.sample(model, host, noise, NoObserver{}, of_host);
    sampler.sample(model, x, noise, NoObserver{}, of_device);
    const auto found = cuda::to_host(x);
    CHECK(std::memcmp(found.data(), host.data(), host.size() * sizeof(double)) == 0);
    for (std::size_t i = 0; i < mask.size(); i += 2)
      CHECK(std::memcmp(&found.data()[i], &data.data()[i], sizeof(double)) == 0);
  };
  check(PredictorCorrector{sde, Ancestral{}, uniform_grid(sde, 6)});
  check(SolverSampler{sde, SdeDpmSolverPlusPlus<2>{}, log_snr_grid(sde, 6)});
}

TEST_CASE("samplers with per-sample steps run on a device state") {
  for_every_adaptive_sampler(VeSde(), [&](const std::string& name, const auto& sampler) {
    INFO(name);
    const auto runs = run_both<double>({3, 6}, sampler, IsotropicScore<VeSde>{VeSde()}, noise);
    check_statistics(runs);
    CHECK(largest_difference(runs) < 1e-7);
  });
}

TEST_CASE("fixed steps in float are bit-identical to the host's at any dimension") {
  const VeSde sde;
  for (const Extents shape : {Extents{1, 1}, {5, 3}, {2, 64}, {3, 257}}) {
    const PredictorCorrector sampler{sde, ReverseDiffusion{}, AnnealedLangevin{.snr = 0.1},
                                     uniform_grid(sde, 5)};
    CHECK(largest_difference(run_both<float>(shape, sampler, IsotropicScore<VeSde>{sde}, noise)) ==
          0);
  }
}

TEST_CASE("Langevin steps sized on the device match the host's, with either scope and any noise") {
  const VpSde sde;
  const TimeGrid grid = uniform_grid(sde, 4);
  for (const Scope scope : {Scope::per_sample, Scope::batch})
    for (const Extents shape : {Extents{4, 3}, {2, 1030}, {300, 3}, {1, 8195}}) {
      const PredictorCorrector sampler{sde, NoPredictor{},
                                       Langevin{.snr = 0.1, .steps = 2, .scope = scope}, grid};
      const auto runs = run_both<double>(shape, sampler, IsotropicScore<VpSde>{sde}, noise);
      CHECK(largest_difference(runs) < 1e-12);
    }
  // Noise that is stored as states.
  const Extents shape{3, 10};
  const PredictorCorrector sampler{sde, Ancestral{}, Langevin{.snr = 0.1}, grid};
  std::vector<HostState<double>> host;
  std::vector<DeviceState<double>> device;
  for (std::uint64_t d = 0; d < 9; ++d) {
    draw_prior(host.emplace_back(shape), 1.0, noise.draw(d));
    device.emplace_back(context(), host.back());
  }
  IsotropicScore<VpSde> model{sde};
  HostState<double> x(shape);
  DeviceState<double> y(context(), shape);
  sampler.sample(model, x, RecordedNoise<HostState<double>>{host});
  sampler.sample(model, y, RecordedNoise<DeviceState<double>>{device});
  const HostState<double> found = cuda::to_host(y);
  for (std::size_t i = 0; i < x.size(); ++i)
    CHECK(found.data()[i] == Approx(x.data()[i]).epsilon(1e-12).margin(1e-12));
}

namespace {

/// A user-defined corrector whose rule is compiled only for the host.
struct HalfLangevin {
  int steps = 1;
  Scope scope = Scope::per_sample;
  static constexpr bool needs_norms = true;
  struct Rule {
    [[nodiscard]] StepCoefficients operator()(Norms norms) const {
      const double epsilon = 0.01 * norms.noise / norms.score;
      return {1, epsilon, std::sqrt(epsilon)};
    }
  };
  template <Sde S>
  [[nodiscard]] Rule rule(const S&, double) const {
    return {};
  }
};

}  // namespace

TEST_CASE("a user-defined corrector rule is evaluated on the host") {
  const VpSde sde;
  for (const Scope scope : {Scope::per_sample, Scope::batch}) {
    const PredictorCorrector sampler{sde, Ancestral{}, HalfLangevin{.scope = scope},
                                     uniform_grid(sde, 4)};
    const auto runs = run_both<double>({3, 70}, sampler, IsotropicScore<VpSde>{sde}, noise);
    CHECK(largest_difference(runs) < 1e-12);
  }
}

TEST_CASE("a zero score gives no Langevin step on the device") {
  struct ZeroScore {
    void evaluate(const DeviceState<float>&, double, DeviceState<float>& output) {
      backend(output).assign(output, std::span<const Term<DeviceState<float>>>(), NoiseTerm{});
    }
    [[nodiscard]] ScoreForm score_form(double) const { return {0, 1}; }
  } model;
  const VpSde sde;
  const PredictorCorrector sampler{sde, NoPredictor{}, Langevin{}, uniform_grid(sde, 3)};
  DeviceState<float> x(context(), {2, 5}), prior(x.context(), x.extents());
  sampler.sample(model, x, noise);
  draw_prior(sde, prior, noise.draw(0));
  const HostState<float> found = cuda::to_host(x), wanted = cuda::to_host(prior);
  CHECK(std::equal(found.data(), found.data() + found.size(), wanted.data()));
}

TEST_CASE("a score that nearly vanishes is rejected by Langevin on the device") {
  struct TinyScore {
    void evaluate(const DeviceState<float>& x, double, DeviceState<float>& output) {
      const Term<DeviceState<float>> term{-1e-20, &x};
      backend(output).assign(output, std::span<const Term<DeviceState<float>>>(&term, 1),
                             NoiseTerm{});
    }
    [[nodiscard]] ScoreForm score_form(double) const { return {0, 1}; }
  } model;
  const VpSde sde;
  const PredictorCorrector sampler{sde, NoPredictor{}, Langevin{}, uniform_grid(sde, 3)};
  DeviceState<float> x(context(), {2, 5});
  CHECK_THROWS_WITH(sampler.sample(model, x, noise),
                    Catch::Contains("the state of sample 0 is not finite"));
}

TEST_CASE("observers see a run on a device and do not change it") {
  const VpSde sde;
  const PredictorCorrector sampler{sde, Ancestral{}, Langevin{.snr = 0.1}, uniform_grid(sde, 5)};
  IsotropicScore<VpSde> model{sde};
  const Extents shape{3, 9};
  DeviceState<double> plain(context(), shape), watched(plain);
  sampler.sample(model, plain, noise);
  StepStatistics statistics(true), wanted(true);
  Trajectory<DeviceState<double>> trajectory;
  sampler.sample(model, watched, noise, observe(statistics, trajectory));
  HostState<double> host(shape);
  sampler.sample(model, host, noise, wanted);
  const HostState<double> a = cuda::to_host(plain), b = cuda::to_host(watched);
  CHECK(std::equal(a.data(), a.data() + a.size(), b.data()));
  REQUIRE(statistics.corrections().size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    const auto& found = statistics.corrections()[i];
    const auto& known = wanted.corrections()[i];
    for (std::size_t k = 0; k < 3; ++k) {
      CHECK(found.score_norm.samples[k] == Approx(known.score_norm.samples[k]).epsilon(1e-10));
      CHECK(found.noise_norm.samples[k] == Approx(known.noise_norm.samples[k]).epsilon(1e-12));
      CHECK(found.step_size.samples[k] == Approx(known.step_size.samples[k]).epsilon(1e-10));
      CHECK(found.snr.samples[k] == Approx(known.snr.samples[k]).epsilon(1e-10));
    }
  }
  REQUIRE(trajectory.entries().size() == 6);
  const HostState<double> last = cuda::to_host(trajectory.entries().back().x);
  CHECK(std::equal(a.data(), a.data() + a.size(), last.data()));
}

TEMPLATE_TEST_CASE("a Brownian path on a device is bit-identical to the host's", "", float,
                   double) {
  const Extents shape{3, 7};
  const HostState<TestType> host(shape);
  const DeviceState<TestType> device(context(), shape);
  for (const int depth : {1, 16, 32}) {
    const BrownianPath<HostState<TestType>, TimeClock> a(host, noise, TimeClock(1, 0), depth);
    const BrownianPath<DeviceState<TestType>, TimeClock> b(device, noise, TimeClock(1, 0), depth);
    for (const TimeStep step : {TimeStep{1, 0.3}, {0.7, 0.3}, {0.3, 0.125}, {0.5, 0}}) {
      if (depth == 1 && step.t_next == 0.125) continue;  // a single leaf
      const HostState<TestType>& wanted = a.draw(0, step);
      const HostState<TestType> found = cuda::to_host(b.draw(0, step));
      CHECK(std::equal(found.data(), found.data() + found.size(), wanted.data()));
    }
  }
  const VpSde sde;
  const PredictorCorrector sampler{sde, EulerMaruyama{}, NoCorrector{}, uniform_grid(sde, 7)};
  HostState<TestType> x(shape);
  DeviceState<TestType> y(context(), shape);
  IsotropicScore<VpSde> model{sde};
  sampler.sample(model, x, BrownianPath<HostState<TestType>, TimeClock>(x, noise, TimeClock(1, 0)));
  sampler.sample(model, y,
                 BrownianPath<DeviceState<TestType>, TimeClock>(y, noise, TimeClock(1, 0)));
  const HostState<TestType> found = cuda::to_host(y);
  CHECK(std::equal(found.data(), found.data() + found.size(), x.data()));
}

TEST_CASE("a state that is not finite throws on a device") {
  const VpSde sde;
  struct Diverges {
    void evaluate(const DeviceState<float>& x, double, DeviceState<float>& output) {
      const Term<DeviceState<float>> term{1e30, &x};
      backend(output).assign(output, std::span<const Term<DeviceState<float>>>(&term, 1),
                             NoiseTerm{});
    }
    [[nodiscard]] ScoreForm score_form(double) const { return {0, 1}; }
  } model;
  const ProbabilityFlow sampler{sde, Euler{}, uniform_grid(sde, 4)};
  DeviceState<float> x(context(), {2, 5});
  CHECK_THROWS_WITH(sampler.sample(model, x, noise), Catch::Contains("is not finite at t = "));
}
