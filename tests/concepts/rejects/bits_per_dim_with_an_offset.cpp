// SPDX-License-Identifier: MIT
/// The offset, 7 or 8 bits, follows from the types of dequantization and scaling.
// expect: bits_per_dim: the second argument must name the data's dequantization and scaling
#include <vector>

#include <scoresde/scoresde.hpp>

int main() {
  const std::vector<double> log_p{-1000};
  scoresde::bits_per_dim(log_p, 7, 3072);
}
