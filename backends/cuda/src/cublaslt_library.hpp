// SPDX-License-Identifier: MIT
/// The entry points of cuBLASLt that we call, and what its failures become.
#pragma once

#include <memory>

#include <cublasLt.h>

#include <scoresde/error.hpp>

namespace scoresde::cuda {

/// cuBLASLt, opened at the first use: libcublasLt of the toolkit that this was built with, or the
/// file that SCORESDE_CUBLASLT_LIBRARY names.
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

/// Throws Error when the library is missing (again at every call, until it is there).
[[nodiscard]] const CublasLtLibrary& cublaslt();

/// Throws Error with the parts, which say what was tried, and cuBLASLt's words, unless it
/// succeeded.
template <class... Parts>
void check_cublaslt(cublasStatus_t status, const Parts&... parts) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw Error(scoresde::detail::text("cuBLASLt: ", parts...,
                                       " failed: ", cublaslt().get_status_string(status)));
}

}  // namespace scoresde::cuda
