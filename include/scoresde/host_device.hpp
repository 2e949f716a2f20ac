// SPDX-License-Identifier: MIT
/// Macros for functions shared between the host and CUDA kernels. They are inlined into every loop,
/// because a call inside a loop prevents vectorization.
#pragma once

#if defined(__CUDACC__)
#define SCORESDE_HOST_DEVICE __host__ __device__
// For kernels, which run on the device or, in tests, under emulation.
#define SCORESDE_DEVICE __device__
#else
#define SCORESDE_HOST_DEVICE
#define SCORESDE_DEVICE
#endif

#if defined(__GNUC__)
#define SCORESDE_ALWAYS_INLINE [[gnu::always_inline]] inline
#else
#define SCORESDE_ALWAYS_INLINE inline
#endif
