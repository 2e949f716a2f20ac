// SPDX-License-Identifier: MIT
#include "cli/data_set.hpp"

#include <scoresde/error.hpp>
#include <scoresde/io/image_file.hpp>
#include <scoresde/io/image_folder.hpp>
#include <scoresde/io/image_pack.hpp>

namespace programs {
namespace {

namespace io = scoresde::io;

bool has_images(const std::filesystem::path& folder) {
  for (const auto& entry : io::image_folder_entries(folder))
    if (entry.is_directory() || io::names_image(entry.path())) return true;
  return false;
}

}  // namespace

DataSetKind kind_of_data(const std::filesystem::path& path) {
  if (std::filesystem::is_regular_file(path)) return DataSetKind::pack;
  if (!std::filesystem::is_directory(path)) return DataSetKind::cifar10;
  for (const char* name : {"data_batch_1.bin", "test_batch.bin"})
    if (std::filesystem::exists(path / name)) return DataSetKind::cifar10;
  return has_images(path) ? DataSetKind::folder : DataSetKind::cifar10;
}

DataShape shape_of_data(const std::filesystem::path& path) {
  constexpr std::size_t cifar10_bytes = 50000 * 3 * 32 * 32;
  if (path.empty()) return {.bytes_in_memory = cifar10_bytes};
  switch (kind_of_data(path)) {
    case DataSetKind::pack: {
      const io::ImagePack pack(path);
      const auto& c = pack.contents();
      return {path.string(), c.channels, c.height, c.width, c.classes.size(), 0};
    }
    case DataSetKind::folder: {
      const auto folder = io::list_image_folder(path);
      const auto first = io::read_image(folder.files.front());
      return {path.string(),         3,
              first.height,          first.width,
              folder.classes.size(), folder.files.size() * first.pixels.size()};
    }
    default:
      return {.bytes_in_memory = cifar10_bytes};
  }
}

scoresde::data::SharedImages read_data(const std::filesystem::path& path,
                                       scoresde::data::Split split) {
  constexpr std::size_t most_checked_bytes = std::size_t{8} << 30;  // seconds
  switch (kind_of_data(path)) {
    case DataSetKind::pack: {
      const io::ImagePack pack(path);
      if (pack.pixel_bytes() <= most_checked_bytes) pack.check_images(0, pack.images().size());
      return pack.images();
    }
    case DataSetKind::folder:
      return io::read_image_folder(path);
    default:
      return scoresde::data::read_cifar10(path, split);
  }
}

}  // namespace programs
