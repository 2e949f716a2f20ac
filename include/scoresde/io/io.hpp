// SPDX-License-Identifier: MIT
/// Every header of scoresde::io: safetensors, torch files, CIFAR-10, minibatches, picture grids.
#pragma once

#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/cifar10.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/io/minibatch.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/io/state_dict.hpp>
#include <scoresde/io/tensor_file.hpp>
#include <scoresde/io/torch_file.hpp>
#include <scoresde/io/torch_writer.hpp>
