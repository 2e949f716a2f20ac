// SPDX-License-Identifier: MIT
/// Averages computed after a run: closed forms against quadrature, and reconstructed averages
/// against directly accumulated ones.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/optim/ema.hpp>
#include <scoresde/optim/post_hoc_ema.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

/// p(t) by the definition.
double density(const EmaProfile& p, double t) {
  if (t > p.end) return 0;
  return (p.gamma + 1) * std::pow(t / p.end, p.gamma) / p.end;
}

/// ∫ f dt from 0 to `end` by Simpson's rule in s = −ln(t/end), for f that decays towards t = 0 at
/// least like t^power: the rest, e^(−45) of the whole, is below its rounding errors.
template <class F>
double integral(F f, double end, double power = 0) {
  constexpr int intervals = 40000;
  const double h = 45.0 / (power + 1) / intervals;
  double sum = 0;
  for (int i = 0; i <= intervals; ++i) {
    const double t = end * std::exp(-h * i);
    sum += (i == 0 || i == intervals ? 1 : i % 2 == 1 ? 4 : 2) * f(t) * t;
  }
  return sum * h / 3;
}

/// Two tracks with a snapshot after each of `count` equal parts of a run of length `end`.
std::vector<EmaProfile> two_tracks(std::size_t count, double end) {
  std::vector<EmaProfile> stored;
  for (const double sigma_rel : {0.05, 0.10})
    for (std::size_t i = 1; i <= count; ++i)
      stored.push_back(EmaProfile::of_width(
          sigma_rel, end * static_cast<double>(i) / static_cast<double>(count)));
  return stored;
}

constexpr std::size_t weights_count = 40;

/// Weights after update n of a run of `updates`: slow drifts, a decay, oscillations and noise.
std::vector<double> weights_after(std::uint64_t n, std::uint64_t updates) {
  const double t = static_cast<double>(n) / static_cast<double>(updates);
  std::vector<double> weights(weights_count);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto k = static_cast<double>(i);
    const std::uint64_t hash = (n * 0x9e3779b97f4a7c15u + i * 0xd1b54a32d192ed03u) >> 40;
    const double noise = static_cast<double>(hash) / 0x1p24 - 0.5;
    weights[i] = std::cos(k) + std::exp(-(1 + k) * t) + 0.3 * std::sin((3 + k) * t) +
                 0.1 * std::sqrt(t) + 0.2 * noise;
  }
  return weights;
}

/// Averages with these profiles over the trajectory, accumulated update by update.
std::vector<std::vector<double>> averages(std::span<const EmaProfile> profiles,
                                          std::uint64_t updates) {
  std::vector<std::vector<double>> all(profiles.size(), std::vector<double>(weights_count));
  for (std::uint64_t n = 1; n <= updates; ++n) {
    const std::vector<double> weights = weights_after(n, updates);
    for (std::size_t i = 0; i < profiles.size(); ++i)
      if (static_cast<double>(n) <= profiles[i].end)
        ExponentialMovingAverage{
            .decay = 0, .schedule = EmaSchedule::power, .gamma = profiles[i].gamma}
            .update(std::span<double>(all[i]), std::span<const double>(weights), n);
  }
  return all;
}

template <class T>
std::vector<double> combined(const PostHocEma& fit, const std::vector<std::vector<T>>& stored) {
  WeightCombination sum(weights_count);
  for (std::size_t i = 0; i < stored.size(); ++i)
    sum.add(fit.coefficients[i], std::span<const T>(stored[i]));
  return {sum.sum().begin(), sum.sum().end()};
}

/// Root of the mean square of a − b, relative to that of b.
double relative_error(const std::vector<double>& a, const std::vector<double>& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  return std::sqrt(difference / norm);
}

/// The nearest number of 11 significant bits, as float16 has in its normal range.
double rounded_to_float16(double w) {
  int exponent = 0;
  const double fraction = std::frexp(w, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, 11)), exponent - 11);
}

double sum_of(const std::vector<double>& x) { return std::accumulate(x.begin(), x.end(), 0.0); }

}  // namespace

TEST_CASE("inner products of power-function profiles agree with quadrature") {
  const std::array profiles{EmaProfile{0, 3},       EmaProfile{0.7, 0.02}, EmaProfile{6.94, 1},
                            EmaProfile{16.97, 2.5}, EmaProfile{400, 2.4},  EmaProfile{398, 2.5}};
  for (const EmaProfile& p : profiles)
    for (const EmaProfile& q : profiles) {
      INFO("gamma " << p.gamma << " to " << p.end << ", gamma " << q.gamma << " to " << q.end);
      const double expected = integral([&](double t) { return density(p, t) * density(q, t); },
                                       std::min(p.end, q.end), p.gamma + q.gamma);
      CHECK(inner_product(p, q) == Approx(expected).epsilon(1e-11));
      CHECK(inner_product(p, q) == inner_product(q, p));
    }
}

