// SPDX-License-Identifier: MIT
/// Dequantization: discrete images k ∈ {0, …, L − 1}^D as points of a model's continuous space.
///
///   log P(k) ≥ E_{x ~ q(x|k)}[log p(x) − log q(x|k)]
///
///   uniform            y = (k + u)/L, u ~ U[0, 1)^D, x = scale·y + shift;  log q = D ln(L/scale)
///   truncated normal   x = m c(k) + s ε, c(k) = scale·(k + ½)/L + shift, m, s = marginal_prob(ε_t),
///                      ε ~ N(0, I) truncated to [−τ, τ]^D, τ = scale·m/(2 L s);
///                      log q = −½‖ε‖² − D ln(√(2π) s Z),  Z = erf(τ/√2)
///   variational        u ~ q(u|k) of a model, x as for uniform
///
/// Theis et al. 2016 (arXiv:1511.01844), section 3.1; Zheng et al. 2023 (arXiv:2305.03935), section
/// 4.2: q has the shape of the marginal at the time where the ODE begins, so that the points look
/// as in training, and nothing is trained for it; Ho et al. 2019 (arXiv:1902.00275), section 3.1.
///
/// The scaling is part of a dequantization's type and enters log q. So the bits per dimension of a
/// model on [−1, 1] cannot be computed with the offset of [0, 1].
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/backend.hpp>
#include <scoresde/state/elementwise.hpp>

namespace scoresde {

/// A model's space: scale·y + shift for y ∈ [0, 1].
template <class S>
concept DataScaling = requires {
  { S::scale } -> std::convertible_to<double>;
  { S::shift } -> std::convertible_to<double>;
};
/// Data in [0, 1], as score_sde's VE models have.
struct UnitInterval {
  static constexpr double scale = 1, shift = 0;
};
/// Data in [−1, 1], as score_sde's VP models and DDPM have.
struct Centered {
  static constexpr double scale = 2, shift = -1;
};

/// d(x, draw, log_q) replaces the numbers 0 … L − 1 in x by a point of q(x|k) and writes log q(x|k)
/// of every sample, in nats.
template <class D, class X>
concept Dequantization = DataScaling<typename D::Scaling> && ElementwiseState<X> &&
    requires(const D& dequantization, X& x, NoiseDraw draw, std::span<double> log_q) {
  { dequantization(x, draw, log_q) } -> std::same_as<void>;
  { dequantization.levels } -> std::convertible_to<std::size_t>;
};

namespace detail {

/// (k + u)/L in the model's space, within the interval of k also after rounding to T.
template <class Scaling>
struct DequantizedElement {
  double levels;

  template <class T>
  T operator()(ElementIndex, T k, T u) const {
    return at(static_cast<double>(k), static_cast<double>(u), T{});
  }
  template <class T>
  T at(double k, double u, T) const {
    const auto edge = static_cast<T>(Scaling::scale * ((k + 1) / levels) + Scaling::shift);
    const auto x = static_cast<T>(Scaling::scale * ((k + u) / levels) + Scaling::shift);
    return x < edge ? x : std::nextafter(edge, -std::numeric_limits<T>::infinity());
  }
};

/// The same with u drawn from U(0, 1).
template <class Scaling>
struct UniformlyDequantizedElement {
  DequantizedElement<Scaling> map;
  NoiseDraw draw;

  template <class T>
  T operator()(ElementIndex at, T k) const {
    return map.at(static_cast<double>(k), uniform(draw, at.sample, at.element), T{});
  }
};

/// 1 where the value is not one of 0 … L − 1.
struct NotALevel {
  double levels;
  template <class T>
  T operator()(ElementIndex, T value) const {
    const auto k = static_cast<double>(value);
    return k >= 0 && k < levels && k == std::floor(k) ? T(0) : T(1);
  }
};

/// The ε ≥ 0 with P(|N(0, 1)| > ε) = q > 0, by Newton's iteration on ln erfc, which is concave: the
/// iterates decrease to the root from √(−2 ln q), where the probability is below q.
[[nodiscard]] inline double normal_of_two_sided_tail(double q) {
  double x = std::sqrt(-2 * std::log(q));
  for (int iteration = 0; iteration < 100; ++iteration) {
    const double tail = std::erfc(x / std::numbers::sqrt2);
    const double slope = std::sqrt(2 / std::numbers::pi) * std::exp(-0.5 * x * x) / tail;
    const double next = x + std::log(tail / q) / slope;
    if (std::abs(next - x) <= 1e-15 * (1 + x)) return std::max(next, 0.0);
    x = next;
  }
  return x;
}

/// A normal truncated to [−τ, τ], by its quantile function; outside = P(|N(0, 1)| > τ).
struct TruncatedNormalElement {
  NoiseDraw draw;
  double outside;
  double tau;

