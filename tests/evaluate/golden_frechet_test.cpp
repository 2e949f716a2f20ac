// SPDX-License-Identifier: MIT
/// Fréchet distances of the public packages and of 40-digit arithmetic.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <scoresde/evaluate/frechet_distance.hpp>

#include "evaluate/golden_cases.hpp"
#include "support/catch.hpp"

using namespace scoresde;

namespace {

std::uint32_t mix(std::uint32_t h) {
  h ^= h >> 16;
  h *= 0x85ebca6bU;
  h ^= h >> 13;
  h *= 0xc2b2ae35U;
  return h ^ h >> 16;
}

/// The words U(tag, i) of the golden README, 16 bits each.
class HashWords {
 public:
  HashWords(int seed, const std::string& tag) {
    for (const char c : "features." + std::to_string(seed) + "." + tag)
      name_ = (name_ ^ static_cast<unsigned char>(c)) * 16777619U;
  }
  std::int64_t operator()(std::size_t i) const {
    return mix(mix(static_cast<std::uint32_t>(i)) ^ name_) >> 16;
  }

 private:
  std::uint32_t name_ = 2166136261U;
};

golden_metrics::Matrix hash_features(int seed, std::size_t n, std::size_t d) {
  const HashWords base(seed, "base"), amp(seed, "amp"), e(seed, "e"), f(seed, "f"), g(seed, "g");
  golden_metrics::Matrix x{{}, d};
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k < d; ++k) {
      std::int64_t sum = 0;
      for (std::size_t r = 0; r < 6; ++r)
        sum += ((f(6 * i + r) - 32768) >> 4) * ((g(r * d + k) - 32768) >> 8);
      const std::int64_t v =
          (base(k) >> 4) + ((amp(k) >> 8) * (e(i * d + k) - 32768) >> 13) + (sum >> 9);
      x.values.push_back(static_cast<double>(v) * 0x1p-12);
    }
  return x;
}

double number(const golden_metrics::Case& c, const char* key) { return c.entry.at(key); }

/// In units of the covariances' traces and of the means' distance: the distance itself may be 0.
double scale_of(const FrechetDistance& found) {
  return found.mean_term + found.trace1 + found.trace2;
}

}  // namespace

TEST_CASE("Fréchet distances are equal to those in 40 digits", "[golden]") {
  golden_metrics::for_each("frechet", [](const golden_metrics::Case& c) {
    const auto x = golden_metrics::matrix(c, "x"), y = golden_metrics::matrix(c, "y");
    const FrechetDistance found = frechet_distance(x.view(), y.view());
    CHECK(std::abs(found.value - number(c, "exact")) <= 1e-9 * scale_of(found));
    if (c.entry.contains("trace_sqrt"))
      CHECK(std::abs(found.trace_sqrt - number(c, "trace_sqrt")) <= 1e-9 * scale_of(found));
    const FeatureMoments first = feature_moments(x.view()), second = feature_moments(y.view());
    for (const auto& [moments, which] : {std::pair{&first, "1"}, std::pair{&second, "2"}})
      if (c.file->contains(c.name + ".mu" + which)) {
        const auto mu = golden_metrics::vector(c, std::string("mu") + which);
        const auto sigma = golden_metrics::vector(c, std::string("sigma") + which);
        double size = 0;
        for (const double value : mu) size = std::max(size, std::abs(value));
        CHECK(golden_metrics::apart(moments->mean, mu) <= 1e-14 * size);
        CHECK(golden_metrics::apart(moments->covariance, sigma) <=
              1e-11 * *std::max_element(sigma.begin(), sigma.end()));
      }
    const double by_moments = frechet_distance(first, second).value;
    CHECK(std::abs(by_moments - number(c, "exact")) <= 1e-9 * scale_of(found));
  });
}

TEST_CASE("Fréchet distances of packages are within their rounding errors", "[golden]") {
  golden_metrics::for_each("frechet", [](const golden_metrics::Case& c) {
    const auto x = golden_metrics::matrix(c, "x"), y = golden_metrics::matrix(c, "y");
    const FrechetDistance found = frechet_distance(x.view(), y.view());
    for (const char* package : {"pytorch_fid", "clean_fid", "edm", "torch_fidelity"})
      if (c.entry.contains(package) && c.entry.at(package).is_number()) {
        INFO(package);
        CHECK(std::abs(found.value - number(c, package)) <= 1e-6 * scale_of(found));
      }
  });
}

TEST_CASE("Fréchet distances of wide features are equal to those from features", "[golden][slow]") {
  golden_metrics::for_each("frechet_wide", [](const golden_metrics::Case& c) {
    const std::vector<std::size_t> n = c.entry.at("n");
    const std::vector<int> seeds = c.entry.at("seeds");
    const std::vector<double> sums = c.entry.at("sums");
    const std::size_t d = c.entry.at("d");
    const auto x = hash_features(seeds[0], n[0], d), y = hash_features(seeds[1], n[1], d);
    double sum = 0;
    for (const double value : x.values) sum += value;
    REQUIRE(sum == sums[0]);
    const FrechetDistance found = frechet_distance(x.view(), y.view());
    CHECK(std::abs(found.value - number(c, "from_features")) <= 1e-9 * scale_of(found));
    const FeatureMoments first = feature_moments(x.view()), second = feature_moments(y.view());
    CHECK(golden_metrics::apart(first.mean, golden_metrics::vector(c, "mu1")) <= 1e-14);
    const auto row = golden_metrics::vector(c, "sigma1_row_last");
    CHECK(golden_metrics::apart(
              {first.covariance.end() - static_cast<std::ptrdiff_t>(d), first.covariance.end()},
              row) <= 1e-15);
    const double by_moments = frechet_distance(first, second).value;
    CHECK(std::abs(by_moments - number(c, "from_features")) <= 1e-9 * scale_of(found));
  });
}
