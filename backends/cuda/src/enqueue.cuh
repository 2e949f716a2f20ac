// SPDX-License-Identifier: MIT
/// Puts a kernel into the stream of a context, or throws.
#pragma once

#include <scoresde/cuda/context.hpp>

#include "check.hpp"
#include "launch.cuh"

namespace scoresde::cuda {

/// Throws Error that names `what` if the device refuses the launch.
template <class Kernel>
void enqueue(const Context& context, const Kernel& kernel, const char* what) {
  context.activate();
  check(launch(kernel, context.stream()), "launching ", what);
}

}  // namespace scoresde::cuda
