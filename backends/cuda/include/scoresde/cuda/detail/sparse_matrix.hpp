// SPDX-License-Identifier: MIT
/// A sparse matrix in device memory, by rows, and its product with a batch.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/context.hpp>

namespace scoresde::cuda::detail {

/// The entries of row i are those from starts[i] to starts[i + 1]: columns `indices`, `values`.
struct SparseMatrix {
  std::uint32_t rows, columns;
  const std::uint32_t *starts, *indices;
  const double* values;
};

/// out[k] ← M·x[k] of every sample, asynchronous in the context's stream. Throws Error if the
/// launch fails and while a run is captured.
void sparse_product(const Context& context, const SparseMatrix& matrix, std::size_t samples,
                    const float* x, float* out);
void sparse_product(const Context& context, const SparseMatrix& matrix, std::size_t samples,
                    const double* x, double* out);

}  // namespace scoresde::cuda::detail
