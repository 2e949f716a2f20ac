// SPDX-License-Identifier: MIT
/// Every sampler has its order under every SDE: the table printed by benchmarks/convergence.
#include "convergence_table.hpp"

#include <cmath>
#include <string>

#include "support/catch.hpp"

using namespace convergence;

namespace {

/// Cells whose order cannot be observed: along these Gaussian flows, the fifth-order terms of
/// Dormand-Prince are so small that sixth-order terms, then rounding, dominate for every number of
/// steps. The mixture shows the order.
bool is_hidden(const std::string& sde, const Entry& entry) {
  return entry.name == "flow, Dormand-Prince 5" &&
         (sde == "EDM" || sde == "cosine VP" || sde == "rectified flow");
}

void check_deterministic(const std::string& sde, const Entry& entry, const Orders& orders) {
  CHECK(orders.mixture == Approx(entry.order).margin(0.15));
  if (!is_hidden(sde, entry))
    CHECK(orders.gaussian == Approx(entry.order).margin(0.15));
  else if (!std::isnan(orders.gaussian))
    CHECK(orders.gaussian == Approx(entry.order).margin(0.3));
}

/// The mean is exact or has the nominal order, and so has the covariance, unless the entry states a
/// higher order for Gaussian data.
void check_stochastic(const Entry& entry, const Orders& orders) {
  const int covariance = entry.covariance_order > 0 ? entry.covariance_order : entry.order;
  CHECK(covariance >= entry.order);
  CHECK(orders.gaussian == Approx(covariance).margin(0.2));
  if (!std::isinf(orders.mean)) CHECK(orders.mean == Approx(entry.order).margin(0.2));
}

void check(const std::string& wanted, bool stochastic) {
  std::size_t rows = 0;
  for_each_sde([&](const char* name, const AnySde& sde, const AnySde&) {
    if (name != wanted) return;
    const auto row = [&](const Entry& entry, const auto& make) {
      if (entry.stochastic != stochastic) return;
      ++rows;
      INFO(name << ", " << entry.name << " in the " << entry.prediction);
      const Orders orders = measure_orders(sde, entry, make);
      stochastic ? check_stochastic(entry, orders) : check_deterministic(name, entry, orders);
    };
    for_each_multistep(sde, row);
    for_each_predictor(sde, row);
    for_each_flow(sde, row);
  });
  CHECK(rows >= (stochastic ? 18u : 38u));
}

}  // namespace

TEST_CASE("deterministic samplers have their orders under VP") { check("VP", false); }
TEST_CASE("deterministic samplers have their orders under cosine VP") { check("cosine VP", false); }
TEST_CASE("deterministic samplers have their orders under sub-VP") { check("sub-VP", false); }
TEST_CASE("deterministic samplers have their orders under VE") { check("VE", false); }
TEST_CASE("deterministic samplers have their orders under the EDM SDE") { check("EDM", false); }
TEST_CASE("deterministic samplers have their orders under rectified flow") {
  check("rectified flow", false);
}
TEST_CASE("stochastic samplers have their weak orders under VP", "[slow]") { check("VP", true); }
TEST_CASE("stochastic samplers have their weak orders under cosine VP", "[slow]") {
  check("cosine VP", true);
}
TEST_CASE("stochastic samplers have their weak orders under sub-VP", "[slow]") {
  check("sub-VP", true);
}
TEST_CASE("stochastic samplers have their weak orders under VE", "[slow]") { check("VE", true); }
TEST_CASE("stochastic samplers have their weak orders under the EDM SDE", "[slow]") {
  check("EDM", true);
}
TEST_CASE("stochastic samplers have their weak orders under rectified flow", "[slow]") {
  check("rectified flow", true);
}
