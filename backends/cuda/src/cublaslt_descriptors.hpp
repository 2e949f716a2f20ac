// SPDX-License-Identifier: MIT
/// A product as cuBLASLt takes it: column-major, and so with the factors in reverse.
///
/// A row-major matrix is the transpose of the column-major one in the same memory, so that the
/// memory of C = op(A) op(B) holds Cᵀ = op(B)ᵀ op(A)ᵀ: cuBLASLt's first factor is our B.
#pragma once

#include <memory>
#include <string>

#include <scoresde/cuda/cublaslt_product.hpp>

#include "cublaslt_library.hpp"

namespace scoresde::cuda {

template <auto CublasLtLibrary::*destroy>
struct DestroyCublasLt {
  void operator()(auto* descriptor) const { (cublaslt().*destroy)(descriptor); }
};
using ProductOperation = std::unique_ptr<cublasLtMatmulDescOpaque_t,
                                         DestroyCublasLt<&CublasLtLibrary::destroy_operation>>;
using ProductLayout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t,
                                      DestroyCublasLt<&CublasLtLibrary::destroy_layout>>;

/// Throws Error, by the names of MatrixProduct, for empty matrices and rows that overlap.
void check_product(const MatrixProduct& product);

/// "product of 3×4 and 4×5, with a bias".
[[nodiscard]] std::string words(const MatrixProduct& product);
/// Throws Error for a bias that is given or missing against the product.
void check_operands(const MatrixProduct& product, const ProductOperands& operands);

/// The product's descriptors; `a` and `b` are the layouts of our A and B.
struct ProductDescriptors {
  ProductDescriptors(const MatrixProduct& product, Precision precision);

  void set_bias(const void* bias);

  ProductOperation operation;
  ProductLayout a, b, c;
};

}  // namespace scoresde::cuda
