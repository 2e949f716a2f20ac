// SPDX-License-Identifier: MIT
/// Converts CUDA's error codes to scoresde::Error.
#pragma once

#include <cuda_runtime_api.h>

#include <scoresde/error.hpp>

namespace scoresde::cuda {

/// Name and description of an error, for example "cudaErrorNoDevice: no CUDA-capable device is
/// detected".
inline std::string error_text(cudaError_t error) {
  return scoresde::text(cudaGetErrorName(error), ": ", cudaGetErrorString(error));
}

/// Throws Error unless `error` is cudaSuccess, with a description of the failed operation. Clears
/// CUDA's last error if it is recoverable.
template <class... Parts>
void check(cudaError_t error, const Parts&... tried) {
  if (error == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());
  throw Error(scoresde::text("CUDA: ", tried..., " failed: ", error_text(error)));
}

}  // namespace scoresde::cuda
