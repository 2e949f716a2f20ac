// SPDX-License-Identifier: MIT
/// Where scoresde_dataset takes its images from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <scoresde/data/cifar10.hpp>
#include <scoresde/data/rgb_image.hpp>

namespace dataset {

/// Images in a fixed order. read() is thread-safe.
class ImageSource {
 public:
  virtual ~ImageSource() = default;

  [[nodiscard]] virtual std::size_t size() const = 0;
  /// Of an image: its file, or its key.
  [[nodiscard]] virtual std::string name(std::size_t i) const = 0;
  [[nodiscard]] virtual std::uint32_t label(std::size_t) const { return 0; }
  /// Names of the labels; empty: no labels.
  [[nodiscard]] virtual std::vector<std::string> classes() const { return {}; }
  /// Throws Error for a broken image.
  [[nodiscard]] virtual scoresde::data::RgbImage read(std::size_t i) const = 0;
};

enum class SourceKind { cifar10, folder, lmdb };

/// By content. Throws Error for a path that is none of them.
[[nodiscard]] SourceKind kind_of_source(const std::filesystem::path& path);

/// Throws Error for a source that cannot be read. `split` is CIFAR-10's.
[[nodiscard]] std::unique_ptr<ImageSource> open_source(const std::filesystem::path& path,
                                                       SourceKind kind,
                                                       scoresde::data::Split split);

}  // namespace dataset
