// SPDX-License-Identifier: MIT
/// One run of cifar10_edit on any backend: the results and their files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/state/host_state.hpp>

#include "cli/edit_input.hpp"
#include "cli/edit_options.hpp"
#include "cli/sample_classes.hpp"
#include "cli/sample_run.hpp"

namespace programs {

/// Rows of input, what is seen of it, and results. Result k is in row k / results, and does not
/// depend on the batch.
class EditRun {
 public:
  /// Throws Error and UsageError as read_edit_input does, Error for edited images in the folder
  /// without --overwrite and files that cannot be written, and UsageError for a classifier of
  /// another SDE or other images than the checkpoint's.
  EditRun(const EditOptions& options, const scoresde::Metadata& configuration);

  [[nodiscard]] const EditInput& input() const { return input_; }
  /// The class of each result.
  [[nodiscard]] const SampleClasses& class_of() const { return class_of_; }
  /// Whether the network is conditioned on classes.
  [[nodiscard]] bool conditional() const { return network_.num_class_embeds > 0; }
  /// Results of all rows together.
  [[nodiscard]] std::size_t results() const { return rows_ * options_.results; }

  /// Makes the results and writes edit.png and edit.npy; after a signal those of the finished rows.
  void operator()(const BatchSampler& editor, double t_max, double t_min);

 private:
  [[nodiscard]] std::size_t rows_of_task() const;
  void edit_all(const BatchSampler& editor, double t_max, double t_min);
  [[nodiscard]] std::span<const std::uint32_t> classes_from(std::size_t first, std::size_t count);
  void report_setup(const BatchSampler& editor) const;
  void write(std::size_t rows) const;
  /// The images of a row, left to right.
  [[nodiscard]] std::vector<std::span<const float>> row(std::size_t r) const;

  EditOptions options_;
  scoresde::nn::UNetConfig network_;
  EditInput input_;
  std::size_t label_classes_;  ///< of the classifier, or that the network is conditioned on
  std::size_t rows_;
  SampleClasses class_of_;
  std::string sde_;
  std::vector<std::uint32_t> classes_;
  std::vector<float> results_;  ///< finished ones, in the network's range
};

}  // namespace programs
