// SPDX-License-Identifier: MIT
/// In a column-major array the elements of one image are not contiguous.
// expect: scoresde: an xtensor state must be row-major
#include <scoresde/xtensor/xtensor_backend.hpp>

int main() {
  const xt::xarray<float, xt::layout_type::column_major> x;
  return static_cast<int>(scoresde::extents(x).dim);
}
