// SPDX-License-Identifier: MIT
/// ContiguousBackend: the backend of states whose elements are contiguous in host memory.
///
///   acc ← c·z (0 without noise),   acc ← fma(cⱼ, xⱼ, acc) in the order of the terms,   out ← acc
///
/// Coefficients are rounded once to the scalar type, so assign is bit-identical for every layout,
/// compiler and flag. Terms and noise are combined in one pass over tiles of 256 elements; no noise
/// tensor is stored. Reductions are accumulated in double in eight lanes, in an order that depends
/// on neither vector width nor alignment.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include <scoresde/fma.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/state/backend.hpp>
#include <scoresde/state/detail/host_elementwise.hpp>
#include <scoresde/state/detail/with_arity.hpp>

namespace scoresde {

/// The extents of a state and how to make another one.
template <class L>
concept ContiguousLayout = requires(const typename L::State& x, typename L::State& out) {
  { L::extents(x) } -> std::same_as<Extents>;
  { L::make_like(x) } -> std::same_as<typename L::State>;
  { x.data() } -> std::convertible_to<const typename L::Scalar*>;
  { out.data() } -> std::convertible_to<typename L::Scalar*>;
};

namespace detail {

/// Σₑ value(e) for e < count: first per lane e mod 8, then over the lanes in order.
template <class Fn>
[[nodiscard]] double lane_sum(std::size_t count, const Fn& value) {
  constexpr std::size_t lanes = 8;
  double sum[lanes] = {};
  const std::size_t whole = count - count % lanes;
  for (std::size_t e = 0; e < whole; e += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane) sum[lane] += value(e + lane);
  for (std::size_t e = whole; e < count; ++e) sum[e - whole] += value(e);
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

}  // namespace detail

inline void require_same(const char* verb, Extents found, Extents wanted) {
  require(found == wanted, verb, ": a term has ", found.samples, " samples of dimension ",
          found.dim, " but another state has ", wanted.samples, " of dimension ", wanted.dim);
}

inline void require_row(const char* verb, std::size_t found, std::size_t samples) {
  require(found == samples, verb, ": ", found, " numbers per sample for ", samples, " samples");
}

template <ContiguousLayout Layout>
class ContiguousBackend {
 public:
  using State = typename Layout::State;
  using Scalar = typename Layout::Scalar;

  [[nodiscard]] Extents extents(const State& x) const { return Layout::extents(x); }
  [[nodiscard]] State make_like(const State& x) const { return Layout::make_like(x); }

  /// Throws Error for more than max_terms terms, or a term whose extents differ from those of
  /// `out`.
  void assign(State& out, std::span<const Term<State>> terms, NoiseTerm noise) const {
    const Extents shape = check("assign", out, terms);
    detail::ActiveTerms<Scalar, Scalar> active;
    for (const auto& [c, x] : terms) active.add(c, x->data());
    combine({out.data(), shape.size()}, 0, shape.dim, active, noise);
  }

  /// Throws Error as above, and unless every row has one coefficient per sample.
  void assign(State& out, std::span<const SampleTerm<State>> terms, SampleNoise noise) const {
    const auto [samples, dim] = check("assign", out, terms);
    for (const auto& [c, x] : terms) require_row("assign", c.size(), samples);
    const bool noisy = !noise.coefficients.empty();
    if (noisy) require_row("assign", noise.coefficients.size(), samples);
    for (std::size_t k = 0; k < samples; ++k) {
      detail::ActiveTerms<Scalar, Scalar> active;
      for (const auto& [c, x] : terms) active.add(c[k], x->data() + k * dim);
      combine({out.data() + k * dim, dim}, k * dim, dim, active,
              {noisy ? noise.coefficients[k] : 0.0, noise.draw});
    }
  }

  /// Throws Error for no terms, more than max_terms terms, or different extents.
  void norms(std::span<const Term<State>> terms, std::span<double> per_sample) const {
    require(!terms.empty(), "norms: 0 terms given; at least 1 is needed");
    const auto [samples, dim] = check("norms", *terms[0].state, terms);
    require_row("norms", per_sample.size(), samples);
    detail::ActiveTerms<double, Scalar> active;
    for (const auto& [c, x] : terms) active.add(c, x->data());
    detail::with_arity(active.count, [&, samples = samples, dim = dim](auto arity) {
      for (std::size_t k = 0; k < samples; ++k)
        per_sample[k] = norm<decltype(arity)::value>(active, k * dim, dim);
    });
  }

  /// Throws Error unless per_sample has one entry per sample, as do the reductions below.
  void norms(NoiseDraw draw, const State& x, std::span<double> per_sample) const {
    const auto [samples, dim] = extents(x);
    require_row("norms", per_sample.size(), samples);
    float z[tile];
    for (std::size_t k = 0; k < samples; ++k) {
      double sum = 0;
      for (std::size_t begin = 0; begin < dim; begin += tile) {
        const std::size_t count = std::min(tile, dim - begin);
        fill_normal({z, count}, draw, k, begin);
        sum += detail::lane_sum(count, [&](std::size_t i) { return square(z[i]); });
      }
      per_sample[k] = std::sqrt(sum);
    }
  }

