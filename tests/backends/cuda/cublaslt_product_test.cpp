// SPDX-License-Identifier: MIT
/// The descriptors passed to cuBLASLt, read back and evaluated on the CPU; without a device
/// cuBLASLt itself selects no algorithm.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/cublaslt_product.hpp>
#include <scoresde/error.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "cublaslt_descriptors.hpp"
#include "defined_product.hpp"
#include "support/catch.hpp"

using namespace scoresde::cuda;
using Catch::Matchers::Contains;
using namespace scoresde::test;

namespace {

template <class T>
T attribute(const ProductLayout& layout, cublasLtMatrixLayoutAttribute_t name) {
  T value{};
  check_cublaslt(cublaslt().get_layout(layout.get(), name, &value, sizeof(value), nullptr), "test");
  return value;
}

/// A matrix in cuBLASLt's convention: column-major, element (i, j) at i + j·ld.
struct ColumnMajor {
  explicit ColumnMajor(const ProductLayout& layout)
      : rows(attribute<std::uint64_t>(layout, CUBLASLT_MATRIX_LAYOUT_ROWS)),
        columns(attribute<std::uint64_t>(layout, CUBLASLT_MATRIX_LAYOUT_COLS)),
        ld(attribute<std::int64_t>(layout, CUBLASLT_MATRIX_LAYOUT_LD)),
        stride(attribute<std::int64_t>(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET)),
        batch(attribute<std::int32_t>(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT)),
        type(attribute<std::uint32_t>(layout, CUBLASLT_MATRIX_LAYOUT_TYPE)) {}

  [[nodiscard]] std::size_t at(std::int32_t which, std::uint64_t i, std::uint64_t j) const {
    REQUIRE(i < rows);
    REQUIRE(j < columns);
    return static_cast<std::size_t>(which * stride) + i + j * static_cast<std::size_t>(ld);
  }

  std::uint64_t rows, columns;
  std::int64_t ld, stride;
  std::int32_t batch;
  std::uint32_t type;
};

/// D = α op(A) op(B) + β C + bias as in cublasLtMatmul's documentation, for these descriptors.
void multiply(const ProductDescriptors& d, const std::vector<double>& first,
              const std::vector<double>& second, const double* bias, double alpha, double beta,
              std::vector<double>& out) {
  const auto operation = [&](cublasLtMatmulDescAttributes_t name) {
    std::uint32_t value = 0;
    check_cublaslt(
        cublaslt().get_operation(d.operation.get(), name, &value, sizeof(value), nullptr), "test");
    return value;
  };
  const bool transpose_a = operation(CUBLASLT_MATMUL_DESC_TRANSA) == CUBLAS_OP_T;
  const bool transpose_b = operation(CUBLASLT_MATMUL_DESC_TRANSB) == CUBLAS_OP_T;
  CHECK((operation(CUBLASLT_MATMUL_DESC_EPILOGUE) == CUBLASLT_EPILOGUE_BIAS) == (bias != nullptr));
  const ColumnMajor a(d.b), b(d.a), c(d.c);  // cuBLASLt's operand order
  const std::uint64_t inner = transpose_a ? a.rows : a.columns;
  REQUIRE((transpose_a ? a.columns : a.rows) == c.rows);
  REQUIRE((transpose_b ? b.rows : b.columns) == c.columns);
  REQUIRE((transpose_b ? b.columns : b.rows) == inner);
  for (std::int32_t which = 0; which < c.batch; ++which)
    for (std::uint64_t j = 0; j < c.columns; ++j)
      for (std::uint64_t i = 0; i < c.rows; ++i) {
        double sum = 0;
        for (std::uint64_t l = 0; l < inner; ++l)
          sum += first[transpose_a ? a.at(which, l, i) : a.at(which, i, l)] *
                 second[transpose_b ? b.at(which, j, l) : b.at(which, l, j)];
        double& result = out[c.at(which, i, j)];
        result = alpha * sum + beta * result + (bias != nullptr ? bias[i] : 0);
      }
}

const std::vector<MatrixProduct> products = {
    dense_product(3, 5, 4, true),
    dense_product(128, 16, 8, false),
    dense_data_product(3, 5, 4),
    dense_weight_product(3, 5, 4),
    attention_scores(2, 6, 5),
    attention_scores(3, 4, 8, 24),
    attention_values(2, 6, 5),
    attention_values(3, 4, 8, 24),
    attention_transposed(2, 6, 5),
    attention_transposed(3, 4, 8, 24),
    {.m = 3,
     .n = 4,
     .k = 5,
     .transpose_a = true,
     .transpose_b = true,
     .batch = 2,
     .row_a = 7,
     .row_b = 9,
     .row_c = 11,
     .bias = true},
};

}  // namespace

TEST_CASE("descriptors express row-major products in cuBLASLt's column-major convention",
          "[emulated]") {
  for (const MatrixProduct& p : products) {
    CAPTURE(p.m, p.n, p.k, p.transpose_a, p.transpose_b, p.batch);
    const auto a = random_values<double>(size_of_a(p), 1),
               b = random_values<double>(size_of_b(p), 2),
               before = random_values<double>(size_of_c(p), 3),
               bias = random_values<double>(p.n, 4);
    const double* added = p.bias ? bias.data() : nullptr;
    auto wanted = before, found = before;
    define(p, a, b, added, 0.5, 2, wanted);
    multiply(ProductDescriptors(p, Precision::bf16), b, a, added, 0.5, 2, found);
    CHECK(found == wanted);
  }
}

