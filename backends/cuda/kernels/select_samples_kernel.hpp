// SPDX-License-Identifier: MIT
/// A batch of chosen samples of another one: out[k] ← x[rows[k]].
#pragma once

#include <cstdint>

#include "kernels/float4.hpp"

namespace scoresde::cuda {

/// `rows` is in device memory; shape is that of out.
template <class T>
struct SelectSamplesKernel {
  static constexpr unsigned threads = 256;

  Float4Shape shape;
  const T* x;
  const std::uint32_t* rows;
  T* out;

  [[nodiscard]] GridSize grid() const { return float4_grid<threads>(shape); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const auto [sample, at4] = float4_of_thread<threads>(block, shape);
    if (sample >= shape.samples) return;
    store_float4(out, shape, sample, at4, load_float4(x, shape, rows[sample], at4));
  }
};

}  // namespace scoresde::cuda
