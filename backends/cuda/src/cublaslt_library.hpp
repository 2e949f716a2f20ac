// SPDX-License-Identifier: MIT
/// The cuBLASLt functions that are used, and the conversion of its errors.
#pragma once

#include <memory>

#include <cublasLt.h>

#include <scoresde/error.hpp>

namespace scoresde::cuda {

/// cuBLASLt, loaded at first use: libcublasLt of the toolkit of the build, or the file in the
/// environment variable SCORESDE_CUBLASLT_LIBRARY.
struct CublasLtLibrary {
  decltype(&::cublasLtGetStatusString) get_status_string = nullptr;
  decltype(&::cublasLtCreate) create = nullptr;
  decltype(&::cublasLtDestroy) destroy = nullptr;
  decltype(&::cublasLtMatmulDescCreate) create_operation = nullptr;
  decltype(&::cublasLtMatmulDescDestroy) destroy_operation = nullptr;
  decltype(&::cublasLtMatmulDescSetAttribute) set_operation = nullptr;
  decltype(&::cublasLtMatmulDescGetAttribute) get_operation = nullptr;
  decltype(&::cublasLtMatrixLayoutCreate) create_layout = nullptr;
  decltype(&::cublasLtMatrixLayoutDestroy) destroy_layout = nullptr;
  decltype(&::cublasLtMatrixLayoutSetAttribute) set_layout = nullptr;
  decltype(&::cublasLtMatrixLayoutGetAttribute) get_layout = nullptr;
  decltype(&::cublasLtMatmulPreferenceCreate) create_preference = nullptr;
  decltype(&::cublasLtMatmulPreferenceDestroy) destroy_preference = nullptr;
  decltype(&::cublasLtMatmulPreferenceSetAttribute) set_preference = nullptr;
  decltype(&::cublasLtMatmulAlgoGetHeuristic) get_heuristic = nullptr;
  decltype(&::cublasLtMatmul) multiply = nullptr;
};

/// Throws Error if the library is missing; later calls retry.
[[nodiscard]] const CublasLtLibrary& cublaslt();

/// Throws Error unless `status` is success, with `parts`, which describe the operation, and
/// cuBLASLt's message.
template <class... Parts>
void check_cublaslt(cublasStatus_t status, const Parts&... parts) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw Error(
        scoresde::text("cuBLASLt: ", parts..., " failed: ", cublaslt().get_status_string(status)));
}

}  // namespace scoresde::cuda
