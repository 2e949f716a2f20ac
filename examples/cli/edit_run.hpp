// SPDX-License-Identifier: MIT
/// One run of cifar10_edit on any backend: the results and their files.
///
///   edit.npy                the results, float32 (results, 3, height, width)
///   edit.png                a row per image: the image, what is seen of it, and its results
///   edit.partial, …         finished results of a stopped run (cli/image_store.hpp)
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
#include "cli/image_store.hpp"
#include "cli/sample_classes.hpp"
#include "cli/sample_progress.hpp"
#include "cli/sample_run.hpp"

namespace programs {

/// Rows of input, what is seen of it, and results. Result k is in row k / results, and does not
/// depend on the batch. Results are on disk, so that memory does not grow with their number.
class EditRun {
 public:
  /// Throws Error and UsageError as read_edit_input does, Error as starting_progress does, for
  /// edited images in the folder without --overwrite and for files that cannot be written, and
  /// UsageError for a classifier of another SDE or other images than the checkpoint's and for more
  /// samples than the noise has names.
  EditRun(const EditOptions& options, const scoresde::Metadata& configuration);

  [[nodiscard]] const EditInput& input() const { return input_; }
  /// The class of each result.
  [[nodiscard]] const SampleClasses& class_of() const { return class_of_; }
  /// Whether the network is conditioned on classes.
  [[nodiscard]] bool conditional() const { return network_.num_class_embeds > 0; }
  /// Results of all rows together.
  [[nodiscard]] std::size_t results() const { return rows_ * options_.results; }

  /// Makes the results and writes edit.png and edit.npy; after a signal keeps the finished ones.
  void operator()(const BatchSampler& editor, double t_max, double t_min);

 private:
  [[nodiscard]] std::size_t rows_of_task() const;
  void edit_all(ImageStore& store, const BatchSampler& editor, double t_max, double t_min);
  [[nodiscard]] std::span<const std::uint32_t> classes_from(std::size_t first, std::size_t count);
  void report_setup(const BatchSampler& editor) const;
  void report_end(std::size_t evaluations, double seconds) const;
  void report_stop(ImageStore& store) const;
  /// The rows of edit.png.
  [[nodiscard]] StoredGrid grid() const;
  /// Adds an image of the input to images in [0, 1].
  void add_image(std::span<const float> image, std::vector<float>& images) const;

  EditOptions options_;
  scoresde::nn::UNetConfig network_;
  EditInput input_;
  std::size_t label_classes_;  ///< of the classifier, or that the network is conditioned on
  std::size_t rows_;
  SampleClasses class_of_;
  std::string sde_;
  SampleProgress progress_;  ///< at the start of the run
  std::vector<std::uint32_t> classes_;
};

}  // namespace programs
