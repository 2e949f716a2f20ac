// SPDX-License-Identifier: MIT
/// The update x ← Σ cⱼ·xⱼ + c·z on a GPU, compared with a copy on the device in the same
/// process: a line of JSON per number of images, number of terms, and with and without noise.
///
/// Traffic is a read of every term and a write of the result, in float32, images of 3×32×32; the
/// result is the first term, as in a sampler's step. The time is that of one call in a captured
/// graph of many, which excludes the host's part of a launch; `eager_seconds` includes it. Small
/// states stay in the device's cache.
#include <array>
#include <cstddef>
#include <iostream>
#include <span>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/cuda/device_state.hpp>
#include <scoresde/cuda/graph.hpp>
#include <scoresde/noise/noise.hpp>

#include "ceilings.hpp"
#include "cli/command_line.hpp"
#include "device_timer.hpp"

namespace {

using namespace scoresde;
using State = cuda::DeviceState<float>;

constexpr std::size_t image = 3 * 32 * 32, calls = 20;

struct Case {
  std::size_t samples, terms;
  bool noise;
};

State normal_state(const cuda::Context& context, std::size_t samples, std::uint64_t index) {
  State x(context, {samples, image});
  backend(x).assign(x, std::span<const Term<State>>(), {1, Noise{.seed = 1}.draw(index)});
  return x;
}

nlohmann::ordered_json measured(const cuda::Context& context, const Case& one, double seconds,
                                double copy_gbs) {
  std::array<State, 3> x{normal_state(context, one.samples, 0),
                         normal_state(context, one.samples, 1),
                         normal_state(context, one.samples, 2)};
  // Coefficients that keep the values near 1 in magnitude.
  const std::array<Term<State>, 3> list{Term<State>{0.98, &x[0]}, {0.01, &x[1]}, {0.01, &x[2]}};
  std::uint64_t index = 10;
  const auto run = [&] {
    for (std::size_t i = 0; i < calls; ++i)
      backend(x[0]).assign(x[0], std::span<const Term<State>>(list.data(), one.terms),
                           {one.noise ? 0.01 : 0.0, Noise{.seed = 1}.draw(++index)});
  };
  const Times eager = device::time_runs(context, run, seconds / 2, 10);
  const cuda::Graph graph(context, run);
  const Times times = device::time_runs(
      context, [&] { graph.launch(); }, seconds / 2, 10);
  const double traffic = double(one.terms + 1) * double(one.samples * image) * sizeof(float);
  const double gbs = 1e-9 * traffic * calls / times.median;
  return {{"program", "assign"},
          {"batch", one.samples},
          {"terms", one.terms},
          {"noise", one.noise},
          {"runs", times.runs},
          {"median_seconds", times.median / calls},
          {"eager_seconds", eager.median / calls},
          {"gbs", gbs},
          {"of_copy", gbs / copy_gbs}};
}

void run(double seconds) {
  const cuda::Context context;
  const double copy_gbs = device::copy_bandwidth(context);
  for (const std::size_t samples : {64u, 512u, 4096u, 32768u})
    for (const std::size_t terms : {2u, 3u})
      for (const bool noise : {false, true}) {
        auto line = measured(context, {samples, terms, noise}, seconds, copy_gbs);
        line["copy_gbs"] = copy_gbs;
        line["device"] = context.name();
        std::cout << line.dump() << std::endl;
      }
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 0.2;
  programs::CommandLine line("device_assign",
                             "GB/s of a sampler's step on a GPU, as lines of JSON");
  line.add_option("--seconds", seconds, "Minimum time per case in seconds")
      .shows_default()
      .check(programs::number_from_zero());
  return line.run(argc, argv, [&] {
    run(seconds);
    return 0;
  });
}
