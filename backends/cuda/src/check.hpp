// SPDX-License-Identifier: MIT
/// CUDA's error codes as scoresde::Error.
#pragma once

#include <cuda_runtime_api.h>

#include <scoresde/error.hpp>

namespace scoresde::cuda {

/// CUDA's name and sentence of an error, such as "cudaErrorNoDevice: no CUDA-capable device is
/// detected".
inline std::string error_text(cudaError_t error) {
  return scoresde::detail::text(cudaGetErrorName(error), ": ", cudaGetErrorString(error));
}

/// Throws Error unless `error` is cudaSuccess. Says what was tried; clears CUDA's memory of an
/// error that it can recover from.
template <class... Parts>
void check(cudaError_t error, const Parts&... tried) {
  if (error == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());
  throw Error(scoresde::detail::text("CUDA: ", tried..., " failed: ", error_text(error)));
}

}  // namespace scoresde::cuda