  void scaled_rms(const State& error, const State& x, const State& y, double atol, double rtol,
                  std::span<double> per_sample) const {
    const auto [samples, dim] = extents(error);
    for (const State* other : {&x, &y}) require_same("scaled_rms", extents(*other), {samples, dim});
    require_row("scaled_rms", per_sample.size(), samples);
    for (std::size_t k = 0; k < samples; ++k) {
      const auto [pe, px, py] =
          std::array{error.data() + k * dim, x.data() + k * dim, y.data() + k * dim};
      const double sum = detail::lane_sum(dim, [=, pe = pe, px = px, py = py](std::size_t e) {
        const auto size = static_cast<double>(std::max(std::abs(px[e]), std::abs(py[e])));
        return square(static_cast<double>(pe[e]) / (atol + rtol * size));
      });
      per_sample[k] = std::sqrt(sum / static_cast<double>(dim));
    }
  }

  void inner(const State& x, const State& y, std::span<double> per_sample) const {
    const auto [samples, dim] = extents(x);
    require_same("inner", extents(y), {samples, dim});
    require_row("inner", per_sample.size(), samples);
    for (std::size_t k = 0; k < samples; ++k)
      per_sample[k] =
          detail::lane_sum(dim, [px = x.data() + k * dim, py = y.data() + k * dim](std::size_t e) {
            return static_cast<double>(px[e]) * static_cast<double>(py[e]);
          });
  }

  /// out[k, e] ← f({k, e}, inputs[k, e]…), each input a state or a NoiseDraw
  /// (state/elementwise.hpp). Throws Error for an input whose extents differ from those of `out`.
  template <class F, class... In>
  void transform(State& out, F f, const In&... in) const {
    const Extents shape = extents(out);
    [[maybe_unused]] const auto shape_of = [](const State& x) { return Layout::extents(x); };
    detail::transform_tiles(static_cast<Scalar*>(out.data()), shape, f,
                            detail::element_input<Scalar>(in, shape, shape_of)...);
  }

  void absolute_quantile(const State& x, double q, std::span<double> per_sample) const {
    detail::absolute_quantiles(static_cast<const Scalar*>(x.data()), extents(x), q, per_sample);
  }

 private:
  static constexpr std::size_t tile = 256;

  static double square(double value) { return value * value; }

  static Extents check(const char* verb, const State& out, const auto& terms) {
    const Extents shape = Layout::extents(out);
    require(terms.size() <= max_terms, verb, ": ", terms.size(), " terms given; at most ",
            max_terms, " are allowed");
    for (const auto& term : terms) require_same(verb, Layout::extents(*term.state), shape);
    return shape;
  }

  /// `first` is the flat index of out[0], which determines its noise.
  static void combine(std::span<Scalar> out, std::size_t first, std::size_t dim,
                      const detail::ActiveTerms<Scalar, Scalar>& terms, NoiseTerm noise) {
    detail::with_arity(terms.count, [&](auto arity) {
      with_hardware_fma([=] {
        constexpr std::make_index_sequence<decltype(arity)::value> indices;
        // Compilers vectorize loops of constant trip count at -O2.
        constexpr std::integral_constant<std::size_t, tile> whole;
        std::size_t begin = 0;
        for (; out.size() - begin >= tile; begin += tile)
          sweep(indices, out.data(), begin, whole, first, dim, terms, noise);
        if (begin < out.size())
          sweep(indices, out.data(), begin, out.size() - begin, first, dim, terms, noise);
      });
    });
  }

  /// Computes elements begin … begin + count − 1 of combine.
  template <std::size_t... J>
  SCORESDE_ALWAYS_INLINE static void sweep(std::index_sequence<J...> indices, Scalar* out,
                                           std::size_t begin, auto count, std::size_t first,
                                           std::size_t dim,
                                           const detail::ActiveTerms<Scalar, Scalar>& terms,
                                           NoiseTerm noise) {
    if (noise.coefficient == 0)
      return accumulate(indices, out, begin, count, terms, [](std::size_t) { return Scalar(0); });
    float z[tile];
    fill_normal_flat({z, count}, noise.draw, dim, first + begin);
    const auto c = static_cast<Scalar>(noise.coefficient);
    accumulate(indices, out, begin, count, terms,
               [&](std::size_t i) { return c * static_cast<Scalar>(z[i]); });
  }

  /// The sum is accumulated on the stack, because out may alias a term.
  template <std::size_t... J>
  SCORESDE_ALWAYS_INLINE static void accumulate(std::index_sequence<J...>, Scalar* out,
                                                std::size_t begin, auto count,
                                                const detail::ActiveTerms<Scalar, Scalar>& terms,
                                                const auto& start) {
    Scalar sum[tile];
    for (std::size_t i = 0; i < count; ++i) {
      Scalar value = start(i);
      ((value = std::fma(terms.coefficient[J], terms.data[J][begin + i], value)), ...);
      sum[i] = value;
    }
    std::copy_n(sum, static_cast<std::size_t>(count), out + begin);
  }

  template <std::size_t N>
  static double norm(const detail::ActiveTerms<double, Scalar>& terms, std::size_t first,
                     std::size_t dim) {
    if constexpr (N == 0) return 0;
    return std::sqrt(detail::lane_sum(dim, [&](std::size_t e) {
      double value = 0;
      for (std::size_t j = 0; j < N; ++j)
        value += terms.coefficient[j] * static_cast<double>(terms.data[j][first + e]);
      return square(value);
    }));
  }
};

}  // namespace scoresde
