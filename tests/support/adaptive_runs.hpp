// SPDX-License-Identifier: MIT
/// What the tests of samplers with adaptive steps observe.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <scoresde/observer/step_statistics.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

namespace scoresde::test {

/// Counts the evaluations of a mixture's score.
template <class S>
struct CountedMixture : GaussianMixture<S> {
  std::size_t calls = 0;

  explicit CountedMixture(GaussianMixture<S> mixture) : GaussianMixture<S>(std::move(mixture)) {}
  void evaluate(const HostState<double>& x, double t, HostState<double>& out) {
    ++calls;
    GaussianMixture<S>::evaluate(x, t, out);
  }
  void evaluate(const HostState<double>& x, std::span<const double> times, HostState<double>& out) {
    ++calls;
    GaussianMixture<S>::evaluate(x, times, out);
  }
};

/// Checks that samples that are at t_min make no trials and have no error, and counts them.
struct FinishedSamples {
  double t_min;
  std::size_t seen = 0;

  void on_attempt(const StepAttempts& tried, const HostState<double>&) {
    for (std::size_t k = 0; k < tried.t.size(); ++k)
      if (tried.t[k] == t_min) {
        ++seen;
        CHECK(tried.t_next[k] == tried.t[k]);
        CHECK(tried.error[k] == 0);
        CHECK(tried.accepted[k] == 0);
      }
  }
};

}  // namespace scoresde::test
