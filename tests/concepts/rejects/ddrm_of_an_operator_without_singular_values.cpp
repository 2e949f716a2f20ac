// SPDX-License-Identifier: MIT
/// DDRM works in the coordinates of the singular vectors.
// expect: Ddrm: the operator has no singular value decomposition; it needs singular_values(),
// left_coordinates, right_coordinates and from_right_coordinates
#include <scoresde/scoresde.hpp>

/// The first of two elements.
struct First {
  using X = scoresde::HostState<double>;
  static constexpr bool orthonormal_rows = true;
  std::size_t rows() const { return 1; }
  std::size_t columns() const { return 2; }
  void apply(const X& x, X& y) const { y(0, 0) = x(0, 0); }
  void adjoint(const X& y, X& x) const { x(0, 0) = y(0, 0), x(0, 1) = 0; }
  void pseudo_inverse(const X& y, X& x) const { adjoint(y, x); }
};

int main() {
  using X = scoresde::HostState<double>;
  const scoresde::VpSde sde;
  auto score = scoresde::score_function([](const X& x, double, X& output) { output = x; });
  const scoresde::DenseOperator op({1, 1}, 1, 2);
  X x({.samples = 1, .dim = 2}), y({.samples = 1, .dim = 1});
  const scoresde::LinearProblem problem(op, y, 0.1);
  const First first;
  const scoresde::LinearProblem other(first, y, 0.1);
  scoresde::Ddrm(sde, scoresde::uniform_grid(sde, 4)).sample(score, other, x, scoresde::Noise{});
}
