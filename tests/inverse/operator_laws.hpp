// SPDX-License-Identifier: MIT
/// The laws of a SpectralOperator, on normals.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

namespace operator_laws {

template <class T>
using Batch = scoresde::HostState<T>;

template <class T>
Batch<T> normals(std::size_t samples, std::size_t dim, std::uint64_t index) {
  Batch<T> x({samples, dim});
  scoresde::assign(x, {}, {1, scoresde::Noise{.seed = 7}.draw(index)});
  return x;
}

template <class T>
double largest_difference(const Batch<T>& a, const Batch<T>& b) {
  REQUIRE(a.extents() == b.extents());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a.data()[i] - b.data()[i])));
  return largest;
}

template <class T, class A>
void check_adjoint_and_inverse(const A& op, double tolerance) {
  const std::size_t n = 3, d = op.columns(), m = op.rows();
  const auto x = normals<T>(n, d, 1), y = normals<T>(n, m, 2);
  Batch<T> ax({n, m}), aty({n, d}), again({n, m}), known({n, d});
  op.apply(x, ax);
  op.adjoint(y, aty);
  std::vector<double> left(n), right(n);
  scoresde::backend(x).inner(ax, y, left);
  scoresde::backend(x).inner(x, aty, right);
  for (std::size_t k = 0; k < n; ++k)
    CHECK(std::abs(left[k] - right[k]) <=
          tolerance * static_cast<double>(d));  // ⟨Ax, y⟩ = ⟨x, Aᵀy⟩
  op.pseudo_inverse(ax, known);
  op.apply(known, again);
  CHECK(largest_difference(ax, again) <= tolerance);  // A A⁺ A = A
  std::vector<double> kept(n), along(n);
  scoresde::backend(x).inner(known, known, kept);
  scoresde::backend(x).inner(known, x, along);
  for (std::size_t k = 0; k < n; ++k)  // A⁺A is an orthogonal projection
    CHECK(std::abs(kept[k] - along[k]) <= tolerance * static_cast<double>(d));
  if (A::orthonormal_rows) {
    Batch<T> inverse({n, d});
    op.pseudo_inverse(y, inverse);
    CHECK(largest_difference(inverse, aty) <= tolerance);  // A⁺ = Aᵀ
  }
}

template <class T, class A>
void check_spectrum(const A& op, double tolerance) {
  const std::size_t n = 3, d = op.columns(), m = op.rows();
  const auto x = normals<T>(n, d, 3), c = normals<T>(n, m, 4);
  Batch<T> ax({n, m}), left({n, m}), right({n, m}), back({n, d}), again({n, m});
  REQUIRE(op.singular_values().size() == m);
  op.apply(x, ax);
  op.left_coordinates(ax, left);
  op.right_coordinates(x, right);
  scoresde::assign_by_element(right, {{op.singular_values(), right}});
  CHECK(largest_difference(left, right) <= tolerance);  // Uᵀ A = diag(s) Vᵀ
  op.from_right_coordinates(c, back);
  op.right_coordinates(back, again);
  CHECK(largest_difference(c, again) <= tolerance);  // Vᵀ V = I
  std::vector<double> before(n), after(n);
  op.left_coordinates(c, left);
  scoresde::backend(c).inner(c, c, before);
  scoresde::backend(c).inner(left, left, after);
  for (std::size_t k = 0; k < n; ++k)  // U is orthogonal
    CHECK(std::abs(before[k] - after[k]) <= tolerance * static_cast<double>(m));
}

/// All maps give a sample the same bits in any batch.
template <class A>
void check_batches(const A& op) {
  const auto x = normals<double>(3, op.columns(), 5);
  Batch<double> y({3, op.rows()}), one({1, op.columns()}), alone({1, op.rows()});
  op.apply(x, y);
  std::copy_n(x.data() + op.columns(), op.columns(), one.data());
  op.apply(one, alone);
  CHECK(std::equal(alone.data(), alone.data() + op.rows(), y.data() + op.rows()));
}

template <class A>
void check(const A& op) {
  check_adjoint_and_inverse<double>(op, 1e-12);
  check_adjoint_and_inverse<float>(op, 1e-4);
  check_spectrum<double>(op, 1e-12);
  check_spectrum<float>(op, 1e-4);
  check_batches(op);
}

}  // namespace operator_laws
