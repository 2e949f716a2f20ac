// SPDX-License-Identifier: MIT
/// Plans that all networks of a test program share: cuDNN takes a second to make some of them.
#pragma once

#include <scoresde/cuda/cudnn_convolution.hpp>

#include "io/temporary_folder.hpp"

namespace scoresde::test {

/// A folder of stored plans that goes with the process.
inline cuda::PlanOptions shared_plans() {
  static const TemporaryFolder folder;
  return {.cache = folder.path()};
}

}  // namespace scoresde::test
