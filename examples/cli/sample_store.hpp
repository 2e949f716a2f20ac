// SPDX-License-Identifier: MIT
/// The samples of a run on disk: written as they come, kept when the run stops, in place at its
/// end.
///
///   samples.partial         the bytes of samples.safetensors so far
///   samples.progress.json   how many of them are samples, and the settings that they are made by
///   samples.partial.png     the first of them, where the run has stopped
///
/// When all are there, samples.npy, samples.png and samples.safetensors take their place.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/image_grid.hpp>

#include "cli/progress_bar.hpp"
#include "cli/sample_headers.hpp"
#include "cli/sample_progress.hpp"
#include "cli/streamed_file.hpp"

namespace programs {

class SampleStore {
 public:
  /// Begins, or goes on where `done` samples are in the folder by those settings. Throws Error
  /// where a file cannot be made or is shorter than `progress` says.
  SampleStore(std::filesystem::path folder, const SampleLayout& layout, Metadata metadata,
              SampleProgress progress)
      : folder_(std::move(folder)),
        layout_(layout),
        metadata_(std::move(metadata)),
        progress_(std::move(progress)),
        first_(safetensors_header(layout_, metadata_, "").size() + layout_.class_bytes()),
        file_(folder_ / partial_name) {
    const std::uint64_t end = place_of(progress_.samples);
    scoresde::require(progress_.samples == 0 || file_.size() >= end,
                      "--resume: ", file_.path().string(), " has ", file_.size(), " bytes; ",
                      progress_.samples, " samples need ", end);
    file_.resize(end);
  }
  SampleStore(const SampleStore&) = delete;
  SampleStore& operator=(const SampleStore&) = delete;
  /// A run that has failed keeps what it has.
  ~SampleStore() {
    if (finished_) return;
    try {
      keep();
    } catch (const std::exception&) {  // an error is on its way already
    }
  }

  [[nodiscard]] std::size_t samples() const { return progress_.samples; }
  [[nodiscard]] std::size_t evaluations() const { return progress_.evaluations; }
  [[nodiscard]] const SampleLayout& layout() const { return layout_; }

  /// Adds samples (n, C, H, W) in [0, 1]; `evaluations` are those of the network for all so far.
  void append(std::span<const float> images, std::size_t evaluations) {
    file_.write(place_of(progress_.samples), std::as_bytes(images));
    progress_.samples += images.size() / layout_.dim();
    progress_.evaluations = evaluations;
    if (seconds_now() - recorded_ >= 1) record();
  }

  /// Leaves what is there to a later run; removes the files where that is nothing.
  void keep() {
    if (progress_.samples > 0) return record();
    std::error_code failure;
    std::filesystem::remove(folder_ / partial_name, failure);
    std::filesystem::remove(folder_ / progress_name, failure);
  }

  /// An image of the first samples, so many that it stays small, at most all that are there.
  void write_grid(const std::filesystem::path& path, std::size_t columns) const {
    constexpr std::size_t pixels = 1 << 22;
    const std::size_t most = std::max(columns, pixels / (layout_.height * layout_.width));
    std::vector<float> images(std::min(most, progress_.samples) * layout_.dim());
    file_.read(first_, std::as_writable_bytes(std::span(images)));
    const scoresde::io::ImageGrid grid{
        .height = layout_.height, .width = layout_.width, .columns = columns, .centered = false};
    scoresde::io::write_image_grid(path, grid, std::span<const float>(images));
  }

  /// Of a stopped run.
  void write_partial_grid(std::size_t columns) const {
    write_grid(folder_ / partial_grid_name, columns);
  }

  /// Puts the files of all samples in place; class_of(k) is the class of sample k.
  template <class ClassOf>
  void finish(const std::string& nfe, std::size_t columns, const ClassOf& class_of) {
    const std::string header = safetensors_header(layout_, metadata_, nfe);
    file_.write(0, std::as_bytes(std::span(header)));
    std::vector<std::uint32_t> classes;
    for (std::size_t k = 0; layout_.classes && k < layout_.samples; k += classes.size()) {
      classes.resize(std::min<std::size_t>(block, layout_.samples - k));
      for (std::size_t i = 0; i < classes.size(); ++i) classes[i] = class_of(k + i);
      file_.write(header.size() + sizeof(std::uint32_t) * k, std::as_bytes(std::span(classes)));
    }
    write_npy();
    write_grid(folder_ / "samples.png", columns);
    file_.rename_to(folder_ / "samples.safetensors");
    finished_ = true;
    std::error_code failure;
    std::filesystem::remove(folder_ / progress_name, failure);
    std::filesystem::remove(folder_ / partial_grid_name, failure);
  }

 private:
  static constexpr const char* partial_name = "samples.partial";
  static constexpr const char* partial_grid_name = "samples.partial.png";
  static constexpr std::size_t block = 1 << 18;  ///< numbers that are copied at a time

  [[nodiscard]] std::uint64_t place_of(std::size_t sample) const {
    return first_ + sample * layout_.image_bytes();
  }

  void record() {
    file_.flush();  // the samples before the number that counts them
    write_progress(folder_ / progress_name, progress_);
    recorded_ = seconds_now();
  }

  void write_npy() const {
    StreamedFile npy(folder_ / ("samples.npy.part-" + std::to_string(::getpid())));
    try {
      const std::string header = npy_header(layout_);
      npy.resize(0);
      npy.write(0, std::as_bytes(std::span(header)));
      std::vector<std::byte> bytes(sizeof(float) * block);
      for (std::uint64_t at = 0, all = layout_.all_bytes(); at < all; at += bytes.size()) {
        bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), all - at)));
        file_.read(first_ + at, bytes);
        npy.write(header.size() + at, bytes);
      }
      npy.rename_to(folder_ / "samples.npy");
    } catch (const scoresde::Error&) {
      std::error_code failure;
      std::filesystem::remove(npy.path(), failure);
      throw;
    }
  }

  std::filesystem::path folder_;
  SampleLayout layout_;
  Metadata metadata_;
  SampleProgress progress_;
  std::uint64_t first_;  ///< place of the first sample
  StreamedFile file_;
  double recorded_ = 0;
  bool finished_ = false;
};

}  // namespace programs
