// SPDX-License-Identifier: MIT
/// Matrix products of any orientation, on one thread and in the caller's scratch.
///
///   C[i, j] (+)= Σ_k A[i, k] B[k, j]
///
/// For dense layers and attention. Eigen's product would allocate packing buffers, and may start
/// threads inside a single-threaded parallel region.
#pragma once

#include <algorithm>
#include <cstddef>

#include <scoresde/eigen/detail/tile.hpp>

namespace scoresde::eigen::detail {

/// A matrix in place: element (i, j) is at data[i·row + j·column].
template <class T>
struct Matrix {
  T* data;
  std::size_t row, column;
};

/// Scratch of product(): packed A, then one panel of B, then one tile of C.
template <class T>
constexpr std::size_t product_scratch(std::size_t rows, std::size_t depth) {
  return round_up(rows, tile_rows) * depth + depth * tile_columns<T> + tile_rows * tile_columns<T> +
         cache_line_elements<T>;
}

template <std::size_t Rows = tile_rows, class T>
void pack_left(const Matrix<const T>& a, std::size_t rows, std::size_t depth, T* packed) {
  for (std::size_t block = 0; block < rows; block += Rows) {
    const std::size_t count = std::min(Rows, rows - block);
    for (std::size_t k = 0; k < depth; ++k, packed += Rows)
      for (std::size_t r = 0; r < Rows; ++r)
        packed[r] = r < count ? a.data[(block + r) * a.row + k * a.column] : T(0);
  }
}

template <class T>
void pack_right(const Matrix<const T>& b, std::size_t first, std::size_t count, std::size_t depth,
                T* panel) {
  if (b.row == 1 && b.column != 1) {  // columns are contiguous: read along them
    for (std::size_t j = 0; j < tile_columns<T>; ++j) {
      const T* from = b.data + (first + j) * b.column;
      for (std::size_t k = 0; k < depth; ++k)
        panel[k * tile_columns<T> + j] = j < count ? from[k] : T(0);
    }
    return;
  }
  for (std::size_t k = 0; k < depth; ++k, panel += tile_columns<T>) {
    const T* from = b.data + k * b.row + first * b.column;
    for (std::size_t j = 0; j < count; ++j) panel[j] = from[j * b.column];
    std::fill(panel + count, panel + tile_columns<T>, T(0));
  }
}

/// C (rows × columns) ← or += A (rows × depth) · B (depth × columns).
template <class T>
void product(std::size_t rows, std::size_t columns, std::size_t depth, const Matrix<const T>& a,
             const Matrix<const T>& b, const Matrix<T>& c, bool accumulate, T* scratch) {
  T* packed = cache_line(scratch);
  T* panel = packed + round_up(rows, tile_rows) * depth;
  T* tile = panel + depth * tile_columns<T>;
  constexpr T zero[tile_rows] = {};
  pack_left(a, rows, depth, packed);
  for (std::size_t j = 0; j < columns; j += tile_columns<T>) {
    const std::size_t width = std::min(tile_columns<T>, columns - j);
    pack_right(b, j, width, depth, panel);
    for (std::size_t i = 0; i < rows; i += tile_rows) {
      const std::size_t height = std::min(tile_rows, rows - i);
      T* out = c.data + i * c.row + j * c.column;
      if (c.column == 1) {
        multiply_panel(packed + i * depth, panel, depth,
                       TileTarget<T>{out, static_cast<std::ptrdiff_t>(c.row), height, width, zero,
                                     accumulate ? out : nullptr, T(1)});
        continue;
      }
      multiply_panel(packed + i * depth, panel, depth,
                     TileTarget<T>{tile, static_cast<std::ptrdiff_t>(tile_columns<T>), height,
                                   width, zero, nullptr, T(1)});
      for (std::size_t s = 0; s < width; ++s)
        for (std::size_t r = 0; r < height; ++r) {
          T& element = out[r * c.row + s * c.column];
          element = tile[r * tile_columns<T> + s] + (accumulate ? element : T(0));
        }
    }
  }
}

}  // namespace scoresde::eigen::detail
