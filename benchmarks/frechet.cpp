// SPDX-License-Identifier: MIT
/// One Fréchet distance of two sets of features: seconds of covariances and of the distance, and
/// peak memory, as a line of JSON. peers/frechet_speed.py compares it with scipy.
///
/// Features are nonnegative, correlated and of variances over three decades, as those of Inception;
/// they are made a batch at a time, outside of the measured time.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <span>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/resource.h>

#include <scoresde/checkpoint/feature_statistics_file.hpp>
#include <scoresde/evaluate/feature_statistics.hpp>
#include <scoresde/evaluate/frechet_distance.hpp>
#include <scoresde/noise/noise.hpp>

#include "cli/command_line.hpp"

namespace {

using namespace scoresde;

struct Options {
  std::size_t images = 50000, dim = 2048, batch = 500;
  std::filesystem::path export_folder;
};

/// x_k = max(0, (z_k + z_{k+1} + 0.7·shift + w/2)/(1 + k/100)), w common to all k of an image.
std::vector<float> made_up_batch(const Options& o, std::uint64_t set, std::size_t first,
                                 std::size_t count) {
  const Noise noise{.seed = 1 + set};
  std::vector<float> x(count * o.dim), z(o.dim + 2);
  for (std::size_t i = 0; i < count; ++i) {
    fill_normal(z, noise.draw(first + i), 0, 0);
    for (std::size_t k = 0; k < o.dim; ++k) {
      const float scale = 1 + static_cast<float>(k) / 100;
      const float sum = z[k] + z[k + 1] + 0.7f * static_cast<float>(set) + z[o.dim + 1] / 2;
      x[i * o.dim + k] = std::max(0.0f, sum / scale);
    }
  }
  return x;
}

double seconds_of(const auto& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

nlohmann::ordered_json measure(const Options& o) {
  double accumulating = 0;
  std::vector<FeatureMoments> moments;
  for (std::uint64_t set = 0; set < 2; ++set) {
    FeatureStatistics statistics(o.dim);
    for (std::size_t first = 0; first < o.images; first += o.batch) {
      const std::vector<float> x =
          made_up_batch(o, set, first, std::min(o.batch, o.images - first));
      accumulating += seconds_of([&] { statistics.add(Features<float>{x, o.dim}); });
    }
    accumulating += seconds_of([&] { moments.push_back(statistics.moments()); });
  }
  FrechetDistance found;
  const double distance = seconds_of([&] { found = frechet_distance(moments[0], moments[1]); });
  if (!o.export_folder.empty())
    for (std::size_t set = 0; set < 2; ++set)
      write_feature_moments(o.export_folder / (set == 0 ? "first.npz" : "second.npz"),
                            moments[set]);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {{"images", o.images},
          {"dim", o.dim},
          {"value", found.value},
          {"scale", found.mean_term + found.trace1 + found.trace2},
          {"covariances", accumulating},
          {"distance", distance},
          {"peak_mib", static_cast<double>(usage.ru_maxrss) / 1024}};
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  programs::CommandLine line("frechet",
                             "Seconds and memory of a Fréchet distance, as a line of JSON");
  line.add_option("--images", o.images, "Images per set")
      .shows_default()
      .check(programs::natural_number(2));
  line.add_option("--dim", o.dim, "Features per image")
      .shows_default()
      .check(programs::natural_number(1, 65536));
  line.add_option("--export", o.export_folder,
                  "Also write the moments of both sets to first.npz and second.npz in this folder");
  return line.run(argc, argv, [&] {
    std::cout << measure(o).dump() << std::endl;
    return 0;
  });
}
