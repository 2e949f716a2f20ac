// SPDX-License-Identifier: MIT
/// The step update: a linear combination of states and noise in one pass over memory.
///
///   acc ← c·z (0 without noise),   acc ← fma(cⱼ, xⱼ, acc) in the order of the terms,   out ← acc
///
/// Each thread loads four elements of every term, generates their noise in registers and stores the
/// result, so `out` may alias any term. Order, rounding and noise are HostState's: the results are
/// bit-identical.
#pragma once

#include <cstddef>

#include <scoresde/fma.hpp>

#include "kernels/float4.hpp"
#include "kernels/step_row.hpp"

namespace scoresde::cuda {

/// Per-sample coefficients: coefficient j of sample k is data[j·samples + k], the noise's follows
/// the last term's. Null if all samples share their coefficients.
struct SampleRows {
  const double* data = nullptr;
};

/// Up to MaxTerms terms. Terms with coefficient 0 are removed by the launcher or, with per-sample
/// coefficients, neither loaded nor added for that sample.
template <class T, unsigned MaxTerms, bool Noisy>
struct AssignKernel {
  static constexpr unsigned threads = 256;

  Float4Shape shape;
  T* out;
  unsigned count;
  const T* state[MaxTerms];
  T coefficient[MaxTerms];
  T noise;
  DrawSource draw;  ///< row: coefficients of the terms and the noise, index of the draw
  SampleRows rows;

  [[nodiscard]] GridSize grid() const { return float4_grid<threads>(shape); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const auto [sample, at4] = float4_of_thread<threads>(block, shape);
    if (sample >= shape.samples) return;
    Float4<T> x[MaxTerms];
    T c[MaxTerms];
    bool used[MaxTerms];
    for (unsigned j = 0; j < MaxTerms; ++j) {
      used[j] = j < count && number(j, sample, coefficient[j], c[j]);
      if (used[j]) x[j] = load_float4(state[j], shape, sample, at4);
    }
    Float4<T> sum{};
    if constexpr (Noisy)
      if (T c; number(count, sample, noise, c)) sum = noise_float4(c, draw.get(), sample, at4);
    for (unsigned j = 0; j < MaxTerms; ++j)
      if (used[j])
        for (unsigned e = 0; e < 4; ++e)
          sum.value[e] = scoresde::fma(c[j], x[j].value[e], sum.value[e]);
    store_float4(out, shape, sample, at4, sum);
  }

 private:
  /// c ← coefficient j of the sample, rounded once; returns false if it is 0.
  SCORESDE_DEVICE bool number(unsigned j, unsigned sample, T argument, T& c) const {
    c = argument;
    if (rows.data != nullptr) {
      const double given = rows.data[std::size_t{j} * shape.samples + sample];
      c = static_cast<T>(given);
      return given != 0;
    }
    if (draw.row.given()) c = static_cast<T>(draw.row[j]);
    return true;
  }
};

}  // namespace scoresde::cuda
