// SPDX-License-Identifier: MIT
/// The options of scoresde_dataset.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include <scoresde/data/image_preparation.hpp>

#include "cli/command_line.hpp"
#include "tools/image_source.hpp"
#include "tools/pack_images.hpp"

namespace dataset {

/// Those of the command line.
struct Options {
  std::filesystem::path input, output;
  std::string from, preparation = "square", crop, filter, rounding, broken = "reject";
  std::size_t size = 0, images = 0, threads = 0;
  bool test_split = false, overwrite = false, verify = false;
};

void add_options(programs::CommandLine& line, Options& o);

/// Throws Error for unknown names.
[[nodiscard]] scoresde::data::ImagePreparation preparation_of(const Options& o);

/// Throws Error for a source that cannot be read, and UsageError for --test without CIFAR-10.
[[nodiscard]] std::unique_ptr<ImageSource> source_of(const Options& o);

/// Throws Error if the size of the images is that of the first one, and it is broken.
[[nodiscard]] PackOptions pack_options(const Options& o, const ImageSource& source);

}  // namespace dataset
