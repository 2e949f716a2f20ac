// SPDX-License-Identifier: MIT
#include <vector>

#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/settings.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Contains;

TEST_CASE("settings are read back exactly, and invalid texts are rejected by key") {
  const double third = 1.0 / 3;
  const Metadata flat{{"number", number_text(third)},
                      {"list", list_text(std::vector<double>{third, 2e-300})},
                      {"yes", truth_text(true)},
                      {"word", "banana"},
                      {"empty", ""},
                      {"gap", "1,,2"}};
  CHECK(number_setting<double>(flat, "number") == third);
  CHECK(list_setting(flat, "list") == std::vector<double>{third, 2e-300});
  CHECK(truth_setting(flat, "yes"));
  CHECK_THROWS_WITH(number_setting<double>(flat, "word"), Contains("word is 'banana'"));
  CHECK_THROWS_WITH(truth_setting(flat, "word"), Contains("true or false"));
  CHECK_THROWS_WITH(list_setting(flat, "gap"), Contains("gap is ''"));
  CHECK_THROWS_WITH(list_setting(flat, "empty"), Contains("empty is ''"));
  CHECK_THROWS_WITH(setting(flat, "none"), Contains("there is no none"));
  CHECK_NOTHROW(require_known_keys(flat, "sde.", {}, "an SDE"));
  CHECK_THROWS_WITH(
      require_known_keys({{"sde.beta_mx", "1"}}, "sde.", {{"sde.beta_max", ""}}, "an SDE"),
      Contains("sde.beta_mx is '1'; an SDE has no such setting") && Contains("sde.beta_max"));
}
