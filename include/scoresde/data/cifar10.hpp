// SPDX-License-Identifier: MIT
/// The CIFAR-10 data set in its published binary layout (cifar-10-batches-bin).
///
///   record = label byte (0…9) | 1024 red | 1024 green | 1024 blue bytes, row by row
///
/// Krizhevsky 2009, "Learning multiple layers of features from tiny images"; 10,000 records per
/// file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include <scoresde/data/image_set.hpp>
#include <scoresde/error.hpp>

namespace scoresde::data {

/// The class names of CIFAR-10's labels 0 … 9, from its batches.meta.txt.
inline constexpr std::array<const char*, 10> cifar10_classes{
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};

/// A subset of the data set.
enum class Split { train, test };

namespace detail {

inline constexpr std::size_t cifar10_dim = 3 * 32 * 32;
inline constexpr std::size_t cifar10_record = cifar10_dim + 1;
inline constexpr std::size_t cifar10_records_per_file = 10000;

inline void append_cifar10_file(const std::filesystem::path& path, ImageSet& images) {
  constexpr std::size_t expected = cifar10_record * cifar10_records_per_file;
  require(std::filesystem::exists(path), "cifar10: ", path.string(), " does not exist");
  std::error_code failure;
  const auto size = std::filesystem::file_size(path, failure);
  require(!failure, "cifar10: ", path.string(), " cannot be read: ", failure.message());
  require(size == expected, "cifar10: ", path.string(), " has ", size, " bytes; it must have ",
          expected, " (", cifar10_records_per_file, " records of ", cifar10_record, ")");
  std::vector<char> bytes(expected);
  std::ifstream stream(path, std::ios::binary);
  stream.read(bytes.data(), static_cast<std::streamsize>(expected));
  require(static_cast<std::size_t>(stream.gcount()) == expected, "cifar10: ", path.string(),
          " gave ", stream.gcount(), " bytes of ", expected);
  for (std::size_t i = 0; i < cifar10_records_per_file; ++i) {
    const auto* record = reinterpret_cast<const std::uint8_t*>(bytes.data()) + i * cifar10_record;
    require(record[0] < cifar10_classes.size(), "cifar10: ", path.string(), " record ", i,
            " has label ", +record[0], "; labels are 0 to 9");
    images.labels.push_back(record[0]);
    images.pixels.insert(images.pixels.end(), record + 1, record + cifar10_record);
  }
}

}  // namespace detail

/// Reads data_batch_1.bin … data_batch_5.bin (50,000 images) or test_batch.bin (10,000). Throws
/// Error for a missing folder or file, a file of the wrong size and a label above 9.
[[nodiscard]] inline ImageSet read_cifar10(const std::filesystem::path& folder, Split split) {
  require(std::filesystem::is_directory(folder), "cifar10: ", folder.string(),
          " is not a folder; it must be the one with data_batch_1.bin … test_batch.bin");
  ImageSet images{.channels = 3, .height = 32, .width = 32, .pixels = {}, .labels = {}};
  const std::size_t files = split == Split::train ? 5 : 1;
  images.labels.reserve(files * detail::cifar10_records_per_file);
  images.pixels.reserve(files * detail::cifar10_records_per_file * detail::cifar10_dim);
  for (std::size_t i = 1; i <= files; ++i) {
    const std::string name =
        split == Split::train ? "data_batch_" + std::to_string(i) + ".bin" : "test_batch.bin";
    detail::append_cifar10_file(folder / name, images);
  }
  return images;
}

}  // namespace scoresde::data
