// SPDX-License-Identifier: MIT
/// Launches the kernels (kernels/) on the device.
#pragma once

#include <type_traits>

#include <cuda_runtime_api.h>

#include "kernels/block.hpp"

namespace scoresde::cuda {

/// __grid_constant__: array arguments are indexed in constant memory, without a local copy.
template <class Kernel>
__global__ void __launch_bounds__(Kernel::threads)
    run_kernel(const __grid_constant__ Kernel kernel) {
  DeviceBlock block;
  kernel(block);
}

/// Launches the kernel on its grid in the stream and returns CUDA's status. An empty grid is not
/// launched.
template <class Kernel>
[[nodiscard]] cudaError_t launch(const Kernel& kernel, cudaStream_t stream) {
  static_assert(std::is_trivially_copyable_v<Kernel>, "a kernel's members are its arguments");
  static_assert(Kernel::threads % warp_size == 0 && Kernel::threads <= 1024);
  const auto [x, y, z] = kernel.grid();
  if (x == 0 || y == 0 || z == 0) return cudaSuccess;
  const unsigned bytes = shared_bytes_of(kernel);
  if (bytes > 48 * 1024)  // the default limit of dynamic shared memory
    if (const cudaError_t error = cudaFuncSetAttribute(
            run_kernel<Kernel>, cudaFuncAttributeMaxDynamicSharedMemorySize, int(bytes));
        error != cudaSuccess)
      return error;
  run_kernel<Kernel><<<dim3(x, y, z), Kernel::threads, bytes, stream>>>(kernel);
  return cudaGetLastError();
}

}  // namespace scoresde::cuda
