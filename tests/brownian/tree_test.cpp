// SPDX-License-Identifier: MIT
/// The distribution of the increments, computed from their weights without sampling.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include <scoresde/brownian/clock.hpp>
#include <scoresde/brownian/tree.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

using Weights = std::map<std::uint64_t, double>;

Weights weights(const BrownianIncrement& increment) {
  Weights out;
  for (const auto& [node, weight] : increment.terms()) {
    CHECK(out.count(node) == 0);
    out[node] = weight;
  }
  return out;
}

double covariance(const Weights& a, const Weights& b) {
  double sum = 0;
  for (const auto& [node, weight] : a)
    if (const auto found = b.find(node); found != b.end()) sum += weight * found->second;
  return sum;
}

/// begin, end and `count` random times in between, in the order of the path.
std::vector<double> scattered_times(double begin, double end, std::size_t count) {
  std::vector<double> fractions{0, 1};
  for (std::size_t i = 0; i < count; ++i)
    fractions.push_back(uniform(Noise{.seed = 8}.draw(count), 0, i));
  std::sort(fractions.begin(), fractions.end());
  std::vector<double> times;
  for (const double f : fractions) times.push_back(f == 1 ? end : begin + f * (end - begin));
  return times;
}

std::vector<double> even_times(double begin, double end, std::size_t steps) {
  std::vector<double> times;
  for (std::size_t i = 0; i <= steps; ++i)
    times.push_back(begin + static_cast<double>(i) / static_cast<double>(steps) * (end - begin));
  times.back() = end;
  return times;
}

/// Increments between adjacent times are uncorrelated and have the variance of the clock.
template <class Clock>
void has_the_law(const Clock& clock, int depth, const std::vector<double>& times) {
  const BrownianTree tree(clock, depth);
  std::vector<Weights> increments;
  std::vector<double> deviation;
  for (std::size_t i = 0; i + 1 < times.size(); ++i) {
    const BrownianIncrement w = tree.increment(times[i], times[i + 1]);
    const auto u = [&](double t) { return clock.variance(clock.position(t)); };
    CHECK(w.terms().size() <= 2 * static_cast<std::size_t>(depth) + 3);
    CHECK(w.variance() == Approx(u(times[i + 1]) - u(times[i])).epsilon(1e-6));
    increments.push_back(weights(w));
    deviation.push_back(std::sqrt(w.variance()));
  }
  double worst = 0;
  for (std::size_t i = 0; i < increments.size(); ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      const double c = covariance(increments[i], increments[j]) / (deviation[i] * deviation[j]);
      worst = std::max(worst, std::abs(c - (i == j ? 1 : 0)));
    }
  INFO("depth " << depth << ", " << times.size() << " times");
  CHECK(worst < 1e-12);
}

}  // namespace

TEST_CASE("increments are uncorrelated and have the clock's variance, for any depth and times") {
  for (const int depth : {14, 16, 20, 32}) {
    for (const std::size_t count : {0u, 1u, 12u}) {
      const auto times = scattered_times(1, 1e-3, count);
      has_the_law(TimeClock(1, 1e-3), depth, times);
      has_the_law(LogSnrClock(VpSde()), depth, times);
      has_the_law(LogSnrClock(SubVpSde()), depth, times);
      has_the_law(LogSnrClock(VeSde(), 1, 1e-3, 0.3), depth, times);
    }
    has_the_law(TimeClock(-1, 2), depth, scattered_times(-1, 2, 7));
  }
  has_the_law(TimeClock(1, 0), 1, {1, 0.7, 0.2});
  has_the_law(TimeClock(1, 0), 3, {1, 0.9, 0.75, 0.7, 0.6, 0.2});
  has_the_law(LogSnrClock(VpSde()), 20, even_times(1, 1e-3, 100));
}

