// SPDX-License-Identifier: MIT
/// Fixed steps: the symbolic stages against an explicit implementation, and the observed order.
#include <cmath>
#include <vector>

#include <scoresde/ode/explicit_runge_kutta.hpp>
#include <scoresde/ode/ode_integrator.hpp>
#include <scoresde/ode/tableaux.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

/// dx/dt = −t·x + (1 + t)·sin(2x + t).
struct Field {
  std::vector<double> times;
  FieldForm form(double t) const { return {-t, 1 + t}; }
  void evaluate(const X& x, double t, X& out) {
    times.push_back(t);
    for (std::size_t i = 0; i < x.size(); ++i) out.data()[i] = std::sin(2 * x.data()[i] + t);
  }
};

double velocity(double x, double t) { return -t * x + (1 + t) * std::sin(2 * x + t); }

template <class T>
double end_of(std::size_t steps) {
  std::vector<double> times;
  for (std::size_t i = 0; i <= steps; ++i)
    times.push_back(2 * static_cast<double>(i) / static_cast<double>(steps));
  X x({1, 1}, std::vector<double>{0.4});
  Workspace<X, ExplicitRungeKutta<T>::buffers> work(x);
  ExplicitRungeKutta<T>{}.solve(Field{}, x, TimeGrid(times), work, NoListener{});
  return x(0, 0);
}

template <class T>
void has_observed_order(std::size_t steps) {
  const double reference = end_of<DormandPrince54>(3000);
  const double coarse = std::abs(end_of<T>(steps) - reference);
  const double fine = std::abs(end_of<T>(2 * steps) - reference);
  CHECK(std::log2(coarse / fine) == Approx(T::order).margin(0.15));
}

}  // namespace

TEST_CASE("a step equals an explicit implementation of the classic Runge-Kutta step") {
  const double t = 0.7, h = -0.1, x0 = 0.4;
  const double k1 = velocity(x0, t), k2 = velocity(x0 + h / 2 * k1, t + h / 2);
  const double k3 = velocity(x0 + h / 2 * k2, t + h / 2), k4 = velocity(x0 + h * k3, t + h);
  X x({1, 1}, std::vector<double>{x0});
  Workspace<X, ExplicitRungeKutta<RungeKutta4>::buffers> work(x);
  Field field;
  const OdeStatistics done = ExplicitRungeKutta<RungeKutta4>{}.solve(
      field, x, TimeGrid(std::vector<double>{t, t + h}), work, NoListener{});
  CHECK(x(0, 0) == Approx(x0 + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)).epsilon(1e-15));
  CHECK(done.nfe == 4);
  CHECK(field.times == std::vector<double>{t, t + h / 2, t + h / 2, t + h});
}

TEST_CASE("Dormand-Prince with fixed steps does not evaluate its seventh stage") {
  X x({1, 1}, std::vector<double>{0.4});
  Workspace<X, ExplicitRungeKutta<DormandPrince54>::buffers> work(x);
  Field field;
  const OdeStatistics done = ExplicitRungeKutta<DormandPrince54>{}.solve(
      field, x, TimeGrid(std::vector<double>{0, 0.5, 1}), work, NoListener{});
  CHECK(done.nfe == 12);
  CHECK(field.times.size() == 12);
  CHECK(done.nfe == ExplicitRungeKutta<DormandPrince54>::nfe(2));
}

TEST_CASE("methods have their order on a nonlinear field") {
  has_observed_order<Euler>(800);
  has_observed_order<Heun>(200);
  has_observed_order<RungeKutta4>(80);
  has_observed_order<DormandPrince54>(160);
}