  template <class T>
  T operator()(ElementIndex at, T) const {
    const double w = 2 * uniform(draw, at.sample, at.element) - 1;
    const double tail = outside + (1 - std::abs(w)) * (1 - outside);
    const double x = std::min(normal_of_two_sided_tail(tail), tau);
    return static_cast<T>(w < 0 ? -x : x);
  }
};

/// m·c(k) + s·ε.
template <class Scaling>
struct NoisedCenter {
  double levels, mean, std;
  template <class T>
  T operator()(ElementIndex, T k, T noise) const {
    const double center =
        Scaling::scale * ((static_cast<double>(k) + 0.5) / levels) + Scaling::shift;
    return static_cast<T>(mean * center + std * static_cast<double>(noise));
  }
};

/// Throws Error unless x holds integers of 0 … levels − 1, one log q per sample is wanted, and
/// there are at least 2 levels. `scratch` is a state like x.
template <State X>
void require_levels(const X& x, X& scratch, std::size_t levels, std::span<double> log_q) {
  require(levels >= 2, "dequantization: levels is ", levels, "; it must be at least 2");
  require(log_q.size() == extents(x).samples, "dequantization: ", log_q.size(), " log q for ",
          extents(x).samples, " samples; there must be one per sample");
  backend(x).transform(scratch, NotALevel{static_cast<double>(levels)}, x);
  backend(x).inner(scratch, scratch, log_q);
  for (std::size_t k = 0; k < log_q.size(); ++k)
    require(log_q[k] == 0, "dequantization: ", log_q[k], " elements of sample ", k,
            " are not integers of 0 to ", levels - 1, "; x must hold the discrete values");
}

}  // namespace detail

/// u uniform in the interval of k; the same log q for every x.
template <DataScaling S>
struct UniformDequantization {
  using Scaling = S;
  std::size_t levels = 256;

  /// log q(x|k) of a sample of `dim` elements: D ln(L/scale).
  [[nodiscard]] double log_density(std::size_t dim) const {
    return static_cast<double>(dim) * (std::log(static_cast<double>(levels)) - std::log(S::scale));
  }
  /// Throws Error for values that are not integers of 0 … L − 1.
  template <ElementwiseState X>
  void operator()(X& x, NoiseDraw draw, std::span<double> log_q) const {
    X scratch = backend(x).make_like(x);
    detail::require_levels(x, scratch, levels, log_q);
    backend(x).transform(
        x, detail::UniformlyDequantizedElement<S>{{static_cast<double>(levels)}, draw}, x);
    std::fill(log_q.begin(), log_q.end(), log_density(extents(x).dim));
  }
};

/// Points at the time where the ODE begins, whose density there is evaluated.
template <DataScaling S>
struct TruncatedNormalDequantization {
  using Scaling = S;
  MarginalProb marginal{};  ///< of the time where the ODE begins
  std::size_t levels = 256;

