// SPDX-License-Identifier: MIT
/// fma(a, b, c) = a·b + c rounded once, and loops over it in hardware whatever the flags say.
///
/// A build for the x86-64 of 2003, the compilers' default, knows no fused multiply-add: std::fma is
/// then a call of the C library, twenty times as long as the instruction. Processors since 2013
/// have it, so such a build holds its few hot loops twice and asks the processor. The bits are the
/// same either way.
#pragma once

#include <cmath>

#include <scoresde/host_device.hpp>

// Whether to ask the processor; define it as 0 for a build that must not.
#if !defined(SCORESDE_FMA_AT_RUN_TIME)
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__FMA__) && !defined(__CUDACC__)
#define SCORESDE_FMA_AT_RUN_TIME 1
#else
#define SCORESDE_FMA_AT_RUN_TIME 0
#endif
#endif

namespace scoresde::detail {

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

/// body(), with all that it calls inlined: a call left in a loop keeps it from being vectorised. It
/// is not inlined itself, for that would come before and undo it.
template <class Body>
[[gnu::flatten, gnu::noinline]] void call_flat(Body body) {
  body();
}

#if SCORESDE_FMA_AT_RUN_TIME
/// The same, compiled for AVX2 and FMA.
template <class Body>
[[gnu::flatten, gnu::noinline, gnu::target("avx2,fma")]] void call_flat_with_fma(Body body) {
  body();
}
#endif

/// Calls body(), for its hot loops: flattened, and in hardware FMA where only the processor is
/// known to have it.
template <class Body>
void with_hardware_fma(Body body) {
#if SCORESDE_FMA_AT_RUN_TIME
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return call_flat_with_fma(body);
#endif
  call_flat(body);
}

}  // namespace scoresde::detail
