// SPDX-License-Identifier: MIT
/// Numbers of host states, for tests.
#pragma once

#include <cmath>
#include <cstddef>

#include <scoresde/noise/noise.hpp>
#include <scoresde/sampler/prior.hpp>
#include <scoresde/state/host_state.hpp>

namespace scoresde::test {

/// max |a − b| over all elements; NaN if there is one.
inline double difference(const HostState<double>& a, const HostState<double>& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (const double apart = std::abs(a.data()[i] - b.data()[i]);
        apart > worst || std::isnan(apart))
      worst = apart;
  return worst;
}

/// The draw, stored as a state.
inline HostState<double> state_of(NoiseDraw draw, Extents extents) {
  HostState<double> z(extents);
  draw_prior(z, 1, draw);
  return z;
}

/// The mean of the squares of all elements.
inline double mean_square(const HostState<double>& x) {
  double sum = 0;
  for (const double value : x.span()) sum += value * value;
  return sum / static_cast<double>(x.size());
}

}  // namespace scoresde::test
