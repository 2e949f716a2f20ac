// SPDX-License-Identifier: MIT
/// NumPy's .npz files: named arrays, from numpy.savez and numpy.savez_compressed.
///
/// A zip archive of .npy files; the entry `mu.npy` is the array mu. Statistics for the Fréchet
/// distance are published in this format, as mu and sigma.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/detail/byte_cursor.hpp>
#include <scoresde/io/detail/file_kind.hpp>
#include <scoresde/io/mapped_file.hpp>
#include <scoresde/io/npy.hpp>
#include <scoresde/io/pickle_value.hpp>
#include <scoresde/io/tensor_file.hpp>
#include <scoresde/io/zip_archive.hpp>

namespace scoresde::io {

/// Maps the file; an array is read on request, so the others may have any size or type.
class NpzFile {
 public:
  /// Throws Error naming the file when it is missing or not a zip archive.
  [[nodiscard]] static NpzFile open(const std::filesystem::path& path) {
    auto file = std::make_unique<MappedFile>(path);
    try {
      NpzFile read(file->bytes());
      read.file_ = std::move(file);
      read.name_ = path.string();
      return read;
    } catch (const Error& failure) {
      throw Error(scoresde::text("npz file ", path.string(), ": ", failure.what()));
    }
  }

  /// The file in `bytes`, which must outlive it. Throws Error when they are not a zip archive.
  explicit NpzFile(std::span<const std::byte> bytes,
                   ZipChecksums checksums = ZipChecksums::compared)
      : archive_(archive_in(bytes, checksums)) {}

  /// Names of the arrays, sorted.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    archive_.for_each_name([&](std::string_view entry) {
      if (entry.ends_with(ending)) names.emplace_back(entry.substr(0, entry.size() - 4));
    });
    return names;
  }
  [[nodiscard]] bool contains(std::string_view name) const {
    return archive_.contains(std::string(name).append(ending));
  }

  /// The array of this name in C order; `array("mu").as<double>()` converts its elements to double.
  /// Throws Error naming file and array when it does not exist, is damaged, or has a type that
  /// parse_npy does not support.
  [[nodiscard]] TensorFile::Tensor array(std::string_view name) const {
    try {
      require(contains(name), "is not among ", list_of(names()));
      return parse_npy(archive_.read(std::string(name).append(ending)).bytes());
    } catch (const Error& failure) {
      throw Error(scoresde::text("npz file", name_.empty() ? "" : " ", name_, ": array ",
                                 printable(name), ": ", failure.what()));
    }
  }

 private:
  static constexpr std::string_view ending = ".npy";

  [[nodiscard]] static ZipArchive archive_in(std::span<const std::byte> bytes,
                                             ZipChecksums checksums) {
    const std::string_view text = characters(bytes);
    require(text.starts_with("PK"), "it is not a zip archive", detail::beginning_text(bytes));
    return ZipArchive(bytes, checksums);
  }
  [[nodiscard]] static std::string list_of(const std::vector<std::string>& names) {
    std::string list = scoresde::text("the ", names.size(), " of the file:");
    for (std::size_t i = 0; i < names.size() && i < 10; ++i) list += ' ' + printable(names[i]);
    return names.size() > 10 ? list + " ..." : list;
  }

  std::unique_ptr<MappedFile> file_;
  ZipArchive archive_;
  std::string name_;
};

}  // namespace scoresde::io
