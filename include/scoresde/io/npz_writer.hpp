// SPDX-License-Identifier: MIT
/// Writes NumPy's .npz files, with stored entries, as numpy.savez does.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/detail/byte_cursor.hpp>
#include <scoresde/io/detail/zip_writer.hpp>
#include <scoresde/io/npy.hpp>

namespace scoresde::io {

/// Collects named arrays of float, double or std::uint8_t, and writes them to one file.
class NpzWriter {
 public:
  /// The array `name`, in C order. Throws Error when the number of values does not match the shape.
  template <class T>
  void add(const std::string& name, const std::vector<std::size_t>& shape,
           std::span<const T> values) {
    static_assert(
        std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::uint8_t>,
        "NpzWriter::add: T must be float, double or std::uint8_t");
    require(detail::byte_count(shape, sizeof(T)) == values.size_bytes(), "npz array ", name, ": ",
            values.size(), " values do not match the shape");
    const char* const type = sizeof(T) == 8 ? "<f8" : sizeof(T) == 4 ? "<f4" : "|u1";
    const std::string header = detail::npy_header(type, shape);
    std::vector<std::byte> bytes(header.size() + values.size_bytes());
    std::memcpy(bytes.data(), header.data(), header.size());
    if (!values.empty())
      std::memcpy(bytes.data() + header.size(), values.data(), values.size_bytes());
    arrays_.emplace_back(name + ".npy", std::move(bytes));
  }

  /// Writes the file as write_file_atomically does. Throws Error as that does, and above 4 GiB.
  void write(const std::filesystem::path& path) const {
    detail::TemporaryFile target(path);
    detail::ZipWriter zip(target);
    for (const auto& [name, bytes] : arrays_) zip.add(name, bytes);
    zip.finish();
    target.rename_to_target();
  }

 private:
  std::vector<std::pair<std::string, std::vector<std::byte>>> arrays_;
};

}  // namespace scoresde::io
