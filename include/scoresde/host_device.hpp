// SPDX-License-Identifier: MIT
/// The macros of element functions: shared between the host and CUDA kernels, and inlined into
/// every loop, because a call left in a loop keeps it from being vectorised.
#pragma once

#if defined(__CUDACC__)
#define SCORESDE_HOST_DEVICE __host__ __device__
// Of kernels, which run on the device or, in tests, under an emulation of it.
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
