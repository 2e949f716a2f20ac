// SPDX-License-Identifier: MIT
/// Dequantizations: their points lie in the interval of the value, and log q is their density.
#include <cmath>
#include <limits>
#include <numbers>
#include <span>
#include <vector>

#include <scoresde/likelihood/dequantization.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

/// All levels in turn, `samples` of 256 elements.
template <class T>
HostState<T> levels(std::size_t samples) {
  HostState<T> x({samples, 256});
  for (std::size_t k = 0; k < samples; ++k)
    for (std::size_t e = 0; e < 256; ++e) x(k, e) = static_cast<T>((e + k) % 256);
  return x;
}

/// The level in whose interval a point lies; `mean` is the factor of the data.
template <class Scaling, class T>
double level_of(T x, double mean = 1) {
  return std::floor(256 * (static_cast<double>(x) / mean - Scaling::shift) / Scaling::scale);
}

/// A dequantizer with the density 2u in every element.
struct Wedge {
  template <class X>
  void dequantize(const X& x, NoiseDraw draw, X& u, std::span<double> log_q) const {
    const auto [samples, dim] = extents(x);
    for (std::size_t k = 0; k < samples; ++k) {
      log_q[k] = 0;
      for (std::size_t e = 0; e < dim; ++e) {
        const double value = std::sqrt(uniform(draw, k, e));
        u(k, e) = value;
        log_q[k] += std::log(2 * value);
      }
    }
  }
};

}  // namespace

TEMPLATE_TEST_CASE("uniform dequantization keeps every value's interval, also after rounding", "",
                   float, double) {
  const auto check = [](auto scaling) {
    using Scaling = decltype(scaling);
    const auto k = levels<TestType>(400);
    auto x = k;
    const auto batch =
        dequantize(x, UniformDequantization<Scaling>{}, Noise{.purpose = Purpose::data}.draw(0));
    std::size_t outside = 0;
    double mean = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      outside += level_of<Scaling>(x.data()[i]) != static_cast<double>(k.data()[i]) ? 1 : 0;
      const double y = (static_cast<double>(x.data()[i]) - Scaling::shift) / Scaling::scale;
      mean += (256 * y - static_cast<double>(k.data()[i])) / static_cast<double>(x.size());
    }
    CHECK(outside == 0);
    CHECK(std::abs(mean - 0.5) < 4 / std::sqrt(12.0 * static_cast<double>(x.size())));
    CHECK(batch.dim == 256);
    CHECK(batch.log_q[399] == Approx(256 * std::log(256 / Scaling::scale)).epsilon(1e-14));
  };
  check(UnitInterval{});
  check(Centered{});
}

TEMPLATE_TEST_CASE("truncated-normal points have the density log q of the truncated normal", "",
                   float, double) {
  const VpSde sde;
  // τ from wide (all of the normal) to narrow (nearly uniform).
  for (const double eps : {1e-6, 1e-5, 1e-4, 1e-2}) {
    const auto dequantization = truncated_normal_dequantization<Centered>(sde, eps);
    const auto [mean, std] = sde.marginal_prob(eps);
    const double tau = dequantization.tau();
    CHECK(tau == Approx(mean / (256 * std)));
    const auto k = levels<TestType>(200);
    auto x = k;
    const auto batch = dequantize(x, dequantization, Noise{.seed = 2}.draw(0));
    double largest = 0, variance = 0, mean_log_q = 0;
    for (std::size_t s = 0; s < 200; ++s) {
      double log_q = 0;
      for (std::size_t e = 0; e < 256; ++e) {
        const double center = 2 * (static_cast<double>(k(s, e)) + 0.5) / 256 - 1;
        const double noise = (static_cast<double>(x(s, e)) - mean * center) / std;
        largest = std::max(largest, std::abs(noise));
        variance += noise * noise / (200 * 256);
        log_q -= 0.5 * noise * noise + 0.5 * std::log(2 * std::numbers::pi) + std::log(std) +
                 std::log(std::erf(tau / std::numbers::sqrt2));
      }
      mean_log_q += batch.log_q[s] / 200;
      if (std::is_same_v<TestType, double>) CHECK(batch.log_q[s] == Approx(log_q).epsilon(1e-9));
    }
    CHECK(largest <= tau + (std::is_same_v<TestType, double> ? 1e-9 : 1e-6 / std));
    const double density = std::exp(-0.5 * tau * tau) / std::sqrt(2 * std::numbers::pi);
    const double expected = 1 - 2 * tau * density / std::erf(tau / std::numbers::sqrt2);
    CHECK(variance == Approx(expected).epsilon(0.03));
    // The variance of ½ε² is at most ½, so log q has a standard error of at most √(½·256/200).
    CHECK(std::abs(mean_log_q - dequantization.mean_log_density(256)) < 4 * std::sqrt(0.64));
  }
}

TEST_CASE("the truncated normal of a narrow interval is uniform") {
  const TruncatedNormalDequantization<UnitInterval> dequantization{{1, 1000}};
  CHECK(dequantization.mean_log_density(10) ==
        Approx(UniformDequantization<UnitInterval>{}.log_density(10)).epsilon(1e-6));
}

TEST_CASE("the quantiles of the normal are accurate down to the tails") {
  for (const double q : {1.0, 0.999999, 0.5, 1e-3, 1e-10, 1e-100, 1e-300})
    CHECK(std::log(std::erfc(detail::normal_of_two_sided_tail(q) / std::numbers::sqrt2)) ==
          Approx(std::log(q)).epsilon(1e-12).margin(1e-14));
}

TEST_CASE("a variational dequantization takes u and its density from a model") {
  const Wedge model;
  const VariationalDequantization<Centered, const Wedge> dequantization{&model};
  auto x = levels<double>(2);
  const auto k = x;
  const auto batch = dequantize(x, dequantization, Noise{.seed = 5}.draw(0));
  for (std::size_t s = 0; s < 2; ++s) {
    double log_q = UniformDequantization<Centered>{}.log_density(256);
    for (std::size_t e = 0; e < 256; ++e) {
      const double u = 256 * (x(s, e) + 1) / 2 - k(s, e);
      CHECK((u > 0 && u < 1));
      log_q += std::log(2 * u);
    }
    CHECK(batch.log_q[s] == Approx(log_q).epsilon(1e-9));
  }
}

TEST_CASE("values that are not levels are rejected by name") {
  using Catch::Contains;
  const NoiseDraw draw = Noise{}.draw(0);
  for (const double wrong : {-1.0, 256.0, 0.5, std::numeric_limits<double>::quiet_NaN()}) {
    HostState<double> x({2, 3});
    x(1, 2) = wrong;
    CHECK_THROWS_WITH(dequantize(x, UniformDequantization<Centered>{}, draw),
                      Contains("1 elements of sample 1 are not integers of 0 to 255"));
    CHECK_THROWS_WITH(dequantize(x, truncated_normal_dequantization<Centered>(VpSde{}, 1e-4), draw),
                      Contains("are not integers of 0 to 255"));
  }
  HostState<double> x({1, 3});
  CHECK_THROWS_WITH(dequantize(x, UniformDequantization<Centered>{.levels = 1}, draw),
                    Contains("levels is 1"));
  CHECK_THROWS_WITH(dequantize(x, TruncatedNormalDequantization<Centered>{{1, 0}}, draw),
                    Contains("std 0"));
}
