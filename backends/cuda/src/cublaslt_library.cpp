// SPDX-License-Identifier: MIT
/// Loads cuBLASLt.
#include "cublaslt_library.hpp"

#include "dynamic_library.hpp"

#define SCORESDE_TEXT_OF(number) #number
#define SCORESDE_CUBLASLT_FILE(major) "libcublasLt.so." SCORESDE_TEXT_OF(major)

namespace scoresde::cuda {
namespace {

CublasLtLibrary open_cublaslt() {
  const DynamicLibrary file("cuBLASLt, which computes matrix products,",
                            "SCORESDE_CUBLASLT_LIBRARY",
                            {SCORESDE_CUBLASLT_FILE(CUBLAS_VER_MAJOR), SCORESDE_CUBLASLT_FOUND_AT});
  CublasLtLibrary library;
  file.bind(library.get_status_string, "cublasLtGetStatusString");
  file.bind(library.create, "cublasLtCreate");
  file.bind(library.destroy, "cublasLtDestroy");
  file.bind(library.create_operation, "cublasLtMatmulDescCreate");
  file.bind(library.destroy_operation, "cublasLtMatmulDescDestroy");
  file.bind(library.set_operation, "cublasLtMatmulDescSetAttribute");
  file.bind(library.get_operation, "cublasLtMatmulDescGetAttribute");
  file.bind(library.create_layout, "cublasLtMatrixLayoutCreate");
  file.bind(library.destroy_layout, "cublasLtMatrixLayoutDestroy");
  file.bind(library.set_layout, "cublasLtMatrixLayoutSetAttribute");
  file.bind(library.get_layout, "cublasLtMatrixLayoutGetAttribute");
  file.bind(library.create_preference, "cublasLtMatmulPreferenceCreate");
  file.bind(library.destroy_preference, "cublasLtMatmulPreferenceDestroy");
  file.bind(library.set_preference, "cublasLtMatmulPreferenceSetAttribute");
  file.bind(library.get_heuristic, "cublasLtMatmulAlgoGetHeuristic");
  file.bind(library.multiply, "cublasLtMatmul");
  return library;
}

}  // namespace

const CublasLtLibrary& cublaslt() {
  static const CublasLtLibrary library = open_cublaslt();
  return library;
}

}  // namespace scoresde::cuda
