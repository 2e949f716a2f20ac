// SPDX-License-Identifier: MIT
#include <string>
#include <vector>

#include <scoresde/nearest_name.hpp>

#include "support/catch.hpp"

using namespace scoresde;

TEST_CASE("the edit distance counts insertions, deletions, substitutions and swaps") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("beta", "") == 4);
  CHECK(edit_distance("beta_mx", "beta_max") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("sitting", "kitten") == 3);
  CHECK(edit_distance("heun", "huen") == 1);
  CHECK(edit_distance("ca", "abc") == 3);  // 2 where a swapped pair may be edited again
  CHECK(edit_distance("Euler_Maruyama", "euler-maruyama") == 0);
}

TEST_CASE("the nearest name is suggested only if its distance is small") {
  const std::vector<std::string> names{"heun", "dpm-solver++-2m", "dpm-solver++-3m", "unipc-2"};
  CHECK(nearest_name("huen", names) == "heun");
  CHECK(nearest_name("dpm_solver++_2m", names) == "dpm-solver++-2m");
  CHECK(nearest_name("dpmsolver++-3m", names) == "dpm-solver++-3m");
  CHECK(nearest_name("uni-pc-2", names) == "unipc-2");
  CHECK(nearest_name("Heun", names) == "heun");
  CHECK(nearest_name("sgima_max", {"beta_max", "sigma_max"}) == "sigma_max");
  CHECK(nearest_name("sigma_mx", {"beta_max", "sigma_max", "sigma_min"}) == "sigma_max");
  CHECK(nearest_name("x", {}).empty());
  CHECK(suggestion("DPM-solver++-2", names) == "; did you mean 'dpm-solver++-2m'?");
  CHECK(suggestion("dpm-", names).empty());  // the beginning of two
  CHECK(suggestion("uni", {"unipc-2-and-longer"}).empty());
  CHECK(suggestion("huen", names) == "; did you mean 'heun'?");
  CHECK(suggestion("magic", names).empty());
  CHECK(unknown_name("magic", {"a", "b"}, names) == "'magic' is unknown; it must be one of a, b");
  CHECK(unknown_name("huen", {"a", "b"}, names) ==
        "'huen' is unknown; did you mean 'heun'? it must be one of a, b");
}
