// SPDX-License-Identifier: MIT
/// <Eigen/Core> without spurious warnings.
///
/// GCC 12 warns about the deliberately undefined operand of its own AVX-512 intrinsics wherever
/// they are inlined (GCC bug 105593). The diagnostic state at their first inclusion matters, so
/// this header must come first.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <Eigen/Core>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
