// SPDX-License-Identifier: MIT
/// check_score_laws: checks the properties of a score model on a batch.
///
///   evaluate is a function of (x, t), sample by sample
///   vjp = vᵀ ∂F/∂x
///   equal times per sample give the same result as a single time
///   score = ∇log p_t, if the model has log_density
///
/// The last one holds for the exact score (Song et al. 2021, arXiv:2011.13456, section 3); samplers
/// depend on the others. Requires no test framework.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/score_model.hpp>

namespace scoresde::testing {

struct ScoreLawOptions {
  double step = 1e-5;       ///< step of the central differences, relative to 1 + |x|
  double tolerance = 1e-6;  ///< of derivatives, relative to the largest element
  double same = 0;          ///< of values that should be bit-identical
};

namespace detail {

using scoresde::text;

template <class X>
[[nodiscard]] double largest_difference(const X& a, const X& b) {
  double largest = 0;
  for (std::size_t i = 0; i < extents(a).size(); ++i) {
    const double d = std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i]));
    largest = d <= largest ? largest : d;
  }
  return largest;
}

template <class X>
[[nodiscard]] double largest(const X& a) {
  double value = 0;
  for (std::size_t i = 0; i < extents(a).size(); ++i)
    value = std::max(value, std::abs(static_cast<double>(a.data()[i])));
  return value;
}

/// The samples in reverse order.
template <class X>
[[nodiscard]] X reversed(const X& x) {
  X result = x;
  const auto [samples, dim] = extents(x);
  for (std::size_t k = 0; k < samples; ++k)
    std::copy_n(x.data() + k * dim, dim, result.data() + (samples - 1 - k) * dim);
  return result;
}

template <class M, class X>
void check_is_function(M& model, const X& x, double t, double same,
                       std::vector<std::string>& violated) {
  X input = x, first = x, second = x;
  model.evaluate(input, t, first);
  if (const double d = largest_difference(input, x); !(d == 0))
    violated.push_back(text("evaluate does not modify x: it changed by ", d));
  if (!std::isfinite(largest(first))) violated.push_back("the output is finite: it is not");
  model.evaluate(x, t, second);
  if (const double d = largest_difference(first, second); !(d <= same))
    violated.push_back(text("evaluate is a function: two calls differ by ", d));
  model.evaluate(reversed(x), t, second);
  if (const double d = largest_difference(first, reversed(second)); !(d <= same))
    violated.push_back(
        text("a sample does not depend on its position in the batch: differs by ", d));
}

template <class M, class X>
void check_vjp(M& model, const X& x, double t, const ScoreLawOptions& options,
               std::vector<std::string>& violated) {
  using T = std::remove_cvref_t<decltype(*x.data())>;
  X v = x, product = x, up = x, down = x, wanted = x;
  const auto [samples, dim] = extents(x);
  for (std::size_t i = 0; i < extents(x).size(); ++i)
    v.data()[i] = static_cast<T>(std::cos(1.7 * static_cast<double>(i) + 0.3));
  model.vjp(x, t, v, product);
  for (std::size_t e = 0; e < dim; ++e) {
    X plus = x, minus = x;
    for (std::size_t k = 0; k < samples; ++k) {
      const auto h =
          static_cast<T>(options.step * (1 + std::abs(static_cast<double>(x.data()[k * dim + e]))));
      plus.data()[k * dim + e] += h;
      minus.data()[k * dim + e] -= h;
    }
    model.evaluate(plus, t, up);
    model.evaluate(minus, t, down);
    for (std::size_t k = 0; k < samples; ++k) {
      double sum = 0;
      for (std::size_t i = k * dim; i < (k + 1) * dim; ++i)
        sum +=
            static_cast<double>(v.data()[i]) * static_cast<double>(up.data()[i] - down.data()[i]);
      const std::size_t at = k * dim + e;
      wanted.data()[at] =
          static_cast<T>(sum / static_cast<double>(plus.data()[at] - minus.data()[at]));
    }
  }
  const double d = largest_difference(product, wanted);
  if (!(d <= options.tolerance * (largest(wanted) + 1e-300)))
    violated.push_back(
        text("vjp is the derivative at t = ", t, ": differs by ", d, " of ", largest(wanted)));
}

template <class M, class X>
void check_gradient(M& model, const X& x, double t, const ScoreLawOptions& options,
                    std::vector<std::string>& violated) {
  X score = x;
  model.evaluate(x, t, score);
  const ScoreForm form = model.score_form(t);
  const auto [samples, dim] = extents(x);
  std::vector<double> point(dim);
  for (std::size_t k = 0; k < samples; ++k)
    for (std::size_t e = 0; e < dim; ++e) {
      for (std::size_t i = 0; i < dim; ++i) point[i] = static_cast<double>(x.data()[k * dim + i]);
      const double here = point[e], h = options.step * (1 + std::abs(here));
      point[e] = here + h;
      const double up = model.log_density(point, t);
      point[e] = here - h;
      const double slope = (up - model.log_density(point, t)) / (2 * h);
      const double value =
          form.state * here + form.output * static_cast<double>(score.data()[k * dim + e]);
      if (!(std::abs(slope - value) <= options.tolerance * (1 + std::abs(value))))
        violated.push_back(
            text("the score is the gradient of log p at t = ", t, ": ", value, " against ", slope));
    }
}

}  // namespace detail

/// The properties that `model` violates at (x, t); empty if it satisfies all that apply.
template <class M, ContiguousState X>
requires ScoreModel<M, X>
[[nodiscard]] std::vector<std::string> check_score_laws(M& model, const X& x, double t,
                                                        ScoreLawOptions options = {}) {
  std::vector<std::string> violated;
  detail::check_is_function(model, x, t, options.same, violated);
  if constexpr (PerSampleScoreModel<M, X>) {
    X one = x, each = x;
    const std::vector<double> times(extents(x).samples, t);
    model.evaluate(x, t, one);
    model.evaluate(x, std::span<const double>(times), each);
    if (const double d = detail::largest_difference(one, each); !(d <= options.same))
      violated.push_back(
          scoresde::text("equal times per sample give the result of a single time: differ by ", d));
  }
  if constexpr (DifferentiableScoreModel<M, X>) detail::check_vjp(model, x, t, options, violated);
  if constexpr (requires(std::span<const double> point) { model.log_density(point, t); })
    detail::check_gradient(model, x, t, options, violated);
  return violated;
}

}  // namespace scoresde::testing
