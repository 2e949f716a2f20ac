// SPDX-License-Identifier: MIT
/// <Eigen/Core>, without the false alarms it sets off.
///
/// GCC 12 takes the deliberately undefined operand in its own AVX-512 intrinsics for a mistake (GCC
/// bug 105593) and says so wherever they are inlined. What counts is who includes them first.
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
