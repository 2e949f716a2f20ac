// SPDX-License-Identifier: MIT
/// Packs the images of a source: decoded and prepared by several threads, written in order.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>

#include <scoresde/data/image_preparation.hpp>
#include <scoresde/resize.hpp>

#include "tools/image_source.hpp"

namespace dataset {

/// What happens to images that cannot be decoded or are smaller than their crop.
enum class BrokenImages { reject, skip };

struct PackOptions {
  scoresde::data::ImagePreparation preparation;
  scoresde::PlaneExtents extents;  ///< of every packed image
  BrokenImages broken = BrokenImages::reject;
  std::size_t images = 0;  ///< the first ones of the source; 0: all
  std::size_t threads = 1;
  std::string source;  ///< text for the pack: what its images are made from
};

struct PackResult {
  std::size_t images = 0, broken = 0, resumed = 0;
  bool complete = true;  ///< false after a signal
};

/// Writes the pack, or continues it. Calls progress(sources done, sources) after each block, and
/// report(name, reason) for each broken image. Throws Error for the first block with broken images
/// that are rejected, after reporting all of them, and as io::ImagePackWriter does.
[[nodiscard]] PackResult pack_images(
    const ImageSource& source, const std::filesystem::path& output, const PackOptions& options,
    const std::function<void(std::size_t, std::size_t)>& progress,
    const std::function<void(const std::string&, const std::string&)>& report);

}  // namespace dataset
