// SPDX-License-Identifier: MIT
/// ReferenceRows: features and logits of real images that the evaluations of a table share, so that
/// they are computed once.
///
///   features.rows, logits.rows   float32 rows of all real images
///   reference.json               their number and settings, written last
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <utility>

#include <scoresde/error.hpp>

#include "cli/sample_progress.hpp"

namespace programs {

class ReferenceRows {
 public:
  using Settings = std::map<std::string, std::string>;

  /// No folder: nothing is kept.
  ReferenceRows(std::filesystem::path folder, Settings settings)
      : folder_(std::move(folder)), settings_(std::move(settings)) {}

  /// Copies the rows of `images` images to these files, if they are kept. Throws Error for rows of
  /// other settings, and for files that cannot be copied.
  [[nodiscard]] bool copy_to(const std::filesystem::path& features,
                             const std::filesystem::path& logits, std::size_t images) const {
    if (!kept()) return false;
    const SampleProgress found = starting_progress(folder_, progress_name, true, settings_);
    if (found.samples != images) return false;
    copy(folder_ / features_name, features);
    copy(folder_ / logits_name, logits);
    return true;
  }

  /// Keeps rows of `images` images, unless they are kept already. Throws Error for files that
  /// cannot be copied.
  void keep(const std::filesystem::path& features, const std::filesystem::path& logits,
            std::size_t images) const {
    if (folder_.empty() || kept()) return;
    std::filesystem::create_directories(folder_);
    copy(features, folder_ / features_name);
    copy(logits, folder_ / logits_name);
    write_progress(folder_ / progress_name, {.samples = images, .settings = settings_});
  }

  void remove() const {
    std::error_code failure;
    for (const char* name : {progress_name, features_name, logits_name})
      std::filesystem::remove(folder_ / name, failure);
    std::filesystem::remove(folder_, failure);  // fails unless empty
  }

 private:
  static constexpr const char* progress_name = "reference.json";
  static constexpr const char* features_name = "features.rows";
  static constexpr const char* logits_name = "logits.rows";

  [[nodiscard]] bool kept() const {
    return !folder_.empty() && std::filesystem::exists(folder_ / progress_name);
  }
  static void copy(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::error_code failure;
    std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing,
                               failure);
    scoresde::require(!failure, "--out: ", from.string(), " cannot be copied to ", to.string(),
                      ": ", failure.message());
  }

  std::filesystem::path folder_;
  Settings settings_;
};

}  // namespace programs
