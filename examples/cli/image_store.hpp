// SPDX-License-Identifier: MIT
/// The images of a run on disk: written batch by batch, kept if the run is stopped, and renamed at
/// its end.
///
///   NAME.partial         the bytes of the finished file so far
///   NAME.progress.json   the number of finished images, and the settings of the run
///   NAME.partial.png     a grid of the first images, of a stopped run
///
/// NAME is samples for cifar10_sample and edit for cifar10_edit.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/image_grid.hpp>

#include "cli/progress_bar.hpp"
#include "cli/sample_headers.hpp"
#include "cli/sample_progress.hpp"
#include "cli/streamed_file.hpp"

namespace programs {

/// The rows of a grid: stored images, and others on either side of them.
struct StoredGrid {
  std::size_t columns = 8;  ///< stored images per row
  /// Images in [0, 1], one after the other, as many in every row; such a grid has whole rows only.
  std::function<std::vector<float>(std::size_t row)> before = {}, after = {};
};

class ImageStore {
 public:
  static std::string progress_name(const std::string& name) { return name + ".progress.json"; }

  /// Throws Error unless every file of an unfinished run in `folder` can be written.
  static void require_writable(const std::filesystem::path& folder, const std::string& name) {
    for (const std::string& file :
         {partial_name(name), progress_name(name), partial_grid_name(name)})
      scoresde::io::require_writable_file(folder / file);
  }

  /// Begins, or continues after progress.samples images, which follow the first `offset` bytes of
  /// the file. Throws Error if the file cannot be created or is shorter than that many images.
  ImageStore(std::filesystem::path folder, std::string name, const SampleLayout& layout,
             std::uint64_t offset, SampleProgress progress)
      : folder_(std::move(folder)),
        name_(std::move(name)),
        layout_(layout),
        progress_(std::move(progress)),
        offset_(offset),
        file_(folder_ / partial_name(name_)) {
    const std::uint64_t end = place_of(progress_.samples);
    scoresde::require(progress_.samples == 0 || file_.size() >= end,
                      "--resume: ", file_.path().string(), " has ", file_.size(), " bytes; ",
                      progress_.samples, " samples need ", end);
    file_.resize(end);
  }
  ImageStore(const ImageStore&) = delete;
  ImageStore& operator=(const ImageStore&) = delete;
  /// A failed run keeps its finished images.
  ~ImageStore() {
    if (finished_) return;
    try {
      keep();
    } catch (const std::exception&) {  // another error is being reported
    }
  }

  [[nodiscard]] std::size_t samples() const { return progress_.samples; }
  [[nodiscard]] std::size_t evaluations() const { return progress_.evaluations; }
  [[nodiscard]] const SampleLayout& layout() const { return layout_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  /// Adds images (n, C, H, W) in [0, 1]; `evaluations` counts the network's for all images so far.
  void append(std::span<const float> images, std::size_t evaluations) {
    file_.write(place_of(progress_.samples), std::as_bytes(images));
    progress_.samples += images.size() / layout_.dim();
    progress_.evaluations = evaluations;
    if (seconds_now() - recorded_ >= 1) record();
  }

  /// Keeps the finished images for a later run; removes the files if there are none.
  void keep() {
    if (progress_.samples > 0) return record();
    std::error_code failure;
    std::filesystem::remove(file_.path(), failure);
    std::filesystem::remove(folder_ / progress_name(name_), failure);
  }

  /// The bytes of the images from `at` on.
  void read(std::uint64_t at, std::span<std::byte> bytes) const { file_.read(offset_ + at, bytes); }
  /// Writes to the first `offset` bytes.
  void write_header(std::uint64_t at, std::span<const std::byte> bytes) { file_.write(at, bytes); }

  /// Writes a grid of the first images, limited in size. There must be one row of them.
  void write_grid(const std::filesystem::path& path, const StoredGrid& grid) const {
    constexpr std::size_t pixels = 1 << 22;
    const std::size_t most = std::max(grid.columns, pixels / (layout_.height * layout_.width));
    std::size_t count = std::min(most, progress_.samples), width = 0;
    if (grid.before || grid.after) count -= count % grid.columns;
    std::vector<float> images;
    const auto add = [&](const auto& side, std::size_t row) {
      if (!side) return;
      const std::vector<float> more = side(row);
      images.insert(images.end(), more.begin(), more.end());
    };
    for (std::size_t k = 0; k < count; k += grid.columns) {
      add(grid.before, k / grid.columns);
      const std::size_t at = images.size();
      images.resize(at + std::min(grid.columns, count - k) * layout_.dim());
      read(k * layout_.image_bytes(), std::as_writable_bytes(std::span(images).subspan(at)));
      add(grid.after, k / grid.columns);
      if (k == 0) width = images.size() / layout_.dim();
    }
    const scoresde::io::ImageGrid shape{.channels = layout_.channels,
                                        .height = layout_.height,
                                        .width = layout_.width,
                                        .columns = width,
                                        .centered = false};
    scoresde::io::write_image_grid(path, shape, std::span<const float>(images));
  }

  /// The grid of a stopped run.
  void write_partial_grid(const StoredGrid& grid) const {
    write_grid(folder_ / partial_grid_name(name_), grid);
  }

  /// Renames the file and removes what is kept of unfinished runs.
  void finish(const std::string& file) {
    file_.rename_to(folder_ / file);
    finished_ = true;
    std::error_code failure;
    std::filesystem::remove(folder_ / progress_name(name_), failure);
    std::filesystem::remove(folder_ / partial_grid_name(name_), failure);
  }

 private:
  static std::string partial_name(const std::string& name) { return name + ".partial"; }
  static std::string partial_grid_name(const std::string& name) { return name + ".partial.png"; }

  [[nodiscard]] std::uint64_t place_of(std::size_t image) const {
    return offset_ + image * layout_.image_bytes();
  }

  void record() {
    file_.flush();  // images are on disk before their number is
    write_progress(folder_ / progress_name(name_), progress_);
    recorded_ = seconds_now();
  }

  std::filesystem::path folder_;
  std::string name_;
  SampleLayout layout_;
  SampleProgress progress_;
  std::uint64_t offset_;  ///< of the first image in bytes
  StreamedFile file_;
  double recorded_ = 0;
  bool finished_ = false;
};

}  // namespace programs
