// SPDX-License-Identifier: MIT
/// Expresses row-major products in cuBLASLt's column-major convention.
#include "cublaslt_descriptors.hpp"

#include <cstdint>

namespace scoresde::cuda {
namespace {

using scoresde::require;
using scoresde::text;

/// A row-major matrix in memory.
struct Memory {
  std::size_t rows, columns, row;  // row: row stride in elements
};

[[nodiscard]] Memory memory(std::size_t rows, std::size_t columns, bool transposed,
                            std::size_t row) {
  if (transposed) std::swap(rows, columns);
  return {rows, columns, row == 0 ? columns : row};
}
[[nodiscard]] Memory memory_a(const MatrixProduct& p) {
  return memory(p.m, p.k, p.transpose_a, p.row_a);
}
[[nodiscard]] Memory memory_b(const MatrixProduct& p) {
  return memory(p.k, p.n, p.transpose_b, p.row_b);
}
[[nodiscard]] Memory memory_c(const MatrixProduct& p) { return memory(p.m, p.n, false, p.row_c); }

[[nodiscard]] ProductLayout layout(const Memory& memory, cudaDataType_t type, std::size_t batch) {
  const auto stride = static_cast<std::int64_t>(memory.rows * memory.row);
  const auto count = static_cast<std::int32_t>(batch);
  cublasLtMatrixLayout_t made = nullptr;
  check_cublaslt(cublaslt().create_layout(&made, type, memory.columns, memory.rows,
                                          static_cast<std::int64_t>(memory.row)),
                 "describing a matrix");
  ProductLayout layout(made);
  const auto set = [&](cublasLtMatrixLayoutAttribute_t name, const auto& value) {
    check_cublaslt(cublaslt().set_layout(made, name, &value, sizeof(value)),
                   "describing a batch of matrices");
  };
  set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, count);
  set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, stride);
  return layout;
}

}  // namespace

void check_product(const MatrixProduct& p) {
  require(p.m > 0 && p.n > 0 && p.k > 0 && p.batch > 0, "matrix product: ", p.batch,
          " products of ", p.m, "×", p.k, " by ", p.k, "×", p.n, "; all extents must be positive");
  const auto check_row = [](const char* name, const Memory& matrix) {
    require(matrix.row >= matrix.columns, "matrix product: the rows of ", name, " have ",
            matrix.columns, " elements and stride ", matrix.row,
            "; the stride must be at least the length");
  };
  check_row("A", memory_a(p));
  check_row("B", memory_b(p));
  check_row("C", memory_c(p));
}

std::string words(const MatrixProduct& p) {
  const auto factor = [](std::size_t rows, std::size_t columns, bool transposed) {
    return transposed ? text("(", columns, "×", rows, ")ᵀ") : text(rows, "×", columns);
  };
  return text("product of ", factor(p.m, p.k, p.transpose_a), " and ",
              factor(p.k, p.n, p.transpose_b), p.batch > 1 ? text(", ", p.batch, " times") : "",
              p.bias ? ", with a bias" : "");
}

void check_operands(const MatrixProduct& product, const ProductOperands& operands) {
  require(product.bias == (operands.bias != nullptr), "matrix product: the bias is ",
          operands.bias != nullptr ? "set" : "null", " for the ", words(product),
          product.bias ? "; it must be set" : "; it must be null");
}

ProductDescriptors::ProductDescriptors(const MatrixProduct& product, Precision precision) {
  check_product(product);
  const cudaDataType_t type = precision == Precision::bf16 ? CUDA_R_16BF : CUDA_R_32F;
  const cublasComputeType_t compute =
      precision == Precision::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  cublasLtMatmulDesc_t made = nullptr;
  check_cublaslt(cublaslt().create_operation(&made, compute, CUDA_R_32F), "describing a product");
  operation.reset(made);
  const auto set = [&](cublasLtMatmulDescAttributes_t name, const auto& value) {
    check_cublaslt(cublaslt().set_operation(made, name, &value, sizeof(value)),
                   "describing a product");
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, product.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(CUBLASLT_MATMUL_DESC_TRANSB, product.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  if (product.bias) set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
  a = layout(memory_a(product), type, product.batch);
  b = layout(memory_b(product), type, product.batch);
  c = layout(memory_c(product), product.float32_c ? CUDA_R_32F : type, product.batch);
}

void ProductDescriptors::set_bias(const void* bias) {
  check_cublaslt(cublaslt().set_operation(operation.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias,
                                          sizeof(bias)),
                 "setting a bias");
}

}  // namespace scoresde::cuda
