// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <scoresde/evaluate/feature_extractor.hpp>
#include <scoresde/evaluate/frechet_distance.hpp>
#include <scoresde/evaluate/frechet_error.hpp>
#include <scoresde/evaluate/reference_floor.hpp>

#include "evaluate/made_up_features.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

/// N(mean, diag(deviation²)), as moments.
FeatureMoments diagonal(const std::vector<double>& mean, const std::vector<double>& deviation) {
  const std::size_t d = mean.size();
  FeatureMoments m{"made up", 100, mean, std::vector<double>(d * d)};
  for (std::size_t i = 0; i < d; ++i) m.covariance[i * d + i] = deviation[i] * deviation[i];
  return m;
}

}  // namespace

TEST_CASE("the Fréchet distance of independent normals is a sum over dimensions") {
  std::vector<double> mean1, mean2, deviation1, deviation2;
  double wanted = 0;
  for (int i = 0; i < 90; ++i) {
    mean1.push_back(i % 7);
    mean2.push_back(i % 5);
    deviation1.push_back(i % 10 == 0 ? 0 : std::pow(10, -i % 4));
    deviation2.push_back(1 + 0.1 * (i % 3));
    const double m = mean1.back() - mean2.back(), s = deviation1.back() - deviation2.back();
    wanted += m * m + s * s;
  }
  const auto found = frechet_distance(diagonal(mean1, deviation1), diagonal(mean2, deviation2));
  CHECK(found.value == Approx(wanted).epsilon(1e-12));
}

TEST_CASE("the Fréchet distance is symmetric and zero between equal sets of any rank") {
  for (const std::size_t n : std::vector<std::size_t>{20, 70, 300}) {
    const auto x = made_up::normals(n, 64, 1), y = made_up::normals(n + 3, 64, 2, 0.1, 1.2);
    const auto there = frechet_distance(x.view(), y.view());
    const auto back = frechet_distance(y.view(), x.view());
    CHECK(there.value == Approx(back.value).epsilon(1e-12));
    CHECK(frechet_distance(x.view(), x.view()).value <= 1e-12 * there.trace1);
  }
}

TEST_CASE("random covariances of low rank in other spaces keep their accuracy") {
  // tr √(Σ₁Σ₂) is also the sum of the singular values of the centered X Yᵀ over n − 1.
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::size_t d = 40, r = 3 + seed;
    const auto low1 = made_up::normals(200, r, 100 + seed), low2 = made_up::normals(200, r, seed);
    const auto base1 = made_up::normals(r, d, 300 + seed),
               base2 = made_up::normals(r, d, 400 + seed);
    made_up::Set x{std::vector<double>(200 * d), d, ""}, y = x;
    for (std::size_t i = 0; i < 200; ++i)
      for (std::size_t k = 0; k < d; ++k)
        for (std::size_t j = 0; j < r; ++j) {
          x.values[i * d + k] += low1.values[i * r + j] * base1.values[j * d + k];
          y.values[i * d + k] += low2.values[i * r + j] * base2.values[j * d + k];
        }
    const auto mean1 = feature_moments(x.view()).mean, mean2 = feature_moments(y.view()).mean;
    std::vector<double> cx = x.values, cy = y.values;
    for (std::size_t i = 0; i < cx.size(); ++i) cx[i] -= mean1[i % d], cy[i] -= mean2[i % d];
    const double wanted = detail::nuclear_norm_of_products(detail::rows_of(cx.data(), 200, d),
                                                           detail::rows_of(cy.data(), 200, d)) /
                          199;
    const auto found = frechet_distance(x.view(), y.view());
    CAPTURE(seed);
    CHECK(std::abs(found.trace_sqrt - wanted) <= 1e-10 * (found.trace1 + found.trace2));
  }
}

