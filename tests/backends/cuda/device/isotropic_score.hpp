// SPDX-License-Identifier: MIT
/// The score of N(0, v·I) by assign alone: a model for states of any backend.
///
///   ∇log p_t(x) = −x/(m²v + s²),   m, s = marginal_prob(t)
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/cuda/device_state.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/sde.hpp>

/// F is the score; also with one time per sample.
template <scoresde::Sde S>
struct IsotropicScore {
  S sde;
  double variance = 0.25;
  std::size_t calls = 0;
  std::vector<double> row{};

  [[nodiscard]] double factor(double t) const {
    const scoresde::MarginalProb p = sde.marginal_prob(t);
    return -1 / (p.mean * p.mean * variance + p.std * p.std);
  }

  template <class X>
  void evaluate(const X& x, double t, X& output) {
    ++calls;
    const scoresde::Term<X> term{factor(t), &x};
    scoresde::backend(output).assign(output, std::span<const scoresde::Term<X>>(&term, 1),
                                     scoresde::NoiseTerm{});
  }
  template <class X>
  void evaluate(const X& x, std::span<const double> times, X& output) {
    ++calls;
    row.clear();
    for (const double t : times) row.push_back(factor(t));
    const scoresde::SampleTerm<X> term{row, &x};
    scoresde::backend(output).assign(output, std::span<const scoresde::SampleTerm<X>>(&term, 1),
                                     scoresde::SampleNoise{});
  }
  [[nodiscard]] scoresde::ScoreForm score_form(double) const { return {0, 1}; }
};

/// The same with a coefficient in device memory that depends on the time.
template <scoresde::Sde S>
struct TabulatedIsotropicScore : IsotropicScore<S> {
  using IsotropicScore<S>::evaluate;

  [[nodiscard]] std::array<double, 1> conditioning(double t) const { return {this->factor(t)}; }

  template <class X>
  void evaluate(const X& x, scoresde::cuda::DeviceCoefficients conditioning, X& output) {
    ++this->calls;
    const std::array<const X*, 1> states{&x};
    scoresde::backend(output).assign(output, std::span<const X* const>(states), conditioning);
  }
};
