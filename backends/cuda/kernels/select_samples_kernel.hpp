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

  [[nodiscard]] GridSize grid() const { return {.x = (shape.total() + threads - 1) / threads}; }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const unsigned i = thread_of_row<threads>(block);
    if (i >= shape.total()) return;
    const unsigned sample = i / shape.float4s(), at4 = i % shape.float4s();
    store_float4(out, shape, sample, at4, load_float4(x, shape, rows[sample], at4));
  }
};

}  // namespace scoresde::cuda
