// SPDX-License-Identifier: MIT
/// The bound has no default time at which it begins.
// expect: LikelihoodBound: an argument is missing or not in its place; it takes (sde, eps,
// options)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::LikelihoodBound bound{sde};
}