TEST_CASE("inner products of narrow profiles and distant ends neither overflow nor become NaN") {
  const EmaProfile narrow{800, 2e9}, early{700, 1e3}, wide{0, 2e9};
  CHECK(inner_product(narrow, narrow) == Approx(801.0 * 801 / 1601 / 2e9).epsilon(1e-14));
  CHECK(inner_product(narrow, early) == 0);
  CHECK(inner_product(early, wide) == Approx(1 / 2e9).epsilon(1e-14));
  const std::array stored{narrow, early, wide};
  const PostHocEma fit = post_hoc_ema(stored, {790, 2e9});
  CHECK(fit.relative_residual < 0.01);
  CHECK(fit.coefficients[0] == Approx(1).epsilon(0.01));
}

TEST_CASE("a stored profile is reconstructed as itself") {
  for (const std::size_t count : {1, 8, 64, 256}) {
    const auto stored = two_tracks(count, 1e6);
    for (const std::size_t wanted : {count - 1, 2 * count - 1, count / 2}) {
      const PostHocEma fit = post_hoc_ema(stored, stored[wanted]);
      INFO(count << " snapshots, profile " << wanted);
      for (std::size_t i = 0; i < stored.size(); ++i)
        REQUIRE(fit.coefficients[i] == Approx(i == wanted ? 1 : 0).margin(1e-9));
      CHECK(fit.relative_residual < 1e-7);
      CHECK(fit.error_gain() == Approx(1).epsilon(1e-9));
    }
  }
}

TEST_CASE("the coefficients and the residual are those of the nearest combination") {
  const auto stored = two_tracks(6, 1);
  const EmaProfile wanted = EmaProfile::of_width(0.075, 0.93);
  const PostHocEma fit = post_hoc_ema(stored, wanted);
  const auto squared_error = [&](const std::vector<double>& x) {
    return integral(
        [&](double t) {
          double difference = density(wanted, t);
          for (std::size_t i = 0; i < stored.size(); ++i)
            difference -= x[i] * density(stored[i], t);
          return difference * difference;
        },
        1);
  };
  const double least = squared_error(fit.coefficients);
  // Profiles jump at their ends, where Simpson's rule is of first order.
  CHECK(fit.relative_residual ==
        Approx(std::sqrt(least / inner_product(wanted, wanted))).epsilon(5e-3));
  for (std::size_t i = 0; i < stored.size(); ++i)
    for (const double change : {-0.05, 0.05}) {
      auto x = fit.coefficients;
      x[i] += change;
      REQUIRE(squared_error(x) > least);
    }
}

TEST_CASE("widths between those of two tracks have small residuals with 8 to 64 snapshots") {
  double previous = 1;
  for (const auto& [count, most] :
       {std::pair<std::size_t, double>{8, 0.014}, {16, 0.004}, {32, 1e-3}, {64, 2.5e-4}}) {
    const auto stored = two_tracks(count, 2'000'000);
    double largest = 0;
    for (const double sigma_rel : {0.055, 0.06, 0.07, 0.08, 0.09}) {
      const PostHocEma fit = post_hoc_ema(stored, EmaProfile::of_width(sigma_rel, 2'000'000));
      largest = std::max(largest, fit.relative_residual);
      CHECK(std::abs(sum_of(fit.coefficients) - 1) < fit.relative_residual);
      CHECK(fit.error_gain() < 1.05);
    }
    std::cout << "post-hoc EMA: " << count << " snapshots of 0.05 and 0.10, largest residual "
              << largest << '\n';
    CHECK(largest < most);
    CHECK(largest < previous / 3);
    previous = largest;
  }
}

TEST_CASE("a width far from those of the tracks has a residual that shows it") {
  const auto stored = two_tracks(16, 1000);
  CHECK(post_hoc_ema(stored, EmaProfile::of_width(0.01, 1000)).relative_residual > 0.3);
  CHECK(post_hoc_ema(stored, EmaProfile::of_width(0.28, 1000)).relative_residual > 0.1);
  const std::array early{EmaProfile{6.94, 500}, EmaProfile{400, 1000}};
  CHECK(post_hoc_ema(early, {16.97, 500}).relative_residual > 0.1);
}

