// SPDX-License-Identifier: MIT
/// Tableaux: their exact orders, and the order conditions themselves.
#include <scoresde/ode/butcher_tableau.hpp>
#include <scoresde/ode/tableaux.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

/// Kutta's third-order method with a perturbed coefficient.
constexpr ButcherTableau<3> kutta3(double wrong) {
  return {.a = {{{}, {0.5}, {-1 + wrong, 2 - wrong}}},
          .b = {1.0 / 6, 2.0 / 3, 1.0 / 6},
          .c = {0, 0.5, 1},
          .error = {}};
}

template <class T>
constexpr bool has_its_order() {
  constexpr double rounding = 1e-14;
  if (order_residual(T::tableau, T::order) > rounding) return false;
  if (T::error_order == 0) return true;
  double sum = 0;
  for (const double weight : T::tableau.error) sum += weight;
  return detail::absolute(sum) < rounding && T::tableau.first_same_as_last() &&
         order_residual(T::tableau, T::tableau.embedded(), T::error_order) < rounding;
}
static_assert(has_its_order<Euler>() && has_its_order<Heun>());
static_assert(has_its_order<RungeKutta4>() && has_its_order<DormandPrince54>());

}  // namespace

TEST_CASE("each method has exactly its order") {
  CHECK(order_residual(Euler::tableau, 1) == 0);
  CHECK(order_residual(Euler::tableau, 2) > 0.1);
  CHECK(order_residual(Heun::tableau, 2) == 0);
  CHECK(order_residual(Heun::tableau, 3) > 0.01);
  CHECK(order_residual(RungeKutta4::tableau, 4) < 1e-15);
  CHECK(order_residual(RungeKutta4::tableau, 5) > 1e-3);
  CHECK(order_residual(DormandPrince54::tableau, 5) < 1e-14);
  CHECK(order_residual(DormandPrince54::tableau, DormandPrince54::tableau.embedded(), 4) < 1e-14);
  CHECK(order_residual(DormandPrince54::tableau, DormandPrince54::tableau.embedded(), 5) > 1e-5);
}

TEST_CASE("the order conditions detect a wrong coefficient") {
  CHECK(order_residual(kutta3(0), 3) < 1e-15);
  CHECK(order_residual(kutta3(1e-6), 3) > 1e-8);
  CHECK(order_residual(kutta3(0), 6) > 1e300);
}

TEST_CASE("the last stage of Dormand-Prince is the first of the next step") {
  CHECK(DormandPrince54::tableau.first_same_as_last());
  CHECK_FALSE(RungeKutta4::tableau.first_same_as_last());
  CHECK_FALSE(Euler::tableau.first_same_as_last());
  CHECK(DormandPrince54::tableau.stages_of_solution() == 6);
  CHECK(RungeKutta4::tableau.stages_of_solution() == 4);
}
