// SPDX-License-Identifier: MIT
/// The device used by all tests of a program.
#pragma once

#include <scoresde/cuda/context.hpp>

namespace scoresde::test {

inline const cuda::Context& context() {
  static const cuda::Context shared;
  return shared;
}

}  // namespace scoresde::test
