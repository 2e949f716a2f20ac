// SPDX-License-Identifier: MIT
/// A linear form with a coefficient per element.
///
///   out[k, e] ← Σⱼ cⱼ[e]·xⱼ[k, e]   in double, in the order of the terms
#pragma once

#include "kernels/float4.hpp"

namespace scoresde::cuda {

/// The coefficients of term j are at coefficients + j·shape.dim, in device memory.
template <class T>
struct ElementAssignKernel {
  static constexpr unsigned threads = 256;
  static constexpr unsigned max_terms = 4;

  Float4Shape shape;
  T* out;
  unsigned count;
  const T* state[max_terms];
  const double* coefficients;

  [[nodiscard]] GridSize grid() const { return float4_grid<threads>(shape); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const auto [sample, at4] = float4_of_thread<threads>(block, shape);
    if (sample >= shape.samples) return;
    const unsigned elements = shape.count(at4);
    double sum[4] = {};
    for (unsigned j = 0; j < max_terms; ++j) {
      if (j >= count) continue;
      const double* const c = coefficients + std::size_t{j} * shape.dim + 4 * std::size_t{at4};
      const Float4<T> x = load_float4(state[j], shape, sample, at4);
      for (unsigned e = 0; e < 4; ++e)
        if (e < elements) sum[e] += c[e] * static_cast<double>(x.value[e]);
    }
    Float4<T> result;
    for (unsigned e = 0; e < 4; ++e) result.value[e] = static_cast<T>(sum[e]);
    store_float4(out, shape, sample, at4, result);
  }
};

}  // namespace scoresde::cuda
