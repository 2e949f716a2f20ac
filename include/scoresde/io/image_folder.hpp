// SPDX-License-Identifier: MIT
/// Folders of images: PNG, JPEG and WebP files, in subfolders where they have classes.
///
///   folder/a.png, folder/b.jpg, …            no labels
///   folder/<class>/…/a.png, …                label = position of the class in the sorted names
///
/// Files are recognized by their name's ending (.png, .jpg, .jpeg, .webp, in any case) and sorted
/// by their path, bytewise. Hidden files and files with other endings are not images.
#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <scoresde/data/image_preparation.hpp>
#include <scoresde/data/image_set.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/image_file.hpp>

namespace scoresde::io {

/// The image files of a folder.
struct ImageFolder {
  std::vector<std::filesystem::path> files;
  std::vector<std::uint32_t> labels;  ///< one per file, or none
  std::vector<std::string> classes;   ///< names of the subfolders, sorted
};

/// Whether a name is that of an image file.
[[nodiscard]] inline bool names_image(const std::filesystem::path& path) {
  constexpr std::array<std::string_view, 4> endings{".png", ".jpg", ".jpeg", ".webp"};
  std::string ending = path.extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return path.filename().string().front() != '.' &&
         std::find(endings.begin(), endings.end(), ending) != endings.end();
}

/// The entries of a folder that are not hidden, sorted. Throws Error if it cannot be read.
[[nodiscard]] inline std::vector<std::filesystem::directory_entry> image_folder_entries(
    const std::filesystem::path& folder) {
  std::error_code failure;
  std::filesystem::directory_iterator entry(folder, failure);
  std::vector<std::filesystem::directory_entry> entries;
  for (; !failure && entry != std::filesystem::directory_iterator(); entry.increment(failure))
    if (entry->path().filename().string().front() != '.') entries.push_back(*entry);
  require(!failure, "image folder ", folder.string(), " cannot be read: ", failure.message());
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.path().native() < b.path().native(); });
  return entries;
}

namespace detail {

/// Appends the image files of a folder and its subfolders. Throws Error if one cannot be read.
inline void append_image_files(const std::filesystem::path& folder,
                               std::vector<std::filesystem::path>& files) {
  for (const auto& entry : image_folder_entries(folder)) {
    std::error_code failure;
    if (entry.is_directory(failure) && !entry.is_symlink(failure))
      append_image_files(entry.path(), files);
    else if (names_image(entry.path()))
      files.push_back(entry.path());
  }
}

}  // namespace detail

/// Lists the images of a folder without reading them. Throws Error for a folder that is missing,
/// unreadable or without images, and for images both in the folder and in its subfolders.
[[nodiscard]] inline ImageFolder list_image_folder(const std::filesystem::path& folder) {
  require(std::filesystem::is_directory(folder), "image folder ", folder.string(),
          " is not a folder");
  ImageFolder found;
  std::vector<std::filesystem::path> subfolders;
  for (const auto& entry : image_folder_entries(folder)) {
    std::error_code failure;
    if (entry.is_directory(failure))
      subfolders.push_back(entry.path());
    else if (names_image(entry.path()))
      found.files.push_back(entry.path());
  }
  const std::size_t direct = found.files.size();
  for (const auto& subfolder : subfolders) {
    const std::size_t before = found.files.size();
    detail::append_image_files(subfolder, found.files);
    if (found.files.size() == before) continue;
    require(direct == 0, "image folder ", folder.string(), " has ", direct,
            " images and the subfolder ", subfolder.filename().string(),
            " with images; they must all be in the folder, or all in subfolders, one per class");
    found.labels.resize(found.files.size(), static_cast<std::uint32_t>(found.classes.size()));
    found.classes.push_back(subfolder.filename().string());
  }
  require(!found.files.empty(), "image folder ", folder.string(),
          " has no file that ends in .png, .jpg, .jpeg or .webp");
  return found;
}

/// Reads all images of a folder into memory, as they are: RGB, all of one size. Throws Error as
/// list_image_folder and read_image do, and names the first image of another size.
[[nodiscard]] inline data::ImageSet read_image_folder(const std::filesystem::path& folder,
                                                      const data::ImageLimits& limits = {}) {
  const ImageFolder found = list_image_folder(folder);
  data::ImagePreparer prepare({.crop = data::CenterCrop::none, .size = {}});
  data::ImageSet set{.channels = 3, .height = 0, .width = 0, .pixels = {}, .labels = found.labels};
  for (const auto& file : found.files) {
    const data::RgbImage image = read_image(file, limits);
    if (set.pixels.empty()) {
      set.height = image.height;
      set.width = image.width;
    }
    require(image.height == set.height && image.width == set.width, "image folder ",
            folder.string(), ": ", file.string(), " has ", image.width, " x ", image.height,
            " pixels, and ", found.files.front().string(), " has ", set.width, " x ", set.height,
            "; scoresde_dataset crops and resizes images to one size");
    const std::size_t before = set.pixels.size();
    set.pixels.resize(before + image.pixels.size());
    prepare(image, std::span(set.pixels).subspan(before));
  }
  return set;
}

}  // namespace scoresde::io
