// SPDX-License-Identifier: MIT
/// Denoising score matching on the device: the perturbed images, and residual, loss and gradient.
///
///   x_t = mean[n]·x_0 + std[n]·z,   r = a[n]·x_t + b[n]·F + z
///   loss[n] = w[n]·‖r‖²,   ∂loss/∂F = 2·w[n]·b[n]·share·r
///
/// Vincent 2011; Song et al. 2021, arXiv:2011.13456, eq. 7; a = std·p and b = std·q of the score
/// p·x + q·F, as in loss/training_loss.hpp. z is never stored: both kernels draw it, a counter for
/// four elements. x_t and the gradient have the bits of HostState<float>. Coefficients are doubles
/// in device memory, one for each sample, so that a captured graph finds those of its step there.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/kernels/block_sum.hpp>
#include <scoresde/cuda/kernels/device_draw.hpp>
#include <scoresde/fma.hpp>
#include <scoresde/noise/normal.hpp>

namespace scoresde::cuda {

/// The four normals of a counter.
struct NormalQuad {
  float value[4];
  SCORESDE_HOST_DEVICE NormalQuad(const NoiseDraw& draw, std::uint32_t sample, std::uint32_t quad) {
    const PhiloxBlock block = noise_words(draw, sample, quad);
    detail::box_muller(block.word[0], block.word[1], value[0], value[1]);
    detail::box_muller(block.word[2], block.word[3], value[2], value[3]);
  }
};

/// x ← mean[n]·x0 + std[n]·z for samples of `dim` elements.
struct Perturb {
  static constexpr unsigned threads = 256;

  std::uint32_t samples, dim;
  const double *mean, *std;
  DeviceDraw draw;
  const float* x0;
  float* x;

  [[nodiscard]] GridSize grid() const { return {((dim + 3) / 4 + threads - 1) / threads, samples}; }
  [[nodiscard]] unsigned shared_bytes() const { return 0; }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const std::uint32_t n = block.index().y;
    const std::uint32_t quad = block.index().x * threads + block.thread();
    if (4 * quad >= dim) return;
    const NormalQuad z(draw.now(), n, quad);
    const auto m = static_cast<float>(mean[n]), s = static_cast<float>(std[n]);
    for (unsigned i = 0; i < 4; ++i)
      if (4 * quad + i < dim) {
        const std::size_t at = std::size_t{n} * dim + 4 * quad + i;
        x[at] = detail::fma(m, x0[at], s * z.value[i]);
      }
  }
};

/// losses[n], and gradient ← ∂loss/∂F. `gradient` may be the memory of `output`.
struct DenoisingResidual {
  static constexpr unsigned threads = 256;

  std::uint32_t samples, dim;
  const double *state, *output_factor, *weight;  ///< a, b and w
  double share;                                  ///< of a sample in the mean over the batch
  DeviceDraw draw;
  const float *x, *output;
  float* gradient;
  double* losses;

  [[nodiscard]] GridSize grid() const { return {samples}; }
  [[nodiscard]] unsigned shared_bytes() const { return shared_size<double>(threads / warp_size); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    auto scratch = block.template shared<double>(threads / warp_size);
    const std::uint32_t n = block.index().x;
    const std::size_t begin = std::size_t{n} * dim;
    const auto a = static_cast<float>(state[n]), b = static_cast<float>(output_factor[n]);
    const auto slope = static_cast<float>(weight[n] * (2 * output_factor[n] * share));
    double sum = 0;
    for (std::uint32_t quad = block.thread(); 4 * quad < dim; quad += threads) {
      const NormalQuad z(draw.now(), n, quad);
      for (unsigned i = 0; i < 4; ++i)
        if (4 * quad + i < dim) {
          const std::size_t at = begin + 4 * quad + i;
          const float r = detail::fma(b, output[at], detail::fma(a, x[at], z.value[i]));
          sum += static_cast<double>(r) * static_cast<double>(r);
          gradient[at] = slope * r;
        }
    }
    sum = block_sum(block, sum, scratch);
    if (block.thread() == 0) losses[n] = weight[n] * sum;
  }
};

}  // namespace scoresde::cuda
