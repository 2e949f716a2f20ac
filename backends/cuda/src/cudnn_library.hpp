// SPDX-License-Identifier: MIT
/// The cuDNN functions that are used, and the conversion of its errors.
///
/// NVIDIA cuDNN backend API, cudnn_graph.h of release 9.
#pragma once

#include <cstddef>

#include <cudnn.h>

#include <scoresde/error.hpp>

namespace scoresde::cuda {

/// cuDNN, loaded at first use: libcudnn.so.9, or the file in the environment variable
/// SCORESDE_CUDNN_LIBRARY.
struct CudnnLibrary {
  decltype(&::cudnnGetVersion) get_version = nullptr;
  decltype(&::cudnnGetErrorString) get_error_string = nullptr;
  decltype(&::cudnnGetLastErrorString) get_last_error_string = nullptr;
  decltype(&::cudnnCreate) create = nullptr;
  decltype(&::cudnnDestroy) destroy = nullptr;
  decltype(&::cudnnSetStream) set_stream = nullptr;
  decltype(&::cudnnBackendCreateDescriptor) create_descriptor = nullptr;
  decltype(&::cudnnBackendDestroyDescriptor) destroy_descriptor = nullptr;
  decltype(&::cudnnBackendFinalize) finalize = nullptr;
  decltype(&::cudnnBackendSetAttribute) set_attribute = nullptr;
  decltype(&::cudnnBackendGetAttribute) get_attribute = nullptr;
  decltype(&::cudnnBackendExecute) execute = nullptr;
  std::size_t version = 0;  ///< 91900 for 9.19.0
};

/// Throws Error if the library is missing or not of release 9; later calls retry.
[[nodiscard]] const CudnnLibrary& cudnn();

/// cuDNN's name of the status, and its last error string.
[[nodiscard]] std::string cudnn_reason(cudnnStatus_t status);

/// Throws Error unless `status` is success, with `parts`, which describe the operation, and cuDNN's
/// reason.
template <class... Parts>
void check_cudnn(cudnnStatus_t status, const Parts&... parts) {
  if (status != CUDNN_STATUS_SUCCESS)
    throw Error(scoresde::text("cuDNN: ", parts..., " failed: ", cudnn_reason(status)));
}

}  // namespace scoresde::cuda
