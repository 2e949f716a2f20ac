// SPDX-License-Identifier: MIT
/// The step update on the elements that a mask selects.
///
///   acc ← c·z (0 without noise),   acc ← fma(cⱼ, xⱼ, acc) in the order of the terms
///   out ← acc where mask ≠ 0, unchanged elsewhere
///
/// Order, rounding and noise are HostState's: the results are bit-identical.
#pragma once

#include <scoresde/fma.hpp>

#include "kernels/float4.hpp"

namespace scoresde::cuda {

/// One or two terms; a noise of 0 is not drawn.
template <class T>
struct MaskedAssignKernel {
  static constexpr unsigned threads = 256;
  static constexpr unsigned max_terms = 2;

  Float4Shape shape;
  T* out;
  const T* mask;
  unsigned count;
  const T* state[max_terms];
  T coefficient[max_terms];
  T noise;
  NoiseDraw draw;

  [[nodiscard]] GridSize grid() const { return float4_grid<threads>(shape); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const auto [sample, at4] = float4_of_thread<threads>(block, shape);
    if (sample >= shape.samples) return;
    const Float4<T> selects = load_float4(mask, shape, sample, at4);
    Float4<T> result = load_float4(out, shape, sample, at4);
    Float4<T> sum{};
    if (noise != 0) sum = noise_float4(noise, draw, sample, at4);
    for (unsigned j = 0; j < max_terms; ++j) {
      if (j >= count) continue;
      const Float4<T> x = load_float4(state[j], shape, sample, at4);
      for (unsigned e = 0; e < 4; ++e)
        sum.value[e] = j == 0 && noise == 0
                           ? scoresde::rounded_product(coefficient[j], x.value[e])
                           : scoresde::fma(coefficient[j], x.value[e], sum.value[e]);
    }
    for (unsigned e = 0; e < 4; ++e)
      if (selects.value[e] != 0) result.value[e] = sum.value[e];
    store_float4(out, shape, sample, at4, result);
  }
};

}  // namespace scoresde::cuda
