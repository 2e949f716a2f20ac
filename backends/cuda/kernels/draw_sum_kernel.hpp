// SPDX-License-Identifier: MIT
/// A sum of noise draws in one pass: the increment of a Brownian tree.
///
///   out ← c₁·z₁,   out ← out + cᵢ·zᵢ for i = 2, 3, …, every product and every sum rounded
///
/// Roundings are those of one assign per term, so results are bit-identical, but nothing is read
/// and out is written once.
#pragma once

#include <cstdint>

#include <scoresde/brownian/tree.hpp>

#include "kernels/float4.hpp"

namespace scoresde::cuda {

template <class T>
struct DrawSumKernel {
  static constexpr unsigned threads = 256;
  static constexpr unsigned max_draws = BrownianIncrement::max_terms;

  Float4Shape shape;
  T* out;
  unsigned count;
  double coefficient[max_draws];
  NoiseDraw draw[max_draws];

  [[nodiscard]] GridSize grid() const { return float4_grid<threads>(shape); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const auto [sample, at4] = float4_of_thread<threads>(block, shape);
    if (sample >= shape.samples) return;
    Float4<T> sum{};
    for (unsigned d = 0; d < count; ++d) {
      const auto c = static_cast<T>(coefficient[d]);
      const Float4<T> product = noise_float4(c, draw[d], sample, at4);
      const bool drawn = coefficient[d] != 0;
      for (unsigned e = 0; e < 4; ++e) {
        const T term = drawn ? product.value[e] : T(0);
        sum.value[e] = d == 0 ? term : sum.value[e] + term;
      }
    }
    store_float4(out, shape, sample, at4, sum);
  }
};

}  // namespace scoresde::cuda
