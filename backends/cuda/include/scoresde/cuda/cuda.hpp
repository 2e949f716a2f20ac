// SPDX-License-Identifier: MIT
/// The CUDA backend in plain C++; including it does not require nvcc.
#pragma once

#include <scoresde/cuda/bfloat16.hpp>
#include <scoresde/cuda/captured_sampler.hpp>
#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/cublaslt_product.hpp>
#include <scoresde/cuda/cudnn_convolution.hpp>
#include <scoresde/cuda/device_memory.hpp>
#include <scoresde/cuda/device_operator.hpp>
#include <scoresde/cuda/device_state.hpp>
#include <scoresde/cuda/graph.hpp>
#include <scoresde/cuda/model_memory.hpp>
#include <scoresde/cuda/network_memory.hpp>
#include <scoresde/cuda/ops.hpp>
#include <scoresde/cuda/precision.hpp>
#include <scoresde/cuda/training_engine.hpp>
