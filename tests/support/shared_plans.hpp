// SPDX-License-Identifier: MIT
/// Plans shared by all networks of a test program: building one can take cuDNN a second.
#pragma once

#include <scoresde/cuda/cudnn_convolution.hpp>

#include "support/temporary_folder.hpp"

namespace scoresde::test {

/// A directory of stored plans for the lifetime of the process.
inline cuda::PlanOptions shared_plans() {
  static const TemporaryFolder folder;
  return {.cache = folder.path()};
}

}  // namespace scoresde::test
