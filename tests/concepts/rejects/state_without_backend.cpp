// SPDX-License-Identifier: MIT
/// A std::vector does not say which of its numbers belong to which sample.
// expect: check_backend: no Backend is known for this type; specialise
#include <vector>

#include <scoresde/testing/backend_conformance.hpp>

int main() {
  const auto complaints = scoresde::testing::check_backend(std::vector<double>(4));
  return static_cast<int>(complaints.size());
}
