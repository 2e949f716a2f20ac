// SPDX-License-Identifier: MIT
/// Matrix products on the GPU by cuBLASLt: dense layers and attention, forward and backward.
///
///   C ← α·op(A) op(B) + β·C + bias      op(A) of m×k, op(B) of k×n, bias[n] added to every row
///
/// Matrices are row-major; op transposes where the product says so, and then the memory holds k×m
/// or n×k. Rows may lie further apart than they are long, which takes q, k and v out of one matrix.
/// Sums are float32's.
#pragma once

#include <compare>
#include <cstddef>
#include <memory>
#include <span>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/precision.hpp>

namespace scoresde::cuda {

/// `batch` products that lie one after another. Row lengths of 0 say that rows lie close together.
struct MatrixProduct {
  std::size_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  std::size_t batch = 1;
  std::size_t row_a = 0, row_b = 0, row_c = 0;  ///< elements from a row to the next, in memory
  bool float32_c = false;  ///< C is float32 whatever the precision, as gradients of weights are
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

/// S ← q kᵀ of every sample: q and k (pixels, channels) with rows `row` apart, S (pixels, pixels);
/// α = 1/√channels. The same with dy and v gives dP = dy vᵀ.
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
/// y ← P v. The same with dS and k gives dq = dS k.
[[nodiscard]] constexpr MatrixProduct attention_values(std::size_t batch, std::size_t pixels,
                                                       std::size_t channels, std::size_t row = 0) {
  return {.m = pixels, .n = channels, .k = pixels, .batch = batch, .row_b = row};
}
/// dv ← Pᵀ dy. The same with dS and q gives dk = dSᵀ q.
[[nodiscard]] constexpr MatrixProduct attention_transposed(std::size_t batch, std::size_t pixels,
                                                           std::size_t channels,
                                                           std::size_t row = 0) {
  return {
      .m = pixels, .n = channels, .k = pixels, .transpose_a = true, .batch = batch, .row_b = row};
}

/// Device pointers of a product; α and β are the host's.
struct ProductOperands {
  const void* a = nullptr;
  const void* b = nullptr;
  const void* bias = nullptr;  ///< in the type of C
  void* c = nullptr;
  float alpha = 1, beta = 0;
};

/// The products of one network in one precision. Runs are work of the context: asynchronous, and
/// for one thread at a time.
class MatrixProducts {
 public:
  /// Algorithms that take at most that many bytes of workspace, all of them deterministic.
  /// Throws Error when cuBLASLt is missing or cannot be opened on the device.
  MatrixProducts(const Context& context, Precision precision,
                 std::size_t workspace_limit = std::size_t{32} << 20);
  ~MatrixProducts();
  MatrixProducts(MatrixProducts&&) noexcept;
  MatrixProducts& operator=(MatrixProducts&&) noexcept;

  /// Chooses the algorithm, if that is not done, and says how many bytes of workspace it takes.
  /// Throws Error for empty or overlapping matrices, or when cuBLASLt has no algorithm.
  std::size_t plan(const MatrixProduct& product);

  /// All pointers lie at multiples of 16 bytes. Throws Error as plan() does, for a workspace that
  /// is too small, and for a bias that is given or missing against the product.
  void run(const MatrixProduct& product, const ProductOperands& operands,
           std::span<std::byte> workspace);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace scoresde::cuda