TEST_CASE("equal and almost equal profiles: the first are rejected, the second do no harm") {
  auto stored = two_tracks(8, 1000);
  const EmaProfile wanted = EmaProfile::of_width(0.07, 1000);
  const PostHocEma before = post_hoc_ema(stored, wanted);
  stored.push_back({std::nextafter(stored[7].gamma, 100.0), 1000});
  const PostHocEma after = post_hoc_ema(stored, wanted);
  CHECK(after.relative_residual == Approx(before.relative_residual).epsilon(1e-6));
  CHECK(after.error_gain() < 2);
  stored.back() = stored[7];
  CHECK_THROWS_WITH(post_hoc_ema(stored, wanted),
                    Catch::Contains("stored profiles 7 and 16 are both of gamma 16.9"));
}

TEST_CASE("post_hoc_ema rejects missing and invalid profiles by name") {
  const std::vector<EmaProfile> none;
  const auto stored = two_tracks(4, 100);
  CHECK_THROWS_WITH(post_hoc_ema(none, {5, 100}), Catch::Contains("no stored profiles"));
  CHECK_THROWS_WITH(
      post_hoc_ema(stored, {5, 101}),
      Catch::Contains("the wanted end is 101; it must be at most") && Catch::Contains("100"));
  CHECK_THROWS_WITH(post_hoc_ema(stored, {5, 0}), Catch::Contains("end is 0; it must be above 0"));
  CHECK_THROWS_WITH(post_hoc_ema(stored, {-0.5, 1}), Catch::Contains("gamma is -0.5"));
  CHECK_THROWS_WITH(EmaProfile::of_width(0.3, 1), Catch::Contains("sigma_rel is 0.3"));
  CHECK_THROWS_WITH(EmaProfile::of_width(0, 1), Catch::Contains("sigma_rel is 0"));
  const double infinity = std::numeric_limits<double>::infinity();
  for (const EmaProfile& bad : {EmaProfile{5, -1}, EmaProfile{5, infinity}, EmaProfile{infinity, 1},
                                EmaProfile{std::nan(""), 1}, EmaProfile{5, std::nan("")}})
    CHECK_THROWS_AS(post_hoc_ema(std::vector{bad}, {5, 1}), Error);
  WeightCombination sum(3);
  const std::vector<float> two(2);
  CHECK_THROWS_WITH(sum.add(1, std::span<const float>(two)),
                    Catch::Contains("2 scalars; the sum has 3"));
}

TEST_CASE("a reconstructed average is the directly accumulated one, up to the residual") {
  constexpr std::uint64_t updates = 4096;
  const auto stored = two_tracks(32, updates);
  const auto tracks = averages(stored, updates);
  // Of other widths and ends, of which 3000 lies between two snapshots.
  const std::array wanted{EmaProfile::of_width(0.06, updates), EmaProfile::of_width(0.075, updates),
                          EmaProfile::of_width(0.13, updates), EmaProfile::of_width(0.075, 3000)};
  const auto direct = averages(wanted, updates);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const PostHocEma fit = post_hoc_ema(stored, wanted[i]);
    const double error = relative_error(combined(fit, tracks), direct[i]);
    std::cout << "post-hoc EMA: sigma_rel " << ema_sigma_rel(wanted[i].gamma) << " at "
              << wanted[i].end << ", residual " << fit.relative_residual
              << ", error of the weights " << error << '\n';
    CHECK(error < fit.relative_residual);
    CHECK(error < (wanted[i].end == updates ? 1e-4 : 0.01));
  }
  const PostHocEma itself = post_hoc_ema(stored, stored[31]);
  CHECK(relative_error(combined(itself, tracks), tracks[31]) < 1e-12);
}

TEST_CASE("float16 snapshots leave the rounding of float16 in the average") {
  constexpr std::uint64_t updates = 4096;
  const auto stored = two_tracks(64, updates);
  const auto tracks = averages(stored, updates);
  auto rounded = tracks;
  for (auto& weights : rounded)
    for (double& w : weights) w = rounded_to_float16(w);
  const double rounding = relative_error(rounded[63], tracks[63]);
  CHECK(rounding < 0x1p-11);
  for (const double sigma_rel : {0.055, 0.075, 0.13, 0.02}) {
    const PostHocEma fit = post_hoc_ema(stored, EmaProfile::of_width(sigma_rel, updates));
    const double error = relative_error(combined(fit, rounded), combined(fit, tracks));
    std::cout << "post-hoc EMA: sigma_rel " << sigma_rel << " of float16 snapshots, error " << error
              << ", error_gain " << fit.error_gain() << ", of one snapshot " << rounding << '\n';
    // Between snapshots that hardly differ the errors are not independent.
    CHECK(error < 2 * rounding * std::max(1.0, fit.error_gain()));
    CHECK(error > 0.1 * rounding);
  }
}
