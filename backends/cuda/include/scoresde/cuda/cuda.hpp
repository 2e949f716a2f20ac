// SPDX-License-Identifier: MIT
/// The CUDA backend, in plain C++: no nvcc is needed to include it.
#pragma once

#include <scoresde/cuda/captured_sampler.hpp>
#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/cublaslt_product.hpp>
#include <scoresde/cuda/cudnn_convolution.hpp>
#include <scoresde/cuda/device_memory.hpp>
#include <scoresde/cuda/device_state.hpp>
#include <scoresde/cuda/precision.hpp>
#include <scoresde/cuda/step_graphs.hpp>
