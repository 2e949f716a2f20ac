// SPDX-License-Identifier: MIT
/// Observed order of convergence: how a sampler's error decreases with the number of steps.
///
///   error ≈ C h^p   ⇒   p = −slope of ln(error) over ln(steps)
///
/// by least squares over the points that are neither dominated by rounding nor before the
/// asymptotic range; Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, section
/// II.4. Errors are measured against an exact flow map here, and against exact moments with
/// testing/chain_moments.hpp. Requires no test framework.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/state/workspace.hpp>
#include <scoresde/time/log_snr.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde::testing {

struct ConvergencePoint {
  double steps = 1;  ///< 1/h
  double error = 0;  ///< in units of the data
};

struct OrderRule {
  /// Smaller errors are considered rounding; they and all finer points are excluded.
  double floor = 1e-12;
  /// Coarser points are excluded from the first pair whose slope differs from that of the finest
  /// pair by more than this.
  double bend = 0.1;
};

struct ObservedOrder {
  double order = 0;
  std::size_t points = 0;  ///< the number of points in the fit
};

namespace detail {

/// −Δ ln(error)/Δ ln(steps) between two points.
[[nodiscard]] inline double order_between(const ConvergencePoint& a, const ConvergencePoint& b) {
  return -std::log(b.error / a.error) / std::log(b.steps / a.steps);
}

/// −slope of the least-squares line through (ln steps, ln error).
[[nodiscard]] inline double fitted_order(std::span<const ConvergencePoint> points) {
  const auto n = static_cast<double>(points.size());
  double x = 0, y = 0, xx = 0, xy = 0;
  for (const ConvergencePoint& point : points) {
    x += std::log(point.steps) / n;
    y += std::log(point.error) / n;
  }
  for (const ConvergencePoint& point : points) {
    const double off = std::log(point.steps) - x;
    xx += off * off;
    xy += off * (std::log(point.error) - y);
  }
  return -xy / xx;
}

}  // namespace detail

/// The observed order of points with increasing `steps`. Throws Error if fewer than two points are
/// above the floor, and if `steps` does not increase.
[[nodiscard]] inline ObservedOrder observed_order(std::span<const ConvergencePoint> points,
                                                  OrderRule rule = {}) {
  std::size_t end = 0;
  while (end < points.size() && points[end].error > rule.floor) ++end;
  require(end >= 2, "observed order: ", end, " of ", points.size(), " errors lie above ",
          rule.floor, " (rounding); at least 2 are needed");
  for (std::size_t i = 1; i < end; ++i)
    require(points[i].steps > points[i - 1].steps, "observed order: ", points[i].steps,
            " steps follow ", points[i - 1].steps, "; they must increase");
  const double finest = detail::order_between(points[end - 2], points[end - 1]);
  std::size_t begin = end - 2;
  while (begin > 0 &&
         std::abs(detail::order_between(points[begin - 1], points[begin]) - finest) <= rule.bend)
    --begin;
  return {detail::fitted_order(points.subspan(begin, end - begin)), end - begin};
}

/// Steps of h = 1/steps of the log-SNR range, except that the first and the last are halved
/// repeatedly down to about h²/64: multistep methods start, and many end, at order 1, whose local
/// error at steps of length h would hide an order above 2. Each step is divided into `parts` equal
/// ones, as required by single-step methods of that order. Throws Error for fewer than 3 steps and
/// for 0 parts.
template <class S>
[[nodiscard]] TimeGrid graded_log_snr_grid(const S& sde, std::size_t steps, std::size_t parts = 1) {
  scoresde::require(steps >= 3 && parts >= 1, "graded grid: ", steps, " steps of ", parts,
                    " parts; it needs at least 3 steps and 1 part");
  const double h = 1 / static_cast<double>(steps);
  std::vector<double> ramp{h};
  while (ramp.back() > h * h / 64) ramp.back() /= 2, ramp.push_back(ramp.back());
  std::vector<double> lengths(ramp.rbegin(), ramp.rend());
  lengths.insert(lengths.end(), steps - 2, h);
  lengths.insert(lengths.end(), ramp.begin(), ramp.end());
  const double first = log_snr(sde, sde.t_max()), last = log_snr(sde, sde.t_min());
  std::vector<double> times{sde.t_max()};
  double u = 0;
  for (const double length : lengths) {
    for (std::size_t i = 1; i <= parts; ++i) {
      const double part = length * static_cast<double>(i) / static_cast<double>(parts);
      times.push_back(time_of_log_snr(sde, first + (u + part) * (last - first)));
    }
    u += length;
  }
  times.back() = sde.t_min();
  return TimeGrid(times);
}

/// The root mean square of the difference between the sampler's result from `start` and the exact
/// flow map over the same times, for a deterministic sampler. `exact.flow(x, t, u, out)` is the
/// map, as in Gaussian and MixtureFlow.
template <class Sampler, class Model, class Flow, ContiguousState X>
[[nodiscard]] double flow_error(const Sampler& sampler, Model& model, Flow& exact, const X& start) {
  X x = start, wanted = start;
  exact.flow(start, sampler.grid().front().t, sampler.grid().back().t_next, wanted);
  Workspace<X, Sampler::buffers> work(x);
  sampler.integrate(model, x, Noise{}, work);
  const std::size_t size = extents(x).size();
  double sum = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const double off = static_cast<double>(x.data()[i]) - static_cast<double>(wanted.data()[i]);
    sum += off * off;
  }
  return std::sqrt(sum / static_cast<double>(size));
}

}  // namespace scoresde::testing
