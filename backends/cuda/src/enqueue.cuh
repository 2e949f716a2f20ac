// SPDX-License-Identifier: MIT
/// Puts a kernel into the stream of a context, or throws.
///
/// Where nvcc does not compile, g++ does, for the tests: they bring an enqueue that runs the kernel
/// on the CPU. So a .cu file names nothing of CUDA's own; what must is a .cpp file.
#pragma once

#include <scoresde/cuda/context.hpp>

#if defined(__CUDACC__)

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

#else
#include "support/emulated_device.hpp"
#endif
