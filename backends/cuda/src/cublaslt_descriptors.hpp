// SPDX-License-Identifier: MIT
/// Descriptors of a product in cuBLASLt's column-major convention, with the factors exchanged.
///
/// The memory of a row-major matrix is that of its transpose in column-major order, so computing
/// C = op(A) op(B) is computing Cᵀ = op(B)ᵀ op(A)ᵀ: cuBLASLt's first factor is our B.
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

/// Throws Error, with the names of MatrixProduct, for empty matrices and overlapping rows.
void check_product(const MatrixProduct& product);

/// For example "product of 3×4 and 4×5, with a bias".
[[nodiscard]] std::string words(const MatrixProduct& product);
/// Throws Error if `operands` has a bias and `product` does not, or vice versa.
void check_operands(const MatrixProduct& product, const ProductOperands& operands);

/// The product's descriptors; `a` and `b` are the layouts of our A and B.
struct ProductDescriptors {
  ProductDescriptors(const MatrixProduct& product, Precision precision);

  void set_bias(const void* bias);

  ProductOperation operation;
  ProductLayout a, b, c;
};

}  // namespace scoresde::cuda
