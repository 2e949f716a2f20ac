// SPDX-License-Identifier: MIT
/// GeneralSde: types and functions that model it.
#include <scoresde/sde/general_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

struct Logistic {
  double drift(double x, double t) const { return x * (1 - x) + t; }
  double diffusion(double x, double) const { return 0.2 * x; }
};
struct RatePerElement {
  double rate[3]{1, 2, 3};
  double drift(double x, double, std::size_t e) const { return -rate[e] * x; }
  double diffusion(double, double) const { return 1; }
  double diffusion_derivative(double, double, std::size_t) const { return 0; }
};
struct DriftAlone {
  double drift(double, double) const { return 0; }
};
struct DriftOfTime {
  double drift(double) const { return 0; }
  double diffusion(double, double) const { return 1; }
};

}  // namespace

TEST_CASE("a type with drift and diffusion of (x, t) or (x, t, element) is a general SDE") {
  STATIC_REQUIRE(GeneralSde<Logistic>);
  STATIC_REQUIRE_FALSE(GeneralSdeWithDerivative<Logistic>);
  STATIC_REQUIRE(GeneralSdeWithDerivative<RatePerElement>);
  STATIC_REQUIRE_FALSE(GeneralSde<DriftAlone>);
  STATIC_REQUIRE_FALSE(GeneralSde<DriftOfTime>);
  STATIC_REQUIRE_FALSE(GeneralSde<VpSde>);
  STATIC_REQUIRE_FALSE(Sde<Logistic>);
}

TEST_CASE("an element process passes the element index to the terms that take it") {
  const RatePerElement sde;
  for (std::size_t e = 0; e < 3; ++e) {
    const ElementProcess<RatePerElement> process{&sde, e};
    CHECK(process.drift(0.5, 0) == -0.5 * static_cast<double>(e + 1));
    CHECK(process.diffusion(0.5, 0) == 1);
    CHECK(process.diffusion_derivative(0.5, 0) == 0);
  }
}

TEST_CASE("functions make a general SDE") {
  const double rate = 2;
  const FunctionSde sde(
      [rate](double x, double t, std::size_t e) { return -rate * x + t + double(e); },
      [](double x, double) { return x * x; });
  STATIC_REQUIRE(GeneralSde<decltype(sde)>);
  STATIC_REQUIRE_FALSE(GeneralSdeWithDerivative<decltype(sde)>);
  CHECK(sde.drift(3, 0.5, 7) == -6 + 0.5 + 7);
  CHECK(sde.diffusion(3, 0.5, 7) == 9);

  const FunctionSde with([](double, double) { return 1; }, [](double x, double) { return x * x; },
                         [](double x, double) { return 2 * x; });
  STATIC_REQUIRE(GeneralSdeWithDerivative<decltype(with)>);
  CHECK(with.drift(3, 0, 0) == 1);
  CHECK(with.diffusion_derivative(3, 0, 0) == 6);
}

TEST_CASE("a linear SDE can be used as a general one") {
  const SubVpSde linear;
  const AsGeneralSde sde{linear};
  STATIC_REQUIRE(GeneralSdeWithDerivative<decltype(sde)>);
  STATIC_REQUIRE(HasPrior<decltype(sde)>);
  CHECK(sde.drift(-1.5, 0.3) == linear.drift(0.3) * -1.5);
  CHECK(sde.diffusion(-1.5, 0.3) == linear.diffusion(0.3));
  CHECK(sde.diffusion_derivative(-1.5, 0.3) == 0);
  CHECK(sde.prior_std() == linear.prior_std());
  CHECK(sde.t_min() == linear.t_min());
  CHECK(sde.t_max() == linear.t_max());
}

TEST_CASE("a grid beyond T is rejected for an SDE that has a T") {
  CHECK_NOTHROW(require_times("test", Logistic(), uniform_grid(8, 0, 2)));
  CHECK_NOTHROW(require_times("test", AsGeneralSde{VpSde()}, uniform_grid(1, 0, 2)));
  CHECK_THROWS_WITH(require_times("test", AsGeneralSde{VpSde()}, uniform_grid(1.5, 0, 2)),
                    Contains("test: the grid reaches t = 1.5") && Contains("T = 1"));
  CHECK_THROWS_WITH(require_times("test", AsGeneralSde{VpSde()}, TimeGrid({1.0, -0.5})),
                    Contains("the grid reaches t = -0.5"));
}
