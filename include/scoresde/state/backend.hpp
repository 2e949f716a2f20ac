// SPDX-License-Identifier: MIT
/// Backend: the operations on memory that algorithms use: one linear form and a few reductions.
///
///   out ← Σⱼ cⱼ·xⱼ + c·z,   z a named N(0, I) draw
///
/// Every update between two network calls is one such linear form (docs/mathematics.md), so
/// algorithms run on any state type for which `backend_of` is specialized.
/// testing/backend_conformance.hpp checks the semantics.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <type_traits>

#include <scoresde/error.hpp>
#include <scoresde/noise/noise.hpp>

namespace scoresde {

/// A batch of `samples` points of R^dim. Memory layout: element e of sample k is at k·dim + e.
struct Extents {
  std::size_t samples = 0;
  std::size_t dim = 0;
  constexpr bool operator==(const Extents&) const = default;
  [[nodiscard]] constexpr std::size_t size() const { return samples * dim; }
};

/// cⱼ·xⱼ with one coefficient for the whole batch. Terms with coefficient 0 are not read.
template <class X>
struct Term {
  double coefficient = 0;
  const X* state = nullptr;

  constexpr Term() = default;
  constexpr Term(double c, const X* x) : coefficient(c), state(x) {}
  constexpr Term(double c, const X& x) : coefficient(c), state(&x) {}
  Term(double, const X&&) = delete;
};

/// c·z with one coefficient for the whole batch.
struct NoiseTerm {
  double coefficient = 0;
  NoiseDraw draw{};
};

/// cⱼ[k]·xⱼ[k] with a coefficient per sample.
template <class X>
struct SampleTerm {
  std::span<const double> coefficients{};
  const X* state = nullptr;

  constexpr SampleTerm() = default;
  constexpr SampleTerm(std::span<const double> c, const X* x) : coefficients(c), state(x) {}
  constexpr SampleTerm(std::span<const double> c, const X& x) : coefficients(c), state(&x) {}
  SampleTerm(std::span<const double>, const X&&) = delete;
};

/// c[k]·z[k] with a coefficient per sample; an empty span means no noise.
struct SampleNoise {
  std::span<const double> coefficients{};
  NoiseDraw draw{};
};

/// The maximum number of terms in one form: x and the seven stages of Dormand-Prince.
inline constexpr std::size_t max_terms = 8;

/// `out` may alias any state of the terms: each element is read before it is written. Coefficients
/// are doubles; a backend may round each to its scalar type once.
template <class B>
concept Backend = requires(const B& backend, const typename B::State& x, typename B::State& out,
                           std::span<const Term<typename B::State>> terms, NoiseTerm noise,
                           std::span<const SampleTerm<typename B::State>> sample_terms,
                           SampleNoise sample_noise, NoiseDraw draw, std::span<double> per_sample,
                           double tolerance) {
  { backend.extents(x) } -> std::same_as<Extents>;
  /// A state of the same extents. This is the only operation that allocates; it is called before
  /// loops.
  { backend.make_like(x) } -> std::same_as<typename B::State>;
  /// out ← Σ cⱼxⱼ + c·z in one pass.
  { backend.assign(out, terms, noise) } -> std::same_as<void>;
  /// out ← Σ cⱼ[k]·xⱼ[k] + c[k]·z[k] in one pass.
  { backend.assign(out, sample_terms, sample_noise) } -> std::same_as<void>;
  /// per_sample[k] ← ‖Σ cⱼxⱼ[k]‖₂.
  { backend.norms(terms, per_sample) } -> std::same_as<void>;
  /// per_sample[k] ← ‖z[k]‖₂ of a draw, without storing it; x gives the extents.
  { backend.norms(draw, x, per_sample) } -> std::same_as<void>;
  /// per_sample[k] ← √(mean_e (error_e / (atol + rtol·max(|x_e|, |y_e|)))²); arguments: error,
  /// x, y, atol, rtol, per_sample.
  { backend.scaled_rms(x, x, x, tolerance, tolerance, per_sample) } -> std::same_as<void>;
  /// per_sample[k] ← ⟨x[k], y[k]⟩.
  { backend.inner(x, x, per_sample) } -> std::same_as<void>;
};

namespace detail {

/// The terms and one more after them.
template <class T>
[[nodiscard]] std::array<T, max_terms> joined(std::initializer_list<T> terms, const T& last) {
  require(terms.size() < max_terms, "assign: ", terms.size(),
          " terms and a state of noise; at most ", max_terms, " in all are allowed");
  std::array<T, max_terms> all;
  std::copy(terms.begin(), terms.end(), all.begin());
  all[terms.size()] = last;
  return all;
}

}  // namespace detail

/// The single customization point: specialize with `static auto of(const X&)` returning a Backend.
template <class X>
struct backend_of;

/// A type whose values are batches of points, accessed through its backend.
template <class X>
concept State = requires(const X& x) {
  { backend_of<X>::of(x) } -> Backend;
};

/// The backend of a state.
template <State X>
[[nodiscard]] auto backend(const X& x) {
  return backend_of<X>::of(x);
}

/// The extents of a state.
template <State X>
[[nodiscard]] Extents extents(const X& x) {
  return backend_of<X>::of(x).extents(x);
}

/// assign(out, {{a, x}, {b, F}}, {c, z}):   out ← a·x + b·F + c·z, z a draw or a state.
template <State X>
void assign(X& out, std::type_identity_t<std::initializer_list<Term<X>>> terms,
            NoiseTerm noise = {}) {
  backend(out).assign(out, std::span<const Term<X>>(terms.begin(), terms.size()), noise);
}
template <State X>
void assign(X& out, std::type_identity_t<std::initializer_list<Term<X>>> terms,
            std::type_identity_t<Term<X>> noise) {
  const auto all = detail::joined(terms, noise);
  backend(out).assign(out, std::span<const Term<X>>(all.data(), terms.size() + 1), NoiseTerm{});
}

/// The same with coefficients per sample.
template <State X>
void assign(X& out, std::type_identity_t<std::initializer_list<SampleTerm<X>>> terms,
            SampleNoise noise = {}) {
  backend(out).assign(out, std::span<const SampleTerm<X>>(terms.begin(), terms.size()), noise);
}
template <State X>
void assign(X& out, std::type_identity_t<std::initializer_list<SampleTerm<X>>> terms,
            std::type_identity_t<SampleTerm<X>> noise) {
  const auto all = detail::joined(terms, noise);
  backend(out).assign(out, std::span<const SampleTerm<X>>(all.data(), terms.size() + 1),
                      SampleNoise{});
}

}  // namespace scoresde
