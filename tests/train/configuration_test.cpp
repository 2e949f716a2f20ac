// SPDX-License-Identifier: MIT
#include <string>
#include <type_traits>

#include <scoresde/train/configuration.hpp>

#include "support/catch.hpp"

using namespace scoresde;

TEST_CASE("network and SDE can be rebuilt from a run's configuration") {
  nn::UNetConfig network;
  network.nf = 24;
  network.ch_mult = {1, 3};
  network.dropout = 0.15;
  const VpSde sde({.beta_min = 0.2, .beta_max = 17.3, .t_min = 1e-4});
  const nn::FlatConfig flat = run_configuration(network, sde, {.seed = 5});
  CHECK(network_of(flat) == network);
  CHECK(flat.at("training.seed") == "5");
  visit_sde(flat, [](const auto& found) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(found)>, VpSde>) {
      CHECK(found.schedule().beta_min == 0.2);
      CHECK(found.schedule().beta_max == 17.3);
      CHECK(found.schedule().t_min == 1e-4);
    } else {
      FAIL("another SDE came back");
    }
  });
}

TEST_CASE("sub-VP and VE come back with their schedules") {
  const auto top = [](const auto& sde) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(sde)>, VeSde>)
      return sde.schedule().sigma_max;
    else if constexpr (std::is_same_v<std::remove_cvref_t<decltype(sde)>, SubVpSde>)
      return sde.schedule().beta_max;
    else
      return 0.0;
  };
  CHECK(visit_sde(describe(VeSde({.sigma_max = 42.5})), top) == 42.5);
  CHECK(visit_sde(describe(SubVpSde({.beta_max = 12})), top) == 12);
}

TEST_CASE("different settings have different texts") {
  const TrainingConfiguration plain{};
  TrainingConfiguration other{};
  other.ema.schedule = EmaSchedule::constant;
  CHECK(describe(plain) != describe(other));
  other = {};
  other.loss.likelihood_weighting = true;
  CHECK(describe(plain) != describe(other));
  other = {};
  other.optimizer.epsilon = 1e-7;
  CHECK(describe(plain) != describe(other));
}

TEST_CASE("a configuration without SDE or network, or with strange values, is refused") {
  const auto ignore = [](const auto&) {};
  CHECK_THROWS_WITH(visit_sde({}, ignore), Catch::Contains("no sde.name"));
  CHECK_THROWS_WITH(visit_sde({{"sde.name", "vx"}}, ignore), Catch::Contains("'vx'"));
  nn::FlatConfig flat = describe(VpSde{});
  flat["sde.beta_max"] = "20x";
  CHECK_THROWS_WITH(visit_sde(flat, ignore), Catch::Contains("'20x'"));
  flat["sde.beta_max"] = "-3";
  CHECK_THROWS_AS(visit_sde(flat, ignore), Error);
  CHECK_THROWS_WITH(network_of({}), Catch::Contains("network."));
  CHECK_THROWS_WITH(network_of({{"network.colour", "red"}}), Catch::Contains("colour"));
}
