// SPDX-License-Identifier: MIT
/// Inner products of two sets of vectors in double precision, as a blocked matrix product.
///
///   out_ij += Σ_k a_i[k]·b_j[k]
///
/// Every element is the same chain of operations for any position, block and number of threads, so
/// the inner product of two vectors has the same bits wherever it is computed, and a·b those of
/// b·a. Blocking after Goto and van de Geijn 2008 (ACM TOMS 34, 12): panels of both operands are
/// packed for a kernel whose sums stay in registers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace scoresde::detail {

/// `count` vectors of `length` elements; element k of vector i is at data[i·vector_stride +
/// k·element_stride], multiplied by `scale`.
template <class T>
struct VectorSet {
  const T* data = nullptr;
  std::size_t count = 0, length = 0, vector_stride = 0, element_stride = 1;
  double scale = 1;
};

/// The rows of a row-major matrix.
template <class T>
[[nodiscard]] VectorSet<T> rows_of(const T* data, std::size_t rows, std::size_t columns) {
  return {data, rows, columns, columns, 1};
}
/// Its columns.
template <class T>
[[nodiscard]] VectorSet<T> columns_of(const T* data, std::size_t rows, std::size_t columns) {
  return {data, columns, rows, 1, columns};
}

/// All products, or those with i ≥ j of a set with itself.
enum class Products : std::uint8_t { all, lower };

#if defined(__GNUC__)
#if defined(__AVX512F__)
inline constexpr std::size_t vector_lanes = 8;
#else
inline constexpr std::size_t vector_lanes = 4;
#endif
using VecF64 [[gnu::vector_size(8 * vector_lanes)]] = double;
#else
inline constexpr std::size_t vector_lanes = 1;
using VecF64 = double;
#endif

/// Tiles of the product: the kernel computes tile_rows × tile_columns sums of at most tile_depth
/// terms; a block of both operands fits the second-level cache.
inline constexpr std::size_t tile_rows = 6, tile_columns = 2 * vector_lanes, tile_depth = 256,
                             block_extent = 144;

/// packed[k·width + i] = element k of vector first + i, for the terms [begin, end); zeros for
/// vectors past the last.
template <std::size_t width, class T>
void pack_vectors(const VectorSet<T>& set, std::size_t first, std::size_t begin, std::size_t end,
                  double* packed) {
  const std::size_t present = std::min(width, set.count - first);
  for (std::size_t k = begin; k < end; ++k, packed += width) {
    const T* const from = set.data + first * set.vector_stride + k * set.element_stride;
    for (std::size_t i = 0; i < present; ++i)
      packed[i] = static_cast<double>(from[i * set.vector_stride]) * set.scale;
    std::fill(packed + present, packed + width, 0.0);
  }
}

/// Adds one tile of products to `out`, of which rows × columns exist.
inline void multiply_tile(const double* a, const double* b, std::size_t depth, double* out,
                          std::size_t stride, std::size_t rows, std::size_t columns) {
#if defined(__GNUC__)
  for (std::size_t i = 0; i < rows; ++i) __builtin_prefetch(out + i * stride, 1);
#endif
  VecF64 sum[tile_rows][2] = {};
  for (std::size_t k = 0; k < depth; ++k, a += tile_rows, b += tile_columns) {
    const VecF64 left = *reinterpret_cast<const VecF64*>(b);
    const VecF64 right = *reinterpret_cast<const VecF64*>(b + vector_lanes);
#if defined(__GNUC__)
#pragma GCC unroll 6
#endif
    for (std::size_t i = 0; i < tile_rows; ++i) {
      sum[i][0] += a[i] * left;
      sum[i][1] += a[i] * right;
    }
  }
  for (std::size_t i = 0; i < rows; ++i) {
    const auto* const from = reinterpret_cast<const double*>(&sum[i]);
    for (std::size_t j = 0; j < columns; ++j) out[i * stride + j] += from[j];
  }
}

struct alignas(64) PackedBlocks {
  double a[block_extent * tile_depth], b[block_extent * tile_depth];
};

/// Adds the products of one block of vectors of a and one of b.
template <class A, class B>
void multiply_block(const VectorSet<A>& a, const VectorSet<B>& b, std::size_t first_a,
                    std::size_t first_b, double* out, std::size_t stride, PackedBlocks& packed) {
  const std::size_t end_a = std::min(first_a + block_extent, a.count);
  const std::size_t end_b = std::min(first_b + block_extent, b.count);
  for (std::size_t begin = 0; begin < a.length; begin += tile_depth) {
    const std::size_t end = std::min(begin + tile_depth, a.length), depth = end - begin;
    for (std::size_t i = first_a; i < end_a; i += tile_rows)
      pack_vectors<tile_rows>(a, i, begin, end, packed.a + (i - first_a) * depth);
    for (std::size_t j = first_b; j < end_b; j += tile_columns)
      pack_vectors<tile_columns>(b, j, begin, end, packed.b + (j - first_b) * depth);
    for (std::size_t j = first_b; j < end_b; j += tile_columns)
      for (std::size_t i = first_a; i < end_a; i += tile_rows)
        multiply_tile(packed.a + (i - first_a) * depth, packed.b + (j - first_b) * depth, depth,
                      out + i * stride + j, stride, std::min(tile_rows, end_a - i),
                      std::min(tile_columns, end_b - j));
  }
}

/// out[i·stride + j] += a_i·b_j. With Products::lower, elements above the diagonal are left
/// undefined.
template <class A, class B>
void add_inner_products(const VectorSet<A>& a, const VectorSet<B>& b, double* out,
                        std::size_t stride, Products products = Products::all) {
  const std::size_t rows = (a.count + block_extent - 1) / block_extent;
  const std::size_t columns = (b.count + block_extent - 1) / block_extent;
  const auto blocks = static_cast<std::int64_t>(rows * columns);
#ifdef _OPENMP
#pragma omp parallel
#endif
  {
    const auto packed = std::make_unique_for_overwrite<PackedBlocks>();
#ifdef _OPENMP
#pragma omp for schedule(dynamic)
#endif
    for (std::int64_t block = 0; block < blocks; ++block) {
      const std::size_t i = static_cast<std::size_t>(block) / columns * block_extent;
      const std::size_t j = static_cast<std::size_t>(block) % columns * block_extent;
      if (products == Products::all || i >= j) multiply_block(a, b, i, j, out, stride, *packed);
    }
  }
}

/// a_i·a_i, with the bits that add_inner_products gives them.
template <class T>
[[nodiscard]] std::vector<double> squared_norms(const VectorSet<T>& set) {
  constexpr std::size_t step = std::min(tile_rows, tile_columns);
  alignas(64) double a[tile_rows * tile_depth], b[tile_columns * tile_depth];
  std::vector<double> norms(set.count);
  for (std::size_t first = 0; first < set.count; first += step) {
    double products[tile_rows * tile_columns] = {};
    for (std::size_t begin = 0; begin < set.length; begin += tile_depth) {
      const std::size_t end = std::min(begin + tile_depth, set.length);
      pack_vectors<tile_rows>(set, first, begin, end, a);
      pack_vectors<tile_columns>(set, first, begin, end, b);
      multiply_tile(a, b, end - begin, products, tile_columns, tile_rows, tile_columns);
    }
    for (std::size_t i = 0; i < step && first + i < set.count; ++i)
      norms[first + i] = products[i * tile_columns + i];
  }
  return norms;
}

}  // namespace scoresde::detail
