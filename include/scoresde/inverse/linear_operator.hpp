// SPDX-License-Identifier: MIT
/// LinearOperator: a measurement y = A x₀ + σ_y n, and the maps of A that inverse problems need.
///
///   A = U diag(s) Vᵀ,   A⁺ = V diag(1/s) Uᵀ,   A⁺A the projection to what is measured
///
/// x has `columns` elements per sample, y has `rows` ≤ `columns`; both are states of one type. The
/// operators of the library work on states in host memory, one sample after the other, so that a
/// sample does not depend on its batch; cuda::DeviceOperator has them on a GPU.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/state/backend.hpp>
#include <scoresde/state/element_terms.hpp>

namespace scoresde {

/// orthonormal_rows is true if A Aᵀ = I, where A⁺ = Aᵀ. The output must not alias the input.
template <class A, class X>
concept LinearOperator = State<X> && requires(const A& op, const X& in, X& out) {
  { op.rows() } -> std::same_as<std::size_t>;
  { op.columns() } -> std::same_as<std::size_t>;
  { A::orthonormal_rows } -> std::convertible_to<bool>;
  { op.apply(in, out) } -> std::same_as<void>;           // out ← A·in
  { op.adjoint(in, out) } -> std::same_as<void>;         // out ← Aᵀ·in
  { op.pseudo_inverse(in, out) } -> std::same_as<void>;  // out ← A⁺·in
};

/// An operator with its singular value decomposition. Coordinates have one element per row, like y;
/// the columns of V that no row measures do not appear.
template <class A, class X>
concept SpectralOperator = LinearOperator<A, X> && ElementTermState<X> &&
    requires(const A& op, const X& in, X& out) {
  { op.singular_values() } -> std::same_as<std::span<const double>>;  // s ≥ 0, one per row
  { op.left_coordinates(in, out) } -> std::same_as<void>;             // out ← Uᵀ·in
  { op.right_coordinates(in, out) } -> std::same_as<void>;            // out ← Vᵀ·in
  { op.from_right_coordinates(in, out) } -> std::same_as<void>;       // out ← V·in
};

/// Channels, height and width of an image; element (c, h, w) is at (c·height + h)·width + w.
struct ImageShape {
  std::size_t channels = 0, height = 0, width = 0;
  [[nodiscard]] constexpr std::size_t size() const { return channels * height * width; }
};

namespace detail {

/// map(in, out) of every sample. Throws Error for states of other shapes.
template <ContiguousState X, class Map>
void map_samples(const char* op, const X& in, std::size_t in_dim, X& out, std::size_t out_dim,
                 const Map& map) {
  const Extents from = extents(in), to = extents(out);
  require(from.dim == in_dim && to.dim == out_dim && from.samples == to.samples, op,
          ": a map from ", from.samples, " samples of dimension ", from.dim, " to ", to.samples,
          " of dimension ", to.dim, "; the dimensions must be ", in_dim, " and ", out_dim,
          ", with as many samples");
  for (std::size_t k = 0; k < from.samples; ++k)
    map(in.data() + k * in_dim, out.data() + k * out_dim);
}

/// An operator with A Aᵀ = s² I, from apply_sample (A) and invert_sample (A⁺) of the derived class:
/// U = I, V = A⁺·s.
template <class Derived>
class ScaledCoisometry {
 public:
  [[nodiscard]] std::size_t rows() const { return values_.size(); }
  [[nodiscard]] std::size_t columns() const { return columns_; }
  [[nodiscard]] std::span<const double> singular_values() const { return values_; }

