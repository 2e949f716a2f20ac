// SPDX-License-Identifier: MIT
/// In a row-major array the elements of one sample do not lie together.
// expect: scoresde: a row-major Eigen array of more than one row is not a state
#include <scoresde/eigen/eigen_backend.hpp>

int main() {
  const Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> x(2, 3);
  return static_cast<int>(scoresde::extents(x).dim);
}
