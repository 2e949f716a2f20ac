// SPDX-License-Identifier: MIT
/// The CUDA backend, in plain C++: no nvcc is needed to include it.
#pragma once

#include <scoresde/cuda/context.hpp>
