// SPDX-License-Identifier: MIT
/// Files that are either whole or absent: read in one piece, written beside, flushed and renamed.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <scoresde/error.hpp>

namespace scoresde::io {

namespace detail {

using scoresde::detail::require;
using scoresde::detail::text;

/// The temporary beside the target; unless renamed in time, it is removed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::filesystem::path& target)
      : target_(target), path_(target.string() + ".part-" + std::to_string(::getpid())) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail("cannot be created");
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!renamed_) ::unlink(path_.c_str());
  }

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ::ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail("cannot be written");
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  void rename_to_target() {
    if (::fsync(descriptor_) != 0) fail("cannot be flushed");
    const int closed = ::close(descriptor_);
    descriptor_ = -1;
    if (closed != 0) fail("cannot be closed");
    if (std::rename(path_.c_str(), target_.c_str()) != 0) fail("cannot be put in place");
    renamed_ = true;
  }

 private:
  [[noreturn]] void fail(const char* what) {
    // A destructor does not run when a constructor throws, so the reason is kept before clean-up.
    const std::string reason = std::strerror(errno);
    if (descriptor_ >= 0) {
      ::close(descriptor_);
      descriptor_ = -1;
      ::unlink(path_.c_str());
    }
    throw Error(text("file ", target_.string(), " ", what, ": ", reason));
  }

  std::filesystem::path target_;
  std::string path_;
  int descriptor_ = -1;
  bool renamed_ = false;
};

}  // namespace detail

/// Puts `bytes` at `path` so that a reader sees the old file or the whole new one, never a part;
/// nothing is left beside it on failure.
/// Throws Error when the folder is missing or not writable, or when the disk is full.
inline void write_file_atomically(const std::filesystem::path& path,
                                  std::span<const std::byte> bytes) {
  detail::TemporaryFile file(path);
  file.write(bytes);
  file.rename_to_target();
}

/// The same for text.
inline void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  write_file_atomically(path, std::as_bytes(std::span(text.data(), text.size())));
}

/// The whole of a regular file. Throws Error when it is missing, no regular file or unreadable.
inline std::vector<std::byte> read_file(const std::filesystem::path& path) {
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  detail::require(std::filesystem::exists(status), "file ", path.string(), " does not exist");
  detail::require(std::filesystem::is_regular_file(status), "file ", path.string(),
                  " is not a regular file");
  const auto size = std::filesystem::file_size(path, failure);
  std::ifstream stream(path, std::ios::binary);
  detail::require(!failure && stream.is_open(), "file ", path.string(), " cannot be opened");
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  detail::require(static_cast<std::uintmax_t>(stream.gcount()) == size, "file ", path.string(),
                  " gave ", stream.gcount(), " bytes of ", size);
  return bytes;
}

/// Makes the folder (and its parents) unless it is there, and proves that files can be written in
/// it, so that a long run fails at its start. Throws Error otherwise.
inline void require_writable_folder(const std::filesystem::path& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  detail::require(std::filesystem::is_directory(folder), "folder ", folder.string(),
                  " cannot be made: ", failure ? failure.message() : "a file is in its place");
  detail::TemporaryFile probe(folder / "writable");
}

}  // namespace scoresde::io
