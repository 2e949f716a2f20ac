// SPDX-License-Identifier: MIT
/// The dozen entry points of cuDNN that we call, and what its failures become.
///
/// NVIDIA cuDNN backend API, cudnn_graph.h of release 9.
#pragma once

#include <cstddef>

#include <cudnn.h>

#include <scoresde/error.hpp>

namespace scoresde::cuda {

/// cuDNN, opened at the first use: libcudnn.so.9, or the file that SCORESDE_CUDNN_LIBRARY names.
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
  std::size_t version = 0;  ///< 91900 is 9.19.0
};

/// Throws Error when the library is missing (again at every call, until it is there) or no
/// release 9.
[[nodiscard]] const CudnnLibrary& cudnn();

/// The name of the status and cuDNN's last error string.
[[nodiscard]] std::string cudnn_reason(cudnnStatus_t status);

/// Throws Error with the parts, which say what was tried, and cuDNN's reason, unless it succeeded.
template <class... Parts>
void check_cudnn(cudnnStatus_t status, const Parts&... parts) {
  if (status != CUDNN_STATUS_SUCCESS)
    throw Error(scoresde::detail::text("cuDNN: ", parts..., " failed: ", cudnn_reason(status)));
}

}  // namespace scoresde::cuda
