// SPDX-License-Identifier: MIT
/// Enqueues a kernel in the stream of a context.
///
/// For tests g++ compiles the .cu files, with an enqueue that runs the kernel on the CPU. A .cu
/// file therefore does not use names of CUDA; code that needs them is in a .cpp file.
#pragma once

#include <scoresde/cuda/context.hpp>

#if defined(__CUDACC__)

#include "check.hpp"
#include "launch.cuh"

namespace scoresde::cuda {

/// Throws Error with `what` if the launch fails.
template <class Kernel>
void enqueue(const Context& context, const Kernel& kernel, const char* what) {
  context.activate();
  check(launch(kernel, context.stream()), "launching ", what);
}

}  // namespace scoresde::cuda

#else
#include "support/emulated_device.hpp"
#endif
