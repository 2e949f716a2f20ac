// SPDX-License-Identifier: MIT
/// The trace of a model's Jacobian: Hutchinson's estimator and the exact value.
///
///   tr J = E[vᵀ J v],   v with E[v vᵀ] = I: Rademacher (±1) or standard normal
///   tr J = Σₑ eₑᵀ J eₑ,   one vjp per dimension
///
/// Hutchinson 1990, Commun. Stat. Simul. 19:433; Skilling 1989. The variance of one Rademacher
/// probe is 2·Σ_{i≠j} S_ij², that of one Gaussian probe 2·‖S‖²_F, with S = (J + Jᵀ)/2: Rademacher
/// probes are exact for diagonal Jacobians and never worse.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/state/elementwise.hpp>
#include <scoresde/state/host_copy.hpp>
#include <scoresde/state/host_state.hpp>

namespace scoresde {

enum class ProbeDistribution { rademacher, gaussian };

/// A model with the exact trace: trace(x, t, per_sample) writes tr ∂F/∂x of every sample, t a
/// double or, where T is std::span<const double>, a time per sample.
template <class M, class X, class T>
concept ModelWithTrace = ScoreModel<M, X> &&
    requires(M& model, const X& x, T t, std::span<double> per_sample) {
  { model.trace(x, t, per_sample) } -> std::same_as<void>;
};

namespace detail {

/// ±1 with the sign of a normal.
struct SignOfNormal {
  template <class T>
  T operator()(ElementIndex, T z) const {
    return z < T(0) ? T(-1) : T(1);
  }
};

/// The unit vector of one coordinate.
struct UnitVector {
  std::size_t element;
  template <class T>
  T operator()(ElementIndex at, T) const {
    return at.element == element ? T(1) : T(0);
  }
};

/// The same stream under its own purpose, so that probes are independent of a sampler's noise.
template <class N>
[[nodiscard]] N probe_stream(N noise) {
  if constexpr (requires { noise.purpose; }) noise.purpose = Purpose::probe;
  return noise;
}

}  // namespace detail

/// probe ← a draw of the distribution. Rademacher probes of a state in other memory are drawn on
/// the host. Throws Error for Rademacher probes of a state that has neither a backend with
/// transform nor such copies.
template <State X>
void draw_probe(X& probe, ProbeDistribution distribution, NoiseDraw draw) {
  if (distribution == ProbeDistribution::gaussian) return assign(probe, {}, NoiseTerm{1, draw});
  if constexpr (ElementwiseState<X>) {
    backend(probe).transform(probe, detail::SignOfNormal{}, draw);
  } else if constexpr (HostCopyableState<X>) {
    HostState<typename X::Scalar> signs(extents(probe));
    draw_probe(signs, distribution, draw);
    probe.write({signs.data(), signs.size()});
  } else {
    throw Error(
        "trace estimator: distribution is rademacher; the state's backend needs "
        "transform(out, f, inputs...) for it, otherwise use gaussian or pass recorded probes");
  }
}

/// The probes of a solve and the products with them.
template <State X>
class HutchinsonProbes {
 public:
  template <class M>
  static constexpr bool differentiates = DifferentiableScoreModel<M, X>;
  template <class M>
  static constexpr bool takes_times = PerSampleDifferentiableScoreModel<M, X>;

  /// Probe p is draw p of `noise`, drawn from the distribution if that is a NoiseDraw, or taken as
  /// given if it is a state.
  template <class N>
  HutchinsonProbes(std::size_t probes, ProbeDistribution distribution, const X& x, const N& noise)
      : product_(backend(x).make_like(x)), squared_norms_(probes * extents(x).samples) {
    const std::size_t samples = extents(x).samples;
    const N stream = detail::probe_stream(noise);
    probes_.reserve(probes);
    for (std::size_t p = 0; p < probes; ++p) {
      X& probe = probes_.emplace_back(backend(x).make_like(x));
      const auto& z = stream.draw(p);
      if constexpr (std::same_as<std::remove_cvref_t<decltype(z)>, NoiseDraw>)
        draw_probe(probe, distribution, z);
      else
        assign(probe, {{1, z}});
      backend(x).inner(probe, probe, std::span(squared_norms_).subspan(p * samples, samples));
    }
  }

