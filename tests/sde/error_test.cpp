// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include <scoresde/error.hpp>

#include "support/catch.hpp"

using namespace scoresde;

TEST_CASE("a message has numbers in their shortest exact form, and NaN without its sign") {
  CHECK(text("x is ", 0.1, " and ", 1.0F / 3, " of ", 7, ", ", true) ==
        "x is 0.1 and 0.33333334 of 7, 1");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(text(nan, ' ', -nan, ' ', std::copysign(nan, -1.0)) == "nan nan nan");
  CHECK(text(-std::numeric_limits<float>::infinity()) == "-inf");
}

TEST_CASE("require throws Error with the message only where the condition is false") {
  require(true, "not thrown");
  CHECK_THROWS_WITH(require(false, "a is ", 2, "; it must be 1"), "a is 2; it must be 1");
}
