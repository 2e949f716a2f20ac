// SPDX-License-Identifier: MIT
/// The update x ← Σ cⱼ·xⱼ + c·z, compared with a memcpy of equal traffic in the same run.
///
/// Traffic is a read of every term and a write of the result, in float32, batches of 3×32×32; the
/// result is the first term, as in a sampler's step. of_memcpy is the bandwidth of assign relative
/// to that of memcpy; the two alternate, so that other work on the machine affects both. Small
/// batches are repeated within an iteration: read the counters, not the time.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <scoresde/eigen/eigen_backend.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/xtensor/xtensor_backend.hpp>

#include "image_states.hpp"
#include "thread_clock.hpp"

namespace {

template <class X>
void assign(benchmark::State& state) {
  const auto batch = static_cast<std::size_t>(state.range(0));
  const auto terms = static_cast<std::size_t>(state.range(1));
  const double noise = state.range(2) != 0 ? 0.01 : 0.0;
  std::array<X, 3> x{make<X>(batch), make<X>(batch), make<X>(batch)};
  // Coefficients that keep the values near ½.
  std::array<scoresde::Term<X>, 3> list{
      scoresde::Term<X>{0.98, &x[0]}, {0.01, &x[1]}, {0.01, &x[2]}};
  const std::size_t traffic = (terms + 1) * batch * image * sizeof(float);
  std::vector<std::byte> from(traffic / 2, std::byte{1}), to(traffic / 2);
  // So that the cost of the clock is negligible.
  const std::size_t repeats = 1 + (std::size_t{1} << 22) / traffic;
  std::uint64_t index = 0;
  double assigning = 0, copying = 0;
  for (auto _ : state) {
    const double now = seconds([&] {
      for (std::size_t i = 0; i < repeats; ++i)
        scoresde::backend(x[0]).assign(x[0], std::span<const scoresde::Term<X>>(list.data(), terms),
                                       {noise, scoresde::Noise{.seed = 1}.draw(++index)});
    });
    copying += seconds([&] {
      for (std::size_t i = 0; i < repeats; ++i) {
        std::memcpy(to.data(), from.data(), from.size());
        benchmark::DoNotOptimize(to.data());
        benchmark::ClobberMemory();
      }
    });
    assigning += now;
    state.SetIterationTime(now);
  }
  const double bytes =
      static_cast<double>(traffic) * static_cast<double>(repeats * state.iterations());
  state.counters["GB/s"] = bytes / assigning * 1e-9;
  state.counters["memcpy_GB/s"] = bytes / copying * 1e-9;
  state.counters["of_memcpy"] = copying / assigning;
  state.counters["ns_per_element"] =
      assigning * 1e9 / static_cast<double>(batch * image * repeats * state.iterations());
}

void cases(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"batch", "terms", "noise"})->UseManualTime()->MinTime(0.1);
  for (const std::int64_t noise : {0, 1})
    for (const std::int64_t terms : {2, 3})
      for (const std::int64_t batch : {1, 64, 512}) benchmark->Args({batch, terms, noise});
}

}  // namespace

BENCHMARK_TEMPLATE(assign, scoresde::HostState<float>)->Name("host")->Apply(cases);
BENCHMARK_TEMPLATE(assign, Eigen::ArrayXXf)->Name("eigen")->Apply(cases);
BENCHMARK_TEMPLATE(assign, xt::xtensor<float, 4>)->Name("xtensor")->Apply(cases);