  /// The number of estimates per sample.
  [[nodiscard]] std::size_t count() const { return probes_.size(); }
  /// The estimates of tr I: entry p·samples + k is ‖v_p[k]‖².
  [[nodiscard]] std::span<const double> of_identity() const { return squared_norms_; }

  /// output ← F(x, t) and traces[p·samples + k] ← vᵀ(∂F/∂x)v, with one vjp per probe.
  template <class M, class T>
  void operator()(M& model, const X& x, T t, X& output, std::span<double> traces) {
    const std::size_t samples = extents(x).samples;
    for (std::size_t p = 0; p < probes_.size(); ++p) {
      if (p == 0)
        evaluate_with_vjp(model, x, t, probes_[p], output, product_);
      else
        model.vjp(x, t, probes_[p], product_);
      backend(x).inner(probes_[p], product_, traces.subspan(p * samples, samples));
    }
  }

 private:
  std::vector<X> probes_;
  X product_;
  std::vector<double> squared_norms_;
};

/// The exact trace: the model's own, or the sum over unit vectors.
template <State X>
class CoordinateTrace {
 public:
  template <class M>
  static constexpr bool differentiates = ModelWithTrace<M, X, double> ||
                                         (DifferentiableScoreModel<M, X> && ElementwiseState<X>);
  template <class M>
  static constexpr bool takes_times = ModelWithTrace<M, X, std::span<const double>> ||
                                      (PerSampleDifferentiableScoreModel<M, X> &&
                                       ElementwiseState<X>);

  explicit CoordinateTrace(const X& x)
      : unit_(backend(x).make_like(x)),
        product_(backend(x).make_like(x)),
        term_(extents(x).samples),
        dim_(extents(x).samples, static_cast<double>(extents(x).dim)) {}

  [[nodiscard]] std::size_t count() const { return 1; }
  /// tr I of every sample: its dimension.
  [[nodiscard]] std::span<const double> of_identity() const { return dim_; }

  /// output ← F(x, t) and traces[k] ← tr ∂F/∂x.
  template <class M, class T>
  void operator()(M& model, const X& x, T t, X& output, std::span<double> traces) {
    if constexpr (ModelWithTrace<M, X, T>) {
      model.evaluate(x, t, output);
      model.trace(x, t, traces);
    } else {
      std::fill(traces.begin(), traces.end(), 0.0);
      for (std::size_t e = 0; e < extents(x).dim; ++e) {
        backend(x).transform(unit_, detail::UnitVector{e}, x);
        if (e == 0)
          evaluate_with_vjp(model, x, t, unit_, output, product_);
        else
          model.vjp(x, t, unit_, product_);
        backend(x).inner(unit_, product_, term_);
        for (std::size_t k = 0; k < term_.size(); ++k) traces[k] += term_[k];
      }
    }
  }

 private:
  X unit_, product_;
  std::vector<double> term_, dim_;
};

/// An unbiased estimate from probes that are drawn once and kept for the whole solve, so that the
/// solver integrates a smooth function.
struct HutchinsonTrace {
  std::size_t probes = 1;
  ProbeDistribution distribution = ProbeDistribution::rademacher;

  template <State X>
  using Estimator = HutchinsonProbes<X>;

  /// Throws Error for 0 probes.
  void validate() const {
    require(probes >= 1, "Hutchinson trace: probes is 0; it must be at least 1");
  }
  template <State X, class N>
  [[nodiscard]] HutchinsonProbes<X> estimator(const X& x, const N& noise) const {
    return {probes, distribution, x, noise};
  }
};

/// The exact trace, by one vjp per dimension unless the model has trace(x, t, per_sample). Requires
/// a backend with transform in the first case.
struct ExactTrace {
  template <State X>
  using Estimator = CoordinateTrace<X>;

  template <State X, class N>
  [[nodiscard]] CoordinateTrace<X> estimator(const X& x, const N&) const {
    return CoordinateTrace<X>(x);
  }
};

}  // namespace scoresde
