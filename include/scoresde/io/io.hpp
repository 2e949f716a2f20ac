// SPDX-License-Identifier: MIT
/// All headers of io/: safetensors, torch and NumPy files, images, data sets, SHA-256. Checkpoints
/// are in checkpoint/; io/xarray_npy.hpp, for arrays of xtensor, is included separately.
#pragma once

#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/image_file.hpp>
#include <scoresde/io/image_folder.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/io/image_pack.hpp>
#include <scoresde/io/image_pack_writer.hpp>
#include <scoresde/io/lmdb.hpp>
#include <scoresde/io/npy.hpp>
#include <scoresde/io/npz.hpp>
#include <scoresde/io/npz_writer.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/io/sha256.hpp>
#include <scoresde/io/state_dict.hpp>
#include <scoresde/io/tensor_file.hpp>
#include <scoresde/io/torch_file.hpp>
#include <scoresde/io/torch_writer.hpp>
