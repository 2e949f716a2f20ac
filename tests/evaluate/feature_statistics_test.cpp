// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <scoresde/evaluate/feature_statistics.hpp>
#include <scoresde/evaluate/features.hpp>

#include "evaluate/made_up_features.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

/// Rows [begin, end).
Features<double> part(const made_up::Set& x, std::size_t begin, std::size_t end) {
  return {std::span(x.values).subspan(begin * x.dim, (end - begin) * x.dim), x.dim, x.extractor};
}

/// Mean and covariance in long double, from their definition.
FeatureMoments by_definition(const made_up::Set& x) {
  const std::size_t n = x.view().size(), d = x.dim;
  std::vector<long double> mean(d);
  for (std::size_t i = 0; i < n * d; ++i) mean[i % d] += x.values[i];
  FeatureMoments m{x.extractor, n, {}, {}};
  for (long double& value : mean)
    m.mean.push_back(static_cast<double>(value /= static_cast<long double>(n)));
  for (std::size_t j = 0; j < d; ++j)
    for (std::size_t k = 0; k < d; ++k) {
      long double sum = 0;
      for (std::size_t i = 0; i < n; ++i)
        sum += (x.values[i * d + j] - mean[j]) * (x.values[i * d + k] - mean[k]);
      m.covariance.push_back(static_cast<double>(sum / static_cast<long double>(n - 1)));
    }
  return m;
}

void check_close(const FeatureMoments& found, const FeatureMoments& wanted, double tolerance) {
  CHECK(found.count == wanted.count);
  for (std::size_t i = 0; i < wanted.mean.size(); ++i)
    CHECK(std::abs(found.mean[i] - wanted.mean[i]) <= 1e-15 * std::abs(wanted.mean[i]) + 1e-16);
  for (std::size_t i = 0; i < wanted.covariance.size(); ++i)
    CHECK(std::abs(found.covariance[i] - wanted.covariance[i]) <= tolerance);
}

}  // namespace

TEST_CASE("mean and covariance are those of their definition, also far from zero") {
  for (const double mean : {0.0, 1e6}) {
    const auto x = made_up::normals(1300, 7, 3, mean);
    CAPTURE(mean);
    check_close(feature_moments(x.view()), by_definition(x), mean == 0 ? 1e-13 : 1e-9);
  }
}

TEST_CASE("statistics are bit-identical for any division into batches and after an interruption") {
  const auto x = made_up::normals(1300, 7, 4);
  const FeatureMoments wanted = feature_moments(x.view());
  for (const std::size_t batch : std::vector<std::size_t>{1, 100, 512, 700}) {
    FeatureStatistics statistics(x.dim, x.extractor);
    for (std::size_t i = 0; i < 1300; i += batch) {
      statistics.add(part(x, i, std::min<std::size_t>(i + batch, 1300)));
      statistics = FeatureStatistics(FeatureStatisticsState(statistics.state()));
    }
    CHECK(statistics.count() == 1300);
    const FeatureMoments found = statistics.moments();
    CHECK(found.mean == wanted.mean);
    CHECK(found.covariance == wanted.covariance);
    CHECK(found.covariance == statistics.moments().covariance);
  }
}

TEST_CASE("merged statistics of parts are those of all images") {
  const auto x = made_up::normals(1300, 7, 5, 30);
  FeatureStatistics first(x.dim, x.extractor), second(x.dim, x.extractor), empty(x.dim);
  first.add(part(x, 0, 37));
  second.add(part(x, 37, 1300));
  first.merge(second);
  first.merge(empty);
  CHECK(first.count() == 1300);
  check_close(first.moments(), by_definition(x), 1e-12);
}

TEST_CASE("float features have the statistics of the same numbers in double") {
  const auto x = made_up::normals(600, 5, 6);
  const std::vector<float> rounded(x.values.begin(), x.values.end());
  const std::vector<double> exact(rounded.begin(), rounded.end());
  CHECK(feature_moments(Features<float>{rounded, 5}).covariance ==
        feature_moments(Features<double>{exact, 5}).covariance);
}

TEST_CASE("feature statistics reject what they cannot add") {
  auto x = made_up::normals(3, 4, 7);
  FeatureStatistics statistics(4, "inception");
  CHECK_THROWS_WITH(statistics.add(x.view()), Contains("'made up'") && Contains("'inception'"));
  CHECK_THROWS_WITH(FeatureStatistics(3).add(x.view()), Contains("dimension 4") && Contains("3"));
  CHECK_THROWS_WITH(FeatureStatistics(0), Contains("dimension is 0"));
  CHECK_THROWS_WITH(feature_moments(part(x, 0, 1)), Contains("1 images") && Contains("2"));
  x.values.pop_back();
  CHECK_THROWS_WITH(feature_moments(x.view()), Contains("11 values") && Contains("4"));
  x.values.push_back(std::numeric_limits<double>::quiet_NaN());
  FeatureStatistics unchanged(4);
  CHECK_THROWS_WITH(unchanged.add(x.view()), Contains("feature 3 of image 2") && Contains("nan"));
  CHECK(unchanged.count() == 0);
  FeatureStatisticsState state = unchanged.state();
  state.scatter.pop_back();
  CHECK_THROWS_WITH(FeatureStatistics(state), Contains("scatter of 15"));
}