TEST_CASE("an increment is the sum of its parts") {
  const BrownianTree tree(LogSnrClock{VpSde()}, 20);
  for (const auto& [a, b, c] : {std::array{1.0, 0.7, 0.2}, {0.9, 0.12, 0.1199}, {0.5, 0.4, 1e-3}}) {
    Weights sum = weights(tree.increment(a, b));
    for (const auto& [node, weight] : weights(tree.increment(b, c))) sum[node] += weight;
    const BrownianIncrement whole = tree.increment(a, c);
    for (const auto& [node, weight] : weights(whole)) sum[node] -= weight;
    for (const auto& [node, rest] : sum) CHECK(std::abs(rest) < 1e-14 * whole.variance());
  }
}

TEST_CASE("weights match manual calculations") {
  const BrownianTree tree(TimeClock(0, 1), 5);
  const Weights quarter = weights(tree.increment(0.25, 0.5));
  CHECK(quarter.size() == 3);
  CHECK(quarter.at(0) == Approx(0.25));
  CHECK(quarter.at(1) == Approx(0.25));
  CHECK(quarter.at(2) == Approx(-std::sqrt(0.125)));
  CHECK(weights(tree.increment(0, 1)) == Weights{{0, 1}});
  // 0.3 is in leaf 9, from 9/32 to 10/32.
  const Weights to = weights(tree.increment(0, 0.3));
  CHECK(to.size() == 7);
  CHECK(to.at(32 + 9) == Approx(std::sqrt((0.3 - 9.0 / 32) * (10.0 / 32 - 0.3) * 32)));
}

TEST_CASE("a step in the opposite direction is the negated increment") {
  const BrownianTree tree(LogSnrClock{VeSde()}, 12);
  const BrownianIncrement there = tree.increment(0.6, 0.35), back = tree.increment(0.35, 0.6);
  CHECK(there.variance() == back.variance());
  const Weights turned = weights(back);
  CHECK(weights(there).size() == turned.size());
  for (const auto& [node, weight] : weights(there)) CHECK(weight == -turned.at(node));
}

TEST_CASE("times that differ only by rounding are the same point of the path") {
  const BrownianTree tree(TimeClock(1, 0), 20);
  const auto same = [&](double t, double nearly) {
    CHECK(weights(tree.increment(0.9, t)) == weights(tree.increment(0.9, nearly)));
  };
  same(0.3, 0.1 * 3);
  same(0.5, std::nextafter(0.5, 1));
  same(0.5, std::nextafter(0.5, 0));
}

TEST_CASE("BrownianTree rejects invalid depths, clocks and times") {
  struct Still {
    double position(double t) const { return t; }
    double variance(double p) const { return p < 0.25 ? p : (p > 0.75 ? p - 0.5 : 0.25); }
  };
  struct Outside {
    double position(double t) const { return t; }
    double variance(double p) const { return p; }
  };
  CHECK_THROWS_WITH(BrownianTree(TimeClock(1, 0), 0), Contains("depth is 0"));
  CHECK_THROWS_WITH(BrownianTree(TimeClock(1, 0), 33), Contains("[1, 32]"));
  CHECK_THROWS_WITH(BrownianTree(LogSnrClock(VpSde(), 1, 1e-3, 100), 9), Contains("finite"));
  const BrownianTree tree(TimeClock(1, 0), 8);
  CHECK_NOTHROW(tree.increment(1, 0.999));  // at the border of a leaf its weight is 0
  CHECK_THROWS_WITH(tree.increment(0.701171875, 0.70068359375),
                    Contains("0.701171875") && Contains("0.70068359375") && Contains("depth 8"));
  CHECK_NOTHROW(BrownianTree(TimeClock(1, 0), 20).increment(0.701171875, 0.70068359375));
  CHECK_THROWS_WITH(tree.increment(0.7, 0.7), Contains("must differ in variance"));
  CHECK_THROWS_WITH(tree.increment(0.7, -0.1), Contains("outside the path"));
  CHECK_THROWS_WITH(BrownianTree(Still{}, 6).increment(0.1, 0.6), Contains("must increase"));
  CHECK_THROWS_WITH(BrownianTree(Outside{}, 6).increment(0.1, 1.5), Contains("[0, 1]"));
}
