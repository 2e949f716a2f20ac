// SPDX-License-Identifier: MIT
#include "cli/class_options.hpp"

namespace programs {

void add_classes(CommandLine& line, scoresde::ClassChoice& c) {
  line.add_option("--class", c.name,
                  "Class of the samples, for class-conditional networks: a name or index; all, one "
                  "class per row of the grid (default); none, if trained with label dropout");
  line.add_option(
          "--guidance", c.guidance,
          "Weight w of classifier-free guidance: (1 + w) times the score of the class minus w "
          "times the score without a class; doubles the evaluations. Elsewhere the scale is w + 1")
      .shows_default()
      .check(number_from_zero());
  line.add_option("--guidance-interval", c.interval,
                  "Guide only for noise levels sigma from the first number to the second "
                  "(default: everywhere)")
      .values(2)
      .check(number_from_zero());
}

}  // namespace programs
