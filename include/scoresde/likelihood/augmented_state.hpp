// SPDX-License-Identifier: MIT
/// AugmentedState: a batch of points together with integrals along their paths.
///
///   y_k = (x_k, ℓ_k),   x_k ∈ R^dim in the memory of any backend,   ℓ_k ∈ R^Q doubles on the host
///
/// An ODE integrator that is given such a state integrates x and ℓ with the same steps, as required
/// by continuous normalizing flows (Chen et al. 2018, arXiv:1806.07366, eq. 8; Grathwohl et al.
/// 2019, arXiv:1810.01367, eq. 7). Noise, norms and inner products are those of the points.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/state/backend.hpp>

namespace scoresde {

/// A bound |error| ≤ atol + rtol·|value|.
struct Tolerance {
  double rtol = 1e-5;
  double atol = 1e-5;
};

/// How scaled_rms combines the errors of the points and of the integrals.
struct IntegralNorm {
  /// Tolerance of the integrals; absent: that of the points.
  std::optional<Tolerance> tolerance{};
  /// true: the larger of the two root mean squares, so that each part meets its own tolerance;
  /// false: one mean over the elements of both, as scipy computes for a flattened (x, ℓ).
  bool separate = false;
};

/// Points of type X and Q integrals for each of them, 0 at the start.
template <State X>
class AugmentedState {
 public:
  AugmentedState(X points, std::size_t integrals, IntegralNorm norm = {})
      : points_(std::move(points)), integrals_(integrals * extents(points_).samples), norm_(norm) {}

  [[nodiscard]] X& points() { return points_; }
  [[nodiscard]] const X& points() const { return points_; }
  /// Integral q of sample k is at q·samples + k.
  [[nodiscard]] std::span<double> integrals() { return integrals_; }
  [[nodiscard]] std::span<const double> integrals() const { return integrals_; }
  [[nodiscard]] const IntegralNorm& norm() const { return norm_; }

 private:
  X points_;
  std::vector<double> integrals_;
  IntegralNorm norm_;
};

template <class X>
class AugmentedBackend {
 public:
  using State = AugmentedState<X>;

  [[nodiscard]] Extents extents(const State& y) const { return scoresde::extents(y.points()); }
  [[nodiscard]] State make_like(const State& y) const {
    const std::size_t samples = extents(y).samples;
    return State(backend(y.points()).make_like(y.points()),
                 samples > 0 ? y.integrals().size() / samples : 0, y.norm());
  }

  /// Throws Error for more than max_terms terms and for states of different extents.
  void assign(State& out, std::span<const Term<State>> terms, NoiseTerm noise) const {
    check(out, terms);
    std::array<Term<X>, max_terms> points;
    for (std::size_t j = 0; j < terms.size(); ++j)
      points[j] = {terms[j].coefficient, &terms[j].state->points()};
    backend(out.points())
        .assign(out.points(), std::span<const Term<X>>(points.data(), terms.size()), noise);
    combine(out, terms, [](const Term<State>& term, std::size_t) { return term.coefficient; });
  }
  void assign(State& out, std::span<const SampleTerm<State>> terms, SampleNoise noise) const {
    check(out, terms);
    std::array<SampleTerm<X>, max_terms> points;
    for (std::size_t j = 0; j < terms.size(); ++j)
      points[j] = {terms[j].coefficients, &terms[j].state->points()};
    backend(out.points())
        .assign(out.points(), std::span<const SampleTerm<X>>(points.data(), terms.size()), noise);
    combine(out, terms,
            [](const SampleTerm<State>& term, std::size_t k) { return term.coefficients[k]; });
  }

  void norms(std::span<const Term<State>> terms, std::span<double> per_sample) const {
    require(!terms.empty() && terms.size() <= max_terms, "norms: ", terms.size(),
            " terms given; 1 to ", max_terms, " are allowed");
    std::array<Term<X>, max_terms> points;
    for (std::size_t j = 0; j < terms.size(); ++j)
      points[j] = {terms[j].coefficient, &terms[j].state->points()};
    backend(*points[0].state)
        .norms(std::span<const Term<X>>(points.data(), terms.size()), per_sample);
  }
  void norms(NoiseDraw draw, const State& y, std::span<double> per_sample) const {
    backend(y.points()).norms(draw, y.points(), per_sample);
  }
  void inner(const State& x, const State& y, std::span<double> per_sample) const {
    backend(x.points()).inner(x.points(), y.points(), per_sample);
  }

  /// per_sample[k] ← the scaled error of (x_k, ℓ_k), combined by the IntegralNorm of
  /// `error`.
  void scaled_rms(const State& error, const State& x, const State& y, double atol, double rtol,
                  std::span<double> per_sample) const {
    backend(x.points()).scaled_rms(error.points(), x.points(), y.points(), atol, rtol, per_sample);
    const auto [samples, dim] = extents(x);
    const std::size_t count = samples > 0 ? x.integrals().size() / samples : 0;
    if (count == 0) return;
    const Tolerance allowed = error.norm().tolerance.value_or(Tolerance{rtol, atol});
    for (std::size_t k = 0; k < samples; ++k) {
      double sum = 0;
      for (std::size_t i = k; i < x.integrals().size(); i += samples) {
        const double size = std::max(std::abs(x.integrals()[i]), std::abs(y.integrals()[i]));
        const double scaled = error.integrals()[i] / (allowed.atol + allowed.rtol * size);
        sum += scaled * scaled;
      }
      per_sample[k] = combined(error.norm().separate, per_sample[k], static_cast<double>(dim), sum,
                               static_cast<double>(count));
    }
  }

 private:
  static void check(const State& out, const auto& terms) {
    require(terms.size() <= max_terms, "assign: ", terms.size(), " terms given; at most ",
            max_terms, " are allowed");
    for (const auto& term : terms)
      require(term.state->integrals().size() == out.integrals().size(), "assign: a term has ",
              term.state->integrals().size(), " integrals but another state has ",
              out.integrals().size());
  }
  /// Terms with coefficient 0 are not read.
  template <class Terms, class Coefficient>
  static void combine(State& out, const Terms& terms, const Coefficient& coefficient) {
    const std::size_t samples = scoresde::extents(out.points()).samples;
    for (std::size_t i = 0; i < out.integrals().size(); ++i) {
      double sum = 0;
      for (const auto& term : terms)
        if (const double c = coefficient(term, i % samples); c != 0)
          sum += c * term.state->integrals()[i];
      out.integrals()[i] = sum;
    }
  }
  /// NaN if either part is.
  static double combined(bool separate, double rms, double dim, double sum, double count) {
    if (!separate) return std::sqrt((rms * rms * dim + sum) / (dim + count));
    const double other = std::sqrt(sum / count);
    return rms > other || std::isnan(rms) ? rms : other;
  }
};

template <State X>
struct backend_of<AugmentedState<X>> {
  static AugmentedBackend<X> of(const AugmentedState<X>&) { return {}; }
};

}  // namespace scoresde