TEST_CASE("the jackknife's error of a Fréchet distance is its spread over independent sets") {
  const auto reference = made_up::normals(4000, 6, 1);
  const FeatureMoments moments = feature_moments(reference.view());
  std::vector<double> distances;
  double errors = 0;
  constexpr std::size_t sets = 40;
  for (std::size_t k = 0; k < sets; ++k) {
    const auto x = made_up::normals(300, 6, 10 + k, 0.3);
    distances.push_back(frechet_distance(feature_moments(x.view()), moments).value);
    errors += frechet_standard_error(x.view(), moments) / sets;
  }
  const double spread = standard_deviation_of(distances, 1);
  CHECK(errors == Approx(spread).epsilon(0.3));
}

TEST_CASE("the floor is the distance of two disjoint sets of real features") {
  const auto real = made_up::normals(500, 4, 2);
  const auto metric = [](const auto& a, const auto& b) { return frechet_distance(a, b).value; };
  const double floor = reference_floor(real.view(), 250, metric);
  CHECK(floor > 0);
  CHECK(floor < 0.2);
  CHECK(floor == reference_floor(real.view(), 250, metric));
  CHECK(floor != reference_floor(real.view(), 250, metric, 7));
  const auto disjoint = [](const auto& a, const auto& b) {
    for (std::size_t i = 0; i < a.size(); ++i)
      for (std::size_t j = 0; j < b.size(); ++j)
        if (a.row(i)[0] == b.row(j)[0]) return false;
    return a.size() == 250 && b.size() == 250;
  };
  CHECK(reference_floor(real.view(), 250, disjoint));
  CHECK_THROWS_WITH(reference_floor(real.view(), 251, metric),
                    Contains("500 images") && Contains("502"));
}

TEST_CASE("a Fréchet distance is called FID in Inception's 2048 features only") {
  FeatureDescription features{FeatureNetwork::inception_2015_12_05, "Inception-v3", 2048,
                              "torch_fidelity", "6726825d"};
  CHECK(features.distance_name() == "FID (torch_fidelity)");
  CHECK(features.kernel_distance_name() == "KID (torch_fidelity)");
  features.dim = 64;
  CHECK(features.distance_name() == "Fréchet distance (Inception-v3, 64)");
  features = {FeatureNetwork::other, "classifier", 2048, "x/255", "0"};
  CHECK(features.distance_name() == "Fréchet distance (classifier, 2048)");
  CHECK(features.kernel_distance_name() == "kernel distance (classifier, 2048)");
}

TEST_CASE("the Fréchet distance rejects what it cannot compare") {
  auto x = made_up::normals(5, 4, 7);
  const auto y = made_up::normals(5, 3, 7), one = made_up::normals(1, 4, 7);
  CHECK_THROWS_WITH(frechet_distance(x.view(), y.view()), Contains("dimension 3"));
  CHECK_THROWS_WITH(frechet_distance(x.view(), one.view()),
                    Contains("the second features are of 1 images; at least 2"));
  auto other = x;
  other.extractor = "classifier";
  CHECK_THROWS_WITH(frechet_distance(x.view(), other.view()),
                    Contains("'classifier'") && Contains("'made up'"));
  other.values[6] = std::numeric_limits<double>::infinity();
  other.extractor.clear();
  CHECK_THROWS_WITH(frechet_distance(x.view(), other.view()),
                    Contains("feature 2 of image 1") && Contains("inf"));
  const FeatureMoments good = feature_moments(x.view());
  FeatureMoments bad = good;
  bad.extractor = "classifier";
  CHECK_THROWS_WITH(frechet_distance(good, bad), Contains("'classifier'"));
  CHECK_THROWS_WITH(frechet_distance(good, feature_moments(y.view())), Contains("dimension 3"));
  bad = good;
  bad.covariance.pop_back();
  CHECK_THROWS_WITH(frechet_distance(bad, good), Contains("first moments") && Contains("15"));
  bad = good;
  bad.covariance[1] += 1;
  CHECK_THROWS_WITH(frechet_distance(bad, good), Contains("symmetric"));
  bad = good;
  bad.covariance[5] = -1;
  CHECK_THROWS_WITH(frechet_distance(bad, good), Contains("variance -1 of feature 1"));
  bad = good;
  bad.mean[2] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(frechet_distance(bad, good), Contains("not finite"));
  CHECK_THROWS_WITH(frechet_standard_error(x.view(), good, 1), Contains("1 groups"));
}
