// SPDX-License-Identifier: MIT
/// Butcher tableau of an explicit Runge-Kutta method, and its order conditions.
///
///   kᵢ = v(x + h Σⱼ aᵢⱼ kⱼ, t + cᵢ h),   x ← x + h Σ bᵢ kᵢ
///
/// A method has order p if and only if Σᵢ bᵢ Φᵢ(τ) = 1/γ(τ) for every rooted tree τ of at most p
/// nodes: Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, theorem II.2.13.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <limits>

namespace scoresde {

/// Coefficients of a method with S stages; a is strictly lower triangular.
template <std::size_t S>
struct ButcherTableau {
  using Row = std::array<double, S>;

  std::array<Row, S> a{};
  Row b{};
  Row c{};
  Row error{};  ///< bᵢ − b̂ᵢ of the embedded method; all zero if there is none

  static constexpr std::size_t stages = S;

  /// True if the last stage is the first of the next step.
  [[nodiscard]] constexpr bool first_same_as_last() const {
    for (std::size_t j = 0; j < S; ++j)
      if (a[S - 1][j] != b[j]) return false;
    return S > 1;
  }

  /// The number of stages on which x at the end of a step depends.
  [[nodiscard]] constexpr std::size_t stages_of_solution() const {
    std::size_t used = S;
    while (used > 1 && b[used - 1] == 0) --used;
    return used;
  }

  /// The weights b̂ of the embedded method.
  [[nodiscard]] constexpr Row embedded() const {
    Row weights{};
    for (std::size_t i = 0; i < S; ++i) weights[i] = b[i] - error[i];
    return weights;
  }
};

namespace detail {

constexpr double absolute(double value) { return value < 0 ? -value : value; }

template <std::size_t S>
constexpr std::array<double, S> times(const std::array<double, S>& u,
                                      const std::array<double, S>& v) {
  std::array<double, S> product{};
  for (std::size_t i = 0; i < S; ++i) product[i] = u[i] * v[i];
  return product;
}

template <std::size_t S>
constexpr std::array<double, S> times(const ButcherTableau<S>& tableau,
                                      const std::array<double, S>& v) {
  std::array<double, S> product{};
  for (std::size_t i = 0; i < S; ++i)
    for (std::size_t j = 0; j < S; ++j) product[i] += tableau.a[i][j] * v[j];
  return product;
}

}  // namespace detail

/// The largest |Σ wᵢ Φᵢ(τ) − 1/γ(τ)| over the trees of at most `order` ≤ 5 nodes, and of |Σⱼ aᵢⱼ −
/// cᵢ|, for the weights w. Infinite for orders above 5.
template <std::size_t S>
[[nodiscard]] constexpr double order_residual(const ButcherTableau<S>& tableau,
                                              const std::array<double, S>& w, int order) {
  using detail::times;
  if (order > 5) return std::numeric_limits<double>::infinity();
  double worst = 0;
  const auto note = [&](double residual) {
    if (detail::absolute(residual) > worst) worst = detail::absolute(residual);
  };
  const auto tree = [&](int nodes, const std::array<double, S>& phi, double gamma) {
    if (nodes > order) return;
    double sum = -1 / gamma;
    for (std::size_t i = 0; i < S; ++i) sum += w[i] * phi[i];
    note(sum);
  };
  std::array<double, S> one{};
  one.fill(1);
  const auto& c = tableau.c;
  const auto row_sums = times(tableau, one);
  for (std::size_t i = 0; i < S; ++i) note(row_sums[i] - c[i]);
  const auto c2 = times(c, c), c3 = times(c2, c);
  const auto ac = times(tableau, c), ac2 = times(tableau, c2), aac = times(tableau, ac);
  tree(1, one, 1);
  tree(2, c, 2);
  tree(3, c2, 3);
  tree(3, ac, 6);
  tree(4, c3, 4);
  tree(4, times(c, ac), 8);
  tree(4, ac2, 12);
  tree(4, aac, 24);
  tree(5, times(c2, c2), 5);
  tree(5, times(c2, ac), 10);
  tree(5, times(c, ac2), 15);
  tree(5, times(c, aac), 30);
  tree(5, times(ac, ac), 20);
  tree(5, times(tableau, c3), 20);
  tree(5, times(tableau, times(c, ac)), 40);
  tree(5, times(tableau, ac2), 60);
  tree(5, times(tableau, aac), 120);
  return worst;
}

/// order_residual of the method's weights b.
template <std::size_t S>
[[nodiscard]] constexpr double order_residual(const ButcherTableau<S>& tableau, int order) {
  return order_residual(tableau, tableau.b, order);
}

/// A named method: `tableau`, its order, and the order of its error estimate (0 if it has none).
template <class T>
concept RungeKuttaMethod = requires {
  { T::order + T::error_order } -> std::same_as<int>;
  { T::tableau.first_same_as_last() } -> std::same_as<bool>;
};

}  // namespace scoresde
