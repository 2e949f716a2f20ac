// SPDX-License-Identifier: MIT
/// Schemes for general SDEs: weak order by exact moments, strong order on given Brownian paths.
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <scoresde/general_sde/schemes.hpp>
#include <scoresde/noise/noise.hpp>

#include "support/catch.hpp"
#include "support/known_diffusions.hpp"

using namespace scoresde;

namespace {

/// Five-point Gauss-Hermite quadrature: E p(z), exact for polynomials up to degree 9.
template <class F>
double expectation(const F& f) {
  const double inner = std::sqrt(5 - std::sqrt(10.0)), outer = std::sqrt(5 + std::sqrt(10.0));
  const double a = (7 + 2 * std::sqrt(10.0)) / 60, b = (7 - 2 * std::sqrt(10.0)) / 60;
  return 8.0 / 15 * f(0.0) + a * (f(inner) + f(-inner)) + b * (f(outer) + f(-outer));
}

/// The slope of ln error over ln h between the last two of `errors`, whose steps were halved.
double last_order(const std::vector<double>& errors) {
  return std::log2(errors[errors.size() - 2] / errors.back());
}

/// The weak orders of E x and E x² at T = 1 on geometric Brownian motion from x₀ = 1. A step
/// multiplies x by R(z), so the moments are powers of E R and E R², without sampling.
template <class R>
std::array<double, 2> weak_orders(const R& scheme) {
  const known::GeometricBrownianMotion sde;
  std::array<std::vector<double>, 2> errors;
  for (std::size_t steps = 64; steps <= 512; steps *= 2) {
    const double h = 1 / static_cast<double>(steps);
    for (int n : {1, 2}) {
      const double factor = expectation([&](double z) {
        return std::pow(scheme.step(sde, 1, {0, h}, std::sqrt(h) * z), n);
      });
      const double exact =
          n == 1 ? std::exp(sde.mu) : std::exp(2 * sde.mu + std::pow(sde.sigma, 2));
      errors[std::size_t(n - 1)].push_back(
          std::abs(std::pow(factor, static_cast<double>(steps)) - exact));
    }
  }
  return {last_order(errors[0]), last_order(errors[1])};
}

/// Increments of `paths` Brownian paths on [0, 1] with `steps` steps each.
std::vector<std::vector<double>> brownian(std::size_t paths, std::size_t steps) {
  std::vector<std::vector<double>> dw(paths, std::vector<double>(steps));
  std::vector<float> z(steps);
  for (std::size_t k = 0; k < paths; ++k) {
    fill_normal(z, Noise{.seed = 31}.draw(1), k, 0);
    for (std::size_t i = 0; i < steps; ++i)
      dw[k][i] = static_cast<double>(z[i]) / std::sqrt(static_cast<double>(steps));
  }
  return dw;
}

/// x at t = 1 after `steps` steps along a path given by finer increments.
template <class R, class P>
double along(const R& scheme, const P& sde, double x, const std::vector<double>& dw,
             std::size_t steps) {
  const std::size_t each = dw.size() / steps;
  const double h = 1 / static_cast<double>(steps);
  for (std::size_t i = 0; i < steps; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < each; ++j) sum += dw[i * each + j];
    x = scheme.step(sde, x, {h * static_cast<double>(i), h * static_cast<double>(i + 1)}, sum);
  }
  return x;
}

/// The order of the RMS distance from `exact(k)` over the paths, fitted over 8 … 128 steps.
template <class R, class P, class Exact>
double strong_order(const R& scheme, const P& sde, const std::vector<std::vector<double>>& dw,
                    const Exact& exact) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0, n = 0;
  for (std::size_t steps = 8; steps <= 128; steps *= 2) {
    double squares = 0;
    for (std::size_t k = 0; k < dw.size(); ++k)
      squares += std::pow(along(scheme, sde, 1, dw[k], steps) - exact(k), 2);
    const double lx = -std::log(static_cast<double>(steps)), ly = 0.5 * std::log(squares);
    sx += lx, sy += ly, sxx += lx * lx, sxy += lx * ly, n += 1;
  }
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

template <class R>
double strong_order_of_geometric(const R& scheme) {
  const known::GeometricBrownianMotion sde;
  static const auto dw = brownian(1000, 128);
  return strong_order(scheme, sde, dw, [&](std::size_t k) {
    double w = 0;
    for (const double d : dw[k]) w += d;
    return std::exp(sde.log_mean(1) + sde.sigma * w);
  });
}

/// Additive noise; the reference is Heun's scheme with 32 times as many steps.
template <class R>
double strong_order_of_double_well(const R& scheme) {
  const known::DoubleWell sde;
  static const auto dw = brownian(500, 4096);
  static const std::vector<double> exact = [&] {
    std::vector<double> x;
    for (const auto& path : dw) x.push_back(along(StochasticHeun{}, sde, 1, path, 4096));
    return x;
  }();
  return strong_order(scheme, sde, dw, [](std::size_t k) { return exact[k]; });
}

