// SPDX-License-Identifier: MIT
/// fma(a, b, c) = a·b + c rounded once, and loops that use hardware FMA regardless of
/// compiler flags.
///
/// Baseline x86-64, the default target of compilers, has no fused multiply-add: std::fma is then a
/// call into the C library, about twenty times slower than the instruction. Processors since 2013
/// have it, so such a build compiles its few hot loops twice and selects one at run time. The
/// results are bit-identical.
#pragma once

#include <cmath>

#include <scoresde/host_device.hpp>

// Whether to detect FMA at run time; define it as 0 to disable this.
#if !defined(SCORESDE_FMA_AT_RUN_TIME)
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__FMA__) && !defined(__CUDACC__)
#define SCORESDE_FMA_AT_RUN_TIME 1
#else
#define SCORESDE_FMA_AT_RUN_TIME 0
#endif
#endif

namespace scoresde {

SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float fma(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
  return __fmaf_rn(a, b, c);
#else
  return std::fma(a, b, c);
#endif
}

SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE double fma(double a, double b, double c) {
#if defined(__CUDA_ARCH__)
  return __fma_rn(a, b, c);
#else
  return std::fma(a, b, c);
#endif
}

/// a·b, rounded by itself: compilers cannot contract it with a subsequent sum. For kernels; host
/// loops store their products or pass them to fma, which has the same effect.
SCORESDE_HOST_DEVICE inline float rounded_product(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#else
  const volatile float product = a * b;
  return product;
#endif
}

SCORESDE_HOST_DEVICE inline double rounded_product(double a, double b) {
#if defined(__CUDA_ARCH__)
  return __dmul_rn(a, b);
#else
  const volatile double product = a * b;
  return product;
#endif
}

/// body() with all calls inlined, because a call inside a loop prevents vectorization. The function
/// itself must not be inlined, which would happen before flattening and undo it.
template <class Body>
[[gnu::flatten, gnu::noinline]] void call_flat(Body body) {
  body();
}

#if SCORESDE_FMA_AT_RUN_TIME
/// call_flat, compiled for AVX2 and FMA.
template <class Body>
[[gnu::flatten, gnu::noinline, gnu::target("avx2,fma")]] void call_flat_with_fma(Body body) {
  body();
}
#endif

/// Calls body() with its hot loops flattened, using hardware FMA if the processor supports it.
template <class Body>
void with_hardware_fma(Body body) {
#if SCORESDE_FMA_AT_RUN_TIME
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return call_flat_with_fma(body);
#endif
  call_flat(body);
}

}  // namespace scoresde
