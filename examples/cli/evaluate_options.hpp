// SPDX-License-Identifier: MIT
/// The options of cifar10_evaluate.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "cli/sample_options.hpp"

namespace programs {

struct EvaluateOptions {
  std::filesystem::path out;
  std::filesystem::path from;              ///< finished samples; empty: sampled from a checkpoint
  std::filesystem::path data, statistics;  ///< the reference, one of them
  /// The network of the features, one of them; both empty: the bundled classifier.
  std::filesystem::path features, inception;
  std::filesystem::path save_statistics;
  std::string convention = "torch_fidelity";  ///< of Inception's input
  std::size_t first_reference_image = 0;
  std::size_t reference_images = 0;  ///< 0: all
  std::size_t pair_images = 10000;   ///< of each set, for metrics of pairs
  std::size_t feature_batch = 16;    ///< images per evaluation of the network
  bool table1 = false;               ///< the grid of table1.hpp instead of one sampler
  std::size_t table1_steps = 100;    ///< n of its P n, P 2n, C 2n and PC n
  std::filesystem::path checkpoint_ve, checkpoint_vp;  ///< of its SDEs; empty: sampling.checkpoint
  /// A folder that keeps the rows of the real images for other runs; empty: they are not kept.
  std::filesystem::path reference_rows;
  bool test_split = false, report = false, resume = false, overwrite = false;
  /// Checkpoint, sampler and backend; `samples` is the number of images to evaluate, 0 for all.
  SampleOptions sampling;
};

}  // namespace programs
