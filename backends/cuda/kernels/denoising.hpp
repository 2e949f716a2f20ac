// SPDX-License-Identifier: MIT
/// Denoising score matching on the device: perturbed images; residual, loss and gradient.
///
///   x_t = mean[n]·x_0 + std[n]·z,   r = a[n]·x_t + b[n]·F + z
///   loss[n] = w[n]·‖r‖²,   ∂loss/∂F = 2·w[n]·b[n]·share·r
///
/// Vincent 2011; Song et al. 2021, arXiv:2011.13456, eq. 7; a = std·p and b = std·q of the score
/// p·x + q·F, as in loss/training_loss.hpp. z is never stored: both kernels generate it, one Philox
/// counter per four elements. x_t and the gradient are bit-identical to HostState<float>'s.
/// Per-sample coefficients are doubles in device memory, so that a captured graph reads those of
/// its step.
#pragma once

#include <scoresde/cuda/detail/device_draw.hpp>
#include <scoresde/fma.hpp>

#include "kernels/block_sum.hpp"
#include "kernels/float4.hpp"

namespace scoresde::cuda {

/// x ← mean[n]·x0 + std[n]·z.
struct Perturb {
  static constexpr unsigned threads = 256;

  Float4Shape shape;
  const double *mean, *std;
  detail::DeviceDraw draw;
  const float* x0;
  float* x;

  [[nodiscard]] GridSize grid() const {
    return {(shape.float4s() + threads - 1) / threads, shape.samples};
  }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const unsigned n = block.index().y, at4 = thread_of_row<threads>(block);
    if (at4 >= shape.float4s()) return;
    const Float4<float> z = normal_float4(draw.now(), n, at4),
                        from = load_float4(x0, shape, n, at4);
    const auto m = static_cast<float>(mean[n]), s = static_cast<float>(std[n]);
    Float4<float> out;
    for (unsigned i = 0; i < 4; ++i)
      out.value[i] = scoresde::fma(m, from.value[i], scoresde::rounded_product(s, z.value[i]));
    store_float4(x, shape, n, at4, out);
  }
};

/// Computes losses[n] and gradient ← ∂loss/∂F. `gradient` may alias `output`.
struct DenoisingResidual {
  static constexpr unsigned threads = 256;

  Float4Shape shape;
  const double *state, *output_factor, *weight;  ///< a, b and w
  double share;                                  ///< weight of a sample in the batch mean
  detail::DeviceDraw draw;
  const float *x, *output;
  float* gradient;
  double* losses;

  [[nodiscard]] GridSize grid() const { return {shape.samples}; }
  [[nodiscard]] unsigned shared_bytes() const { return shared_size<double>(threads / warp_size); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    auto scratch = block.template shared<double>(threads / warp_size);
    const unsigned n = block.index().x;
    const auto a = static_cast<float>(state[n]), b = static_cast<float>(output_factor[n]);
    const auto slope = static_cast<float>(weight[n] * (2 * output_factor[n] * share));
    double sum = 0;
    for (unsigned at4 = block.thread(); at4 < shape.float4s(); at4 += threads) {
      const Float4<float> z = normal_float4(draw.now(), n, at4),
                          here = load_float4(x, shape, n, at4),
                          found = load_float4(output, shape, n, at4);
      Float4<float> out;
      for (unsigned i = 0; i < 4; ++i) {
        const float r =
            scoresde::fma(b, found.value[i], scoresde::fma(a, here.value[i], z.value[i]));
        if (i < shape.count(at4)) sum += static_cast<double>(r) * static_cast<double>(r);
        out.value[i] = slope * r;
      }
      store_float4(gradient, shape, n, at4, out);
    }
    sum = block_sum(block, sum, scratch);
    if (block.thread() == 0) losses[n] = weight[n] * sum;
  }
};

}  // namespace scoresde::cuda