TEST_CASE("named products compute dense layers and attention", "[emulated]") {
  // y = x Wᵀ + b and its gradients; S = q kᵀ, y = P v, dv = Pᵀ dy: shapes from the definitions.
  const std::vector<double> x{1, 2, 3, 4, 5, 6}, w{1, 0, 2, 0, 1, 1, 3, 1, 0, 1, 1, 1},
      b{1, 2, 3, 4};
  std::vector<double> y(8);
  define(dense_product(2, 3, 4, true), x, w, b.data(), 1, 0, y);
  CHECK(y == std::vector<double>{8, 7, 8, 10, 17, 13, 20, 19});
  std::vector<double> dx(6), dw(12, 1);
  define(dense_data_product(2, 3, 4), y, w, nullptr, 1, 0, dx);
  CHECK(dx[0] == 8 + 24 + 10);
  define(dense_weight_product(2, 3, 4), y, x, nullptr, 1, 1, dw);
  CHECK(dw[0] == 1 + 8 * 1 + 17 * 4);
  CHECK(dw[11] == 1 + 10 * 3 + 19 * 6);
  std::vector<double> scores(4);
  define(attention_scores(1, 2, 3), x, x, nullptr, 1, 0, scores);
  CHECK(scores == std::vector<double>{14, 32, 32, 77});
  std::vector<double> values(6);
  define(attention_values(1, 2, 3), scores, x, nullptr, 1, 0, values);
  CHECK(values[0] == 14 * 1 + 32 * 4);
  define(attention_transposed(1, 2, 3), scores, x, nullptr, 1, 0, values);
  CHECK(values[5] == 32 * 3 + 77 * 6);
}

TEST_CASE("descriptors have the types of the precision", "[emulated]") {
  const auto type = [](const ProductLayout& layout) {
    return attribute<std::uint32_t>(layout, CUBLASLT_MATRIX_LAYOUT_TYPE);
  };
  const auto compute = [](const ProductDescriptors& d) {
    std::int32_t value = 0;
    check_cublaslt(cublaslt().get_operation(d.operation.get(), CUBLASLT_MATMUL_DESC_COMPUTE_TYPE,
                                            &value, sizeof(value), nullptr),
                   "test");
    return value;
  };
  const ProductDescriptors bf16(dense_product(3, 5, 4, true), Precision::bf16);
  CHECK(type(bf16.a) == CUDA_R_16BF);
  CHECK(type(bf16.c) == CUDA_R_16BF);
  CHECK(compute(bf16) == CUBLAS_COMPUTE_32F);
  const ProductDescriptors gradient(dense_weight_product(3, 5, 4), Precision::bf16);
  CHECK(type(gradient.b) == CUDA_R_16BF);
  CHECK(type(gradient.c) == CUDA_R_32F);
  const ProductDescriptors tf32(dense_product(3, 5, 4, true), Precision::tf32);
  CHECK(type(tf32.a) == CUDA_R_32F);
  CHECK(compute(tf32) == CUBLAS_COMPUTE_32F_FAST_TF32);
  CHECK(compute(ProductDescriptors(products[0], Precision::fp32)) == CUBLAS_COMPUTE_32F);
}

TEST_CASE("invalid products are rejected", "[emulated]") {
  CHECK_THROWS_WITH(check_product({.m = 3, .n = 0, .k = 5}),
                    Contains("1 products of 3×5 by 5×0; all extents must be positive"));
  CHECK_THROWS_WITH(check_product({.m = 3, .n = 4, .k = 5, .row_b = 3}),
                    Contains("the rows of B have 4 elements and stride 3"));
  CHECK_THROWS_WITH(check_product({.m = 3, .n = 4, .k = 5, .transpose_a = true, .row_a = 2}),
                    Contains("the rows of A have 3 elements and stride 2"));
  CHECK_THROWS_WITH(check_operands(dense_product(8, 5, 4, true), {}),
                    Contains("the bias is null for the product of 8×5 and (4×5)ᵀ, with a bias; "
                             "it must be set"));
  CHECK_THROWS_WITH(check_operands(attention_scores(2, 4, 5), {.bias = &products}),
                    Contains("the bias is set for the product of 4×5 and (4×5)ᵀ, 2 times; it must "
                             "be null"));
}

TEST_CASE("a missing cuBLASLt throws an error with its name", "[emulated]") {
  constexpr const char* variable = "SCORESDE_CUBLASLT_LIBRARY";
  if (std::getenv(variable) == nullptr) {
    // A loaded library stays loaded, so a child process runs this case.
    const auto self = std::filesystem::read_symlink("/proc/self/exe").string();
    const std::string command = "SCORESDE_CUBLASLT_LIBRARY=/no/such/libcublasLt.so '" + self +
                                "' 'a missing cuBLASLt*' >&2";
    CHECK(std::system(command.c_str()) == 0);
    return;
  }
  CHECK_THROWS_WITH(cublaslt(),
                    Contains("cuBLASLt, which computes matrix products, cannot be loaded") &&
                        Contains("/no/such/libcublasLt.so") && Contains(variable));
  ::unsetenv(variable);
  CHECK(cublaslt().create != nullptr);
}
