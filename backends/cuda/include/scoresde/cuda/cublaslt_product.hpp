// SPDX-License-Identifier: MIT
/// Matrix products on the GPU by cuBLASLt: dense layers and attention, forward and backward.
///
///   C ← α·op(A) op(B) + β·C + bias      op(A) of m×k, op(B) of k×n, bias[n] added to every row
///
/// Matrices are row-major. A transposed operand is stored as k×m or n×k. Rows may be padded, so
/// that q, k and v can be slices of one matrix. Products are accumulated in float32.
#pragma once

#include <compare>
#include <cstddef>
#include <memory>
#include <span>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/precision.hpp>

namespace scoresde::cuda {

/// A batch of `batch` contiguous products. A row stride of 0 means contiguous rows.
struct MatrixProduct {
  std::size_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  std::size_t batch = 1;
  std::size_t row_a = 0, row_b = 0, row_c = 0;  ///< row strides in elements
  bool float32_c = false;  ///< C is float32 in every precision (weight gradients)
  bool bias = false;

  constexpr auto operator<=>(const MatrixProduct&) const = default;
};

/// Y ← X Wᵀ + bias: X (n, in), W (out, in), Y (n, out).
[[nodiscard]] constexpr MatrixProduct dense_product(std::size_t n, std::size_t in, std::size_t out,
                                                    bool bias) {
  return {.m = n, .n = out, .k = in, .transpose_b = true, .bias = bias};
}
/// dX ← dY W.
[[nodiscard]] constexpr MatrixProduct dense_data_product(std::size_t n, std::size_t in,
                                                         std::size_t out) {
  return {.m = n, .n = in, .k = out};
}
/// dW ← dYᵀ X in float32; β = 1 adds it to the gradient.
[[nodiscard]] constexpr MatrixProduct dense_weight_product(std::size_t n, std::size_t in,
                                                           std::size_t out) {
  return {.m = out, .n = in, .k = n, .transpose_a = true, .float32_c = true};
}

/// S ← q kᵀ per sample: q and k (pixels, channels) with row stride `row`, S (pixels, pixels);
/// α = 1/√channels. Applied to dy and v it gives dP = dy vᵀ.
[[nodiscard]] constexpr MatrixProduct attention_scores(std::size_t batch, std::size_t pixels,
                                                       std::size_t channels, std::size_t row = 0) {
  return {.m = pixels,
          .n = pixels,
          .k = channels,
          .transpose_b = true,
          .batch = batch,
          .row_a = row,
          .row_b = row};
}
/// y ← P v. Applied to dS and k it gives dq = dS k.
[[nodiscard]] constexpr MatrixProduct attention_values(std::size_t batch, std::size_t pixels,
                                                       std::size_t channels, std::size_t row = 0) {
  return {.m = pixels, .n = channels, .k = pixels, .batch = batch, .row_b = row};
}
/// dv ← Pᵀ dy. Applied to dS and q it gives dk = dSᵀ q.
[[nodiscard]] constexpr MatrixProduct attention_transposed(std::size_t batch, std::size_t pixels,
                                                           std::size_t channels,
                                                           std::size_t row = 0) {
  return {
      .m = pixels, .n = channels, .k = pixels, .transpose_a = true, .batch = batch, .row_b = row};
}

/// Device pointers of a product; α and β are host values.
struct ProductOperands {
  const void* a = nullptr;
  const void* b = nullptr;
  const void* bias = nullptr;  ///< in the type of C
  void* c = nullptr;
  float alpha = 1, beta = 0;
};

/// The products of one network in one precision. Runs are asynchronous work of the context's
/// stream. Not thread-safe.
class MatrixProducts {
 public:
  /// Uses deterministic algorithms that need at most `workspace_limit` bytes of workspace. Throws
  /// Error if cuBLASLt is missing or cannot be initialized on the device.
  MatrixProducts(const Context& context, Precision precision,
                 std::size_t workspace_limit = std::size_t{32} << 20);
  ~MatrixProducts();
  MatrixProducts(MatrixProducts&&) noexcept;
  MatrixProducts& operator=(MatrixProducts&&) noexcept;

  /// Selects an algorithm unless one is cached and returns its workspace size in bytes. Throws
  /// Error for empty or overlapping matrices, and if cuBLASLt has no algorithm.
  std::size_t plan(const MatrixProduct& product);

  /// All pointers must be 16-byte aligned. Throws Error as plan() does, for a workspace that is too
  /// small, and if `operands` has a bias and `product` does not, or vice versa.
  void run(const MatrixProduct& product, const ProductOperands& operands,
           std::span<std::byte> workspace);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace scoresde::cuda
