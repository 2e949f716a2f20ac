// SPDX-License-Identifier: MIT
#include <vector>

#include <scoresde/nearest_name.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/settings.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Contains;

TEST_CASE("the edit distance counts insertions, deletions, substitutions and swaps") {
  CHECK(scoresde::edit_distance("", "") == 0);
  CHECK(scoresde::edit_distance("beta", "") == 4);
  CHECK(scoresde::edit_distance("beta_mx", "beta_max") == 1);
  CHECK(scoresde::edit_distance("kitten", "sitting") == 3);
  CHECK(scoresde::edit_distance("sitting", "kitten") == 3);
  CHECK(scoresde::edit_distance("heun", "huen") == 1);
  CHECK(scoresde::edit_distance("ca", "abc") == 3);  // 2 where a swapped pair may be edited again
  CHECK(scoresde::nearest_name("sgima_max", {"beta_max", "sigma_max"}) == "sigma_max");
  CHECK(scoresde::nearest_name("sigma_mx", {"beta_max", "sigma_max", "sigma_min"}) == "sigma_max");
  CHECK(scoresde::nearest_name("x", {}).empty());
}

TEST_CASE("settings are read back exactly, and invalid texts are rejected by key") {
  const double third = 1.0 / 3;
  const Metadata flat{{"number", detail::number_text(third)},
                      {"list", detail::list_text(std::vector<double>{third, 2e-300})},
                      {"yes", detail::truth_text(true)},
                      {"word", "banana"},
                      {"empty", ""},
                      {"gap", "1,,2"}};
  CHECK(detail::number_setting<double>(flat, "number") == third);
  CHECK(detail::list_setting(flat, "list") == std::vector<double>{third, 2e-300});
  CHECK(detail::truth_setting(flat, "yes"));
  CHECK_THROWS_WITH(detail::number_setting<double>(flat, "word"), Contains("word is 'banana'"));
  CHECK_THROWS_WITH(detail::truth_setting(flat, "word"), Contains("true or false"));
  CHECK_THROWS_WITH(detail::list_setting(flat, "gap"), Contains("gap is ''"));
  CHECK_THROWS_WITH(detail::list_setting(flat, "empty"), Contains("empty is ''"));
  CHECK_THROWS_WITH(detail::setting(flat, "none"), Contains("there is no none"));
  CHECK_NOTHROW(detail::require_known_keys(flat, "sde.", {}, "an SDE"));
  CHECK_THROWS_WITH(
      detail::require_known_keys({{"sde.beta_mx", "1"}}, "sde.", {{"sde.beta_max", ""}}, "an SDE"),
      Contains("sde.beta_mx is '1'; an SDE has no such setting") && Contains("sde.beta_max"));
}
