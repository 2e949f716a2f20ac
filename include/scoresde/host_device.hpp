// SPDX-License-Identifier: MIT
/// The one macro by which element functions are shared between the host and CUDA kernels.
#pragma once

#if defined(__CUDACC__)
#define SCORESDE_HOST_DEVICE __host__ __device__
#else
#define SCORESDE_HOST_DEVICE
#endif
