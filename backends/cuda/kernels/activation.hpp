// SPDX-License-Identifier: MIT
/// Scalar activation functions used by the network kernels.
///
///   SiLU x σ(x),  ELU x or e^x − 1,  ReLU max(x, 0),  leaky ReLU max(x, x/5)
///
/// The slopes of ELU, ReLU and leaky ReLU at 0 are 1, 0 and 1/5. The device's fast exponential and
/// division have relative errors below 2⁻²¹, far below Bfloat16's resolution and test tolerances.
#pragma once

#include <cmath>

#include <scoresde/host_device.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::cuda {

SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float exponential(float x) {
#if defined(__CUDA_ARCH__)
  return __expf(x);
#else
  return std::exp(x);
#endif
}

/// e^x − 1 for x ≤ 0; uses a series near 0 to avoid cancellation.
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float exponential_minus_one(float x) {
  if (x < -0.125f) return exponential(x) - 1.0f;
  const float tail = 1.0f + x * (1.0f / 3) * (1.0f + x * 0.25f * (1.0f + x * 0.2f));
  return x * (1.0f + x * 0.5f * tail);
}

/// 1/(1 + e^{−x}); saturates correctly at both ends.
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float sigmoid(float x) {
#if defined(__CUDA_ARCH__)
  return __fdividef(1.0f, 1.0f + __expf(-x));
#else
  return 1.0f / (1.0f + std::exp(-x));
#endif
}

/// Elfwing et al. 2018, arXiv:1702.03118.
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float silu(float x) { return x * sigmoid(x); }

/// σ(x) (1 + x (1 − σ(x))).
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float silu_slope(float x) {
  const float s = sigmoid(x);
  return s * (1.0f + x * (1.0f - s));
}

SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float activate(nn::Activation function, float x) {
  switch (function) {
    case nn::Activation::swish:
      return silu(x);
    case nn::Activation::elu:
      return x > 0.0f ? x : exponential_minus_one(x);
    case nn::Activation::relu:
      return x > 0.0f ? x : 0.0f;
    case nn::Activation::leaky_relu:
      break;
  }
  return x > 0.0f ? x : 0.2f * x;
}

SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float activation_slope(nn::Activation function,
                                                                   float x) {
  switch (function) {
    case nn::Activation::swish:
      return silu_slope(x);
    case nn::Activation::elu:
      return x > 0.0f ? 1.0f : exponential(x);
    case nn::Activation::relu:
      return x > 0.0f ? 1.0f : 0.0f;
    case nn::Activation::leaky_relu:
      break;
  }
  return x > 0.0f ? 1.0f : 0.2f;
}

}  // namespace scoresde::cuda
