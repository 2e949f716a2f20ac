// SPDX-License-Identifier: MIT
/// The data set that --data names: CIFAR-10's binary folder, a folder of images, or an image pack.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include <scoresde/data/cifar10.hpp>
#include <scoresde/data/image_set.hpp>

namespace programs {

enum class DataSetKind { cifar10, folder, pack };

/// By content; what is neither a file nor a folder with images is CIFAR-10's folder, whose reader
/// names what is missing. Throws Error for a folder that cannot be read.
[[nodiscard]] DataSetKind kind_of_data(const std::filesystem::path& path);

/// What the options of a run depend on.
struct DataShape {
  std::string name = "CIFAR-10";
  std::size_t channels = 3, height = 32, width = 32;
  std::size_t classes = scoresde::data::cifar10_classes.size();  ///< 0: no labels
  std::size_t bytes_in_memory = 0;  ///< of the images; 0 for a pack, which is mapped
};

/// The shape without reading all images; CIFAR-10's for an empty path. Throws Error for data that
/// cannot be read.
[[nodiscard]] DataShape shape_of_data(const std::filesystem::path& path);

/// Reads a folder or maps a pack; `split` is CIFAR-10's. The checksums of a pack of up to 8 GiB are
/// compared. Throws Error for data that cannot be read, broken images and images of several sizes.
[[nodiscard]] scoresde::data::SharedImages read_data(const std::filesystem::path& path,
                                                     scoresde::data::Split split);

}  // namespace programs