/// dx = ½ sin(t) cos(x) dt + ¼ (1 + t)(1.2 + sin(2x)) dw: every term depends on x and t.
struct Wavy {
  double drift(double x, double t) const { return 0.5 * std::sin(t) * std::cos(x); }
  double diffusion(double x, double t) const { return 0.25 * (1 + t) * (1.2 + std::sin(2 * x)); }
  double diffusion_derivative(double x, double t) const { return 0.5 * (1 + t) * std::cos(2 * x); }
};

template <class R>
double strong_order_of_wavy(const R& scheme) {
  const Wavy sde;
  static const auto dw = brownian(300, 4096);
  static const std::vector<double> exact = [&] {
    std::vector<double> x;
    for (const auto& path : dw) x.push_back(along(Milstein{}, sde, 1, path, 4096));
    return x;
  }();
  return strong_order(scheme, sde, dw, [](std::size_t k) { return exact[k]; });
}

}  // namespace

TEST_CASE("the moments of geometric Brownian motion converge with weak order 1") {
  const auto check = [](const auto& scheme) {
    for (const double order : weak_orders(scheme)) CHECK(order == Approx(1).margin(0.02));
  };
  check(EulerMaruyama{});
  check(Milstein{});
  check(DerivativeFreeMilstein{});
  check(StochasticHeun{});
}

TEST_CASE("under additive noise the moments of stochastic Heun converge with weak order 2") {
  // dx = (t − x) dt + √(1 + t) dw from 1: mean(1) = 2/e, variance(1) = (3 − e⁻²)/4. A step is r·x +
  // c + b·z, so mean and variance satisfy recursions.
  struct {
    double drift(double x, double t) const { return t - x; }
    double diffusion(double, double t) const { return std::sqrt(1 + t); }
    double diffusion_derivative(double, double) const { return 0; }
  } sde;
  const auto orders = [&](const auto& scheme) {
    std::array<std::vector<double>, 2> errors;
    for (std::size_t steps = 32; steps <= 128; steps *= 2) {
      const double h = 1 / static_cast<double>(steps);
      double mean = 1, variance = 0;
      for (std::size_t i = 0; i < steps; ++i) {
        const TimeStep step{h * static_cast<double>(i), h * static_cast<double>(i + 1)};
        const double c = scheme.step(sde, 0, step, 0), r = scheme.step(sde, 1, step, 0) - c;
        const double b = scheme.step(sde, 0, step, std::sqrt(h)) - c;
        mean = r * mean + c;
        variance = r * r * variance + b * b;
      }
      errors[0].push_back(std::abs(mean - 2 * std::exp(-1)));
      errors[1].push_back(std::abs(variance - (3 - std::exp(-2)) / 4));
    }
    return std::array{last_order(errors[0]), last_order(errors[1])};
  };
  for (const double order : orders(StochasticHeun{})) CHECK(order == Approx(2).margin(0.05));
  for (const double order : orders(EulerMaruyama{})) CHECK(order == Approx(1).margin(0.05));
}

TEST_CASE("the strong orders on geometric Brownian motion are 1/2 and 1") {
  CHECK(strong_order_of_geometric(EulerMaruyama{}) == Approx(0.5).margin(0.08));
  CHECK(strong_order_of_geometric(Milstein{}) == Approx(1).margin(0.08));
  CHECK(strong_order_of_geometric(DerivativeFreeMilstein{}) == Approx(1).margin(0.08));
  CHECK(strong_order_of_geometric(StochasticHeun{}) == Approx(1).margin(0.08));
}

TEST_CASE("under additive noise every scheme has strong order 1") {
  CHECK(strong_order_of_double_well(EulerMaruyama{}) == Approx(1).margin(0.1));
  CHECK(strong_order_of_double_well(StochasticHeun{}) == Approx(1).margin(0.1));
  // Milstein's correction is 0 for additive noise.
  const known::DoubleWell sde;
  CHECK(Milstein{}.step(sde, 0.3, {0, 0.1}, 0.2) == EulerMaruyama{}.step(sde, 0.3, {0, 0.1}, 0.2));
}

TEST_CASE("the strong orders hold if drift and diffusion depend on state and time") {
  CHECK(strong_order_of_wavy(EulerMaruyama{}) == Approx(0.5).margin(0.1));
  CHECK(strong_order_of_wavy(Milstein{}) == Approx(1).margin(0.1));
  CHECK(strong_order_of_wavy(DerivativeFreeMilstein{}) == Approx(1).margin(0.1));
  CHECK(strong_order_of_wavy(StochasticHeun{}) == Approx(1).margin(0.1));
}

TEST_CASE("backward in time, the drift uses the signed step and the correction its length") {
  // f = −x/2, g = x and h = −0.01 with Δw = 0.03.
  struct {
    double drift(double x, double) const { return -0.5 * x; }
    double diffusion(double x, double) const { return x; }
    double diffusion_derivative(double, double) const { return 1; }
  } sde;
  const double correction = 0.5 * 2 * (0.0009 - 0.01);
  CHECK(EulerMaruyama{}.step(sde, 2, {1, 0.99}, 0.03) == Approx(2 + 0.01 + 0.06).epsilon(1e-14));
  CHECK(Milstein{}.step(sde, 2, {1, 0.99}, 0.03) ==
        Approx(2 + 0.01 + 0.06 + correction).epsilon(1e-14));
}
