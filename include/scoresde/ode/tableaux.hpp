// SPDX-License-Identifier: MIT
/// The named explicit Runge-Kutta methods. tests/ode/tableaux_test.cpp verifies their orders at
/// compile time.
///
///   Euler (order 1), Heun (2), RungeKutta4 (the classic one, 4), DormandPrince54 (5, embedded 4)
///
/// Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, tables II.1.1, II.1.2 and
/// II.5.2; Dormand & Prince 1980, J. Comput. Appl. Math. 6:19.
#pragma once

#include <scoresde/ode/butcher_tableau.hpp>

namespace scoresde {

struct Euler {
  static constexpr int order = 1;
  static constexpr int error_order = 0;
  static constexpr ButcherTableau<1> tableau{.a = {}, .b = {1}, .c = {0}, .error = {}};
};

/// The trapezoidal predictor-corrector method.
struct Heun {
  static constexpr int order = 2;
  static constexpr int error_order = 0;
  static constexpr ButcherTableau<2> tableau{
      .a = {{{}, {1}}}, .b = {0.5, 0.5}, .c = {0, 1}, .error = {}};
};

struct RungeKutta4 {
  static constexpr int order = 4;
  static constexpr int error_order = 0;
  static constexpr ButcherTableau<4> tableau{.a = {{{}, {0.5}, {0, 0.5}, {0, 0, 1}}},
                                             .b = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6},
                                             .c = {0, 0.5, 0.5, 1},
                                             .error = {}};
};

struct DormandPrince54 {
  static constexpr int order = 5;
  static constexpr int error_order = 4;
  static constexpr ButcherTableau<7> tableau{
      .a = {{{},
             {1.0 / 5},
             {3.0 / 40, 9.0 / 40},
             {44.0 / 45, -56.0 / 15, 32.0 / 9},
             {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
             {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
             {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}}},
      .b = {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84, 0},
      .c = {0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1},
      .error = {71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525,
                -1.0 / 40}};
};

}  // namespace scoresde
