// SPDX-License-Identifier: MIT
/// The samples of a run on disk: written batch by batch, kept if the run is stopped, and moved to
/// their final names at its end.
///
///   samples.partial         the bytes of samples.safetensors so far
///   samples.progress.json   the number of finished samples, and the settings of the run
///   samples.partial.png     a grid of the first samples, of a stopped run
///
/// When all samples are finished, they are replaced by samples.{npy,png,safetensors}.
#pragma once

#include <algorithm>
#include <array>
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
  static constexpr std::array finished_names{"samples.safetensors", "samples.npy", "samples.png"};

  /// Throws Error unless every file of a run in `folder` can be written, before it begins.
  static void require_writable(const std::filesystem::path& folder) {
    for (const char* name : finished_names) scoresde::io::require_writable_file(folder / name);
    for (const char* name : {partial_name, progress_name, partial_grid_name})
      scoresde::io::require_writable_file(folder / name);
  }

  /// Begins, or continues after progress.samples samples. Throws Error if a file cannot be created
  /// or is shorter than that many samples.
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
  /// A failed run keeps its finished samples.
  ~SampleStore() {
    if (finished_) return;
    try {
      keep();
    } catch (const std::exception&) {  // another error is being reported
    }
  }

  [[nodiscard]] std::size_t samples() const { return progress_.samples; }
  [[nodiscard]] std::size_t evaluations() const { return progress_.evaluations; }
  [[nodiscard]] const SampleLayout& layout() const { return layout_; }

  /// Adds samples (n, C, H, W) in [0, 1]; `evaluations` counts the network's for all samples so
  /// far.
  void append(std::span<const float> images, std::size_t evaluations) {
    file_.write(place_of(progress_.samples), std::as_bytes(images));
    progress_.samples += images.size() / layout_.dim();
    progress_.evaluations = evaluations;
    if (seconds_now() - recorded_ >= 1) record();
  }

  /// Keeps the finished samples for a later run; removes the files if there are none.
  void keep() {
    if (progress_.samples > 0) return record();
    std::error_code failure;
    std::filesystem::remove(folder_ / partial_name, failure);
    std::filesystem::remove(folder_ / progress_name, failure);
  }

  /// Writes a grid of the first samples, limited in size.
  void write_grid(const std::filesystem::path& path, std::size_t columns) const {
    constexpr std::size_t pixels = 1 << 22;
    const std::size_t most = std::max(columns, pixels / (layout_.height * layout_.width));
    std::vector<float> images(std::min(most, progress_.samples) * layout_.dim());
    file_.read(first_, std::as_writable_bytes(std::span(images)));
    const scoresde::io::ImageGrid grid{.channels = layout_.channels,
                                       .height = layout_.height,
                                       .width = layout_.width,
                                       .columns = columns,
                                       .centered = false};
    scoresde::io::write_image_grid(path, grid, std::span<const float>(images));
  }

  /// The grid of a stopped run.
  void write_partial_grid(std::size_t columns) const {
    write_grid(folder_ / partial_grid_name, columns);
  }

  /// Writes the files of all samples; class_of(k) is the class of sample k.
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
  static constexpr std::size_t block = 1 << 18;  ///< numbers copied at a time

  [[nodiscard]] std::uint64_t place_of(std::size_t sample) const {
    return first_ + sample * layout_.image_bytes();
  }

  void record() {
    file_.flush();  // samples are on disk before their number is
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
  std::uint64_t first_;  ///< offset of the first sample in bytes
  StreamedFile file_;
  double recorded_ = 0;
  bool finished_ = false;
};

}  // namespace programs
