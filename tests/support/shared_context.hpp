// SPDX-License-Identifier: MIT
/// The device that all tests of a program work on.
#pragma once

#include <scoresde/cuda/context.hpp>

namespace scoresde::test {

inline const cuda::Context& context() {
  static const cuda::Context shared;
  return shared;
}

}  // namespace scoresde::test