  /// τ, half the width of a level in units of s/m.
  [[nodiscard]] double tau() const {
    return S::scale / (2 * static_cast<double>(levels)) * marginal.mean / marginal.std;
  }
  /// The mean of log q(x|k) for a sample of `dim` elements, −D ln(√(2πe) s Z) + D τ φ(τ)/Z with φ
  /// the standard normal density.
  [[nodiscard]] double mean_log_density(std::size_t dim) const {
    const double t = tau(), inside = std::erf(t / std::numbers::sqrt2);
    const double density = std::exp(-0.5 * t * t) / std::sqrt(2 * std::numbers::pi);
    return -static_cast<double>(dim) * (log_norm() + 0.5 - t * density / inside);
  }
  /// Throws Error for a marginal without noise or signal, and for values that are not integers of 0
  /// … L − 1.
  template <ElementwiseState X>
  void operator()(X& x, NoiseDraw draw, std::span<double> log_q) const {
    require(marginal.std > 0 && marginal.mean > 0,
            "truncated-normal dequantization: the marginal has mean ", marginal.mean, " and std ",
            marginal.std, "; both must be positive");
    X noise = backend(x).make_like(x);
    detail::require_levels(x, noise, levels, log_q);
    const double outside = std::erfc(tau() / std::numbers::sqrt2);
    backend(x).transform(noise, detail::TruncatedNormalElement{draw, outside, tau()}, x);
    backend(x).inner(noise, noise, log_q);
    for (double& value : log_q)
      value = -0.5 * value - static_cast<double>(extents(x).dim) * log_norm();
    backend(x).transform(
        x, detail::NoisedCenter<S>{static_cast<double>(levels), marginal.mean, marginal.std}, x,
        noise);
  }

 private:
  /// ln(√(2π) s Z).
  [[nodiscard]] double log_norm() const {
    return 0.5 * std::log(2 * std::numbers::pi) + std::log(marginal.std) +
           std::log(std::erf(tau() / std::numbers::sqrt2));
  }
};

/// The truncated-normal dequantization for an ODE that begins at eps.
template <DataScaling Scaling, Sde S>
[[nodiscard]] TruncatedNormalDequantization<Scaling> truncated_normal_dequantization(
    const S& sde, double eps, std::size_t levels = 256) {
  return {sde.marginal_prob(eps), levels};
}

/// m.dequantize(levels, draw, u, log_q) writes u ∈ [0, 1)^D and log q(u|k) of every sample; x holds
/// the discrete values. A conditional flow is one (Ho et al. 2019, arXiv:1902.00275).
template <class M, class X>
concept DequantizationModel = State<X> &&
    requires(M& model, const X& x, NoiseDraw draw, X& u, std::span<double> log_q) {
  { model.dequantize(x, draw, u, log_q) } -> std::same_as<void>;
};

/// u from a model, which must outlive this.
template <DataScaling S, class M>
struct VariationalDequantization {
  using Scaling = S;
  M* model = nullptr;
  std::size_t levels = 256;

  /// Throws Error for values that are not integers of 0 … L − 1.
  template <ElementwiseState X>
  void operator()(X& x, NoiseDraw draw, std::span<double> log_q) const {
    static_assert(DequantizationModel<M, X>,
                  "VariationalDequantization: the model needs dequantize(const State& x, NoiseDraw "
                  "draw, State& u, std::span<double> log_q), which writes u in [0, 1) and log q(u "
                  "| x) of every sample");
    X u = backend(x).make_like(x);
    detail::require_levels(x, u, levels, log_q);
    model->dequantize(x, draw, u, log_q);
    backend(x).transform(x, detail::DequantizedElement<S>{static_cast<double>(levels)}, x, u);
    const double volume = UniformDequantization<S>{levels}.log_density(extents(x).dim);
    for (double& value : log_q) value += volume;
  }
};

/// log q of a batch that D has dequantized, as bits_per_dim requires it.
template <class D>
struct DequantizedBatch {
  std::size_t dim = 0;
  std::vector<double> log_q;  ///< one per sample, in nats
};

/// Replaces the numbers 0 … L − 1 in x by points of the model's space. Throws Error as D does.
template <class D, State X>
[[nodiscard]] DequantizedBatch<D> dequantize(X& x, const D& dequantization, NoiseDraw draw) {
  static_assert(Dequantization<D, X>,
                "dequantize: the second argument is not a dequantization, such as "
                "UniformDequantization<Centered>, or the state's backend has no transform(out, f, "
                "inputs...)");
  DequantizedBatch<D> batch{extents(x).dim, std::vector<double>(extents(x).samples)};
  dequantization(x, draw, batch.log_q);
  return batch;
}

}  // namespace scoresde