  template <ContiguousState X>
  void apply(const X& x, X& y) const {
    map_samples(Derived::name, x, columns_, y, rows(),
                [&](const auto* in, auto* out) { self().apply_sample(in, out); });
  }
  template <ContiguousState X>
  void pseudo_inverse(const X& y, X& x) const {
    map_samples(Derived::name, y, rows(), x, columns_,
                [&](const auto* in, auto* out) { self().invert_sample(in, out); });
  }
  template <ContiguousState X>
  void adjoint(const X& y, X& x) const {
    pseudo_inverse(y, x);
    scale(x, value() * value());
  }
  template <ContiguousState X>
  void left_coordinates(const X& y, X& c) const {
    assign(c, {{1, y}});
  }
  template <ContiguousState X>
  void right_coordinates(const X& x, X& c) const {
    apply(x, c);
    scale(c, 1 / value());
  }
  template <ContiguousState X>
  void from_right_coordinates(const X& c, X& x) const {
    pseudo_inverse(c, x);
    scale(x, value());
  }

 private:
  friend Derived;
  ScaledCoisometry(std::size_t rows, std::size_t columns, double value)
      : columns_(columns), values_(rows, value) {}

  [[nodiscard]] const Derived& self() const { return static_cast<const Derived&>(*this); }
  [[nodiscard]] double value() const { return values_.front(); }
  template <class X>
  static void scale(X& x, double factor) {
    if (factor != 1) assign(x, {{factor, x}});
  }

  std::size_t columns_;
  std::vector<double> values_;
};

/// Throws Error if a singular value is 0, up to rounding.
template <class A>
void require_full_rank(const char* method, const A& op) {
  if constexpr (requires { op.singular_values(); }) {
    const std::span<const double> s = op.singular_values();
    const auto [low, high] = std::minmax_element(s.begin(), s.end());
    require(*low > 1e-12 * *high, method,
            ": the operator is singular: its singular values go from ", *low, " to ", *high,
            "; all must be positive");
  }
}

}  // namespace detail

/// y = A x₀ + noise_std·n with n ~ N(0, I), for every sample of a batch. Refers to operator and
/// measurement, which must outlive it.
template <class A, State X>
requires LinearOperator<A, X>
class LinearProblem {
 public:
  /// Throws Error for a measurement of another dimension than the operator's rows and a noise_std
  /// that is negative or not finite.
  LinearProblem(const A& op, const X& measurement, double noise_std)
      : op_(&op), measurement_(&measurement), noise_std_(noise_std) {
    require(extents(measurement).dim == op.rows(), "linear problem: the measurement has ",
            "dimension ", extents(measurement).dim, "; the operator has ", op.rows(), " rows");
    require(noise_std >= 0 && std::isfinite(noise_std), "linear problem: noise_std is ", noise_std,
            "; it must be nonnegative and finite");
  }

  [[nodiscard]] const A& op() const { return *op_; }
  [[nodiscard]] const X& measurement() const { return *measurement_; }
  [[nodiscard]] double noise_std() const { return noise_std_; }

  /// Throws Error unless x has the operator's columns and as many samples as the measurement.
  void check(const char* method, const X& x) const {
    const Extents found = extents(x), y = extents(*measurement_);
    require(found.dim == op_->columns() && found.samples == y.samples, method, ": the state has ",
            found.samples, " samples of dimension ", found.dim, "; the problem has ", y.samples,
            " of dimension ", op_->columns());
  }

 private:
  const A* op_;
  const X* measurement_;
  double noise_std_;
};

namespace detail {

template <class X, class A>
void accept_problem(const LinearProblem<A, X>&);

}  // namespace detail

/// True if P is the LinearProblem of an operator and states X, or derived from it.
template <class P, class X>
inline constexpr bool is_problem = requires(const P& problem) {
  detail::accept_problem<X>(problem);
};

/// True for arguments of the form sample(model, problem, x, noise, …); one may follow.
template <class... A>
inline constexpr bool is_problem_call = false;
template <class M, class P, State X, class N, class... O>
inline constexpr bool is_problem_call<M, P, X&, N, O...> = is_problem<std::remove_cvref_t<P>, X> &&
                                                           sizeof...(O) <= 1;

}  // namespace scoresde
