// SPDX-License-Identifier: MIT
/// The arguments and results of a training step's kernels as plain structs. Pointers are device
/// memory.
#pragma once

#include <cstdint>

#include <scoresde/data/image_transform.hpp>

namespace scoresde::cuda::detail {

/// A data set and its permutations.
struct DeviceImages {
  const std::uint8_t* pixels;     ///< (count, channels, height, width)
  const std::uint32_t* labels;    ///< (count); may be null
  const std::uint32_t* order[2];  ///< permutations of the current even and odd epoch
  std::uint32_t count;            ///< N
  data::ImageExtents extents;
  data::ImageTransform transform;
  std::uint64_t seed;  ///< of the transform's random choices
};

/// Parameters of the samples of many steps, and the buffers that one step's are copied to.
///
///   row = values + (step mod rows)·(fields·samples + samples)
///
/// A row holds `fields` numbers per sample, field by field, then the class of each sample.
struct StepTable {
  const double* values;
  const std::uint64_t* step;  ///< device memory
  std::uint32_t rows, fields, samples;
  double* numbers;         ///< fields·samples
  std::uint32_t* classes;  ///< samples
};

/// The result of a step, which the host can read later.
struct StepOutcome {
  std::uint64_t updates = 0;  ///< number of steps so far, skipped ones included
  double loss = 0;            ///< mean over the batch
  double gradient_norm = 0;   ///< before clipping
  double learning_rate = 0;   ///< of this step
  std::uint32_t finite = 1;   ///< 0: non-finite loss or gradient, no update
  std::uint32_t skipped = 0;  ///< steps since the last finite one
};

}  // namespace scoresde::cuda::detail
