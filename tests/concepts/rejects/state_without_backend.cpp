// SPDX-License-Identifier: MIT
/// A std::vector does not define samples and dimension.
// expect: check_backend: this type has no Backend; specialize
#include <vector>

#include <scoresde/testing/backend_conformance.hpp>

int main() {
  const auto complaints = scoresde::testing::check_backend(std::vector<double>(4));
  return static_cast<int>(complaints.size());
}
