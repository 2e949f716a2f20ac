// SPDX-License-Identifier: MIT
/// A file that is written in pieces at given offsets and renamed when it is complete.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <scoresde/error.hpp>

namespace programs {

/// Throws Error with the system's message if the file cannot be created, read or written.
class StreamedFile {
 public:
  /// Opens the file or creates it; existing contents are kept.
  explicit StreamedFile(std::filesystem::path path) : path_(std::move(path)) {
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail("cannot be opened");
  }
  StreamedFile(const StreamedFile&) = delete;
  StreamedFile& operator=(const StreamedFile&) = delete;
  ~StreamedFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::uint64_t size() const {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail("cannot be read");
    return static_cast<std::uint64_t>(status.st_size);
  }

  /// Truncates the file to `size` bytes, or extends it with zeros.
  void resize(std::uint64_t size) {
    if (::ftruncate(descriptor_, static_cast<::off_t>(size)) != 0) fail("cannot be resized");
  }

  void write(std::uint64_t at, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ::ssize_t count =
          ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<::off_t>(at));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) fail("cannot be written");
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      at += static_cast<std::uint64_t>(count);
    }
  }

  void read(std::uint64_t at, std::span<std::byte> bytes) const {
    while (!bytes.empty()) {
      const ::ssize_t count =
          ::pread(descriptor_, bytes.data(), bytes.size(), static_cast<::off_t>(at));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) fail(count == 0 ? "ends too early" : "cannot be read");
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      at += static_cast<std::uint64_t>(count);
    }
  }

  /// Waits until everything written is on disk.
  void flush() {
    if (::fdatasync(descriptor_) != 0) fail("cannot be flushed");
  }

  /// Flushes the file and renames it to `target`, which may be a link to a file of the same file
  /// system; keeps an existing file's mode. Throws Error if `target` is not a regular file.
  void rename_to(const std::filesystem::path& target) {
    struct stat old {};
    const bool exists = ::stat(target.c_str(), &old) == 0;
    scoresde::require(!exists || S_ISREG(old.st_mode), "file ", target.string(),
                      " is not a regular file; only a regular file is replaced");
    if (exists) static_cast<void>(::fchmod(descriptor_, old.st_mode & 07777));
    if (::fsync(descriptor_) != 0) fail("cannot be flushed");
    std::error_code failure;
    const auto found = exists ? std::filesystem::canonical(target, failure) : target;
    const auto place = failure ? target : found;
    if (std::rename(path_.c_str(), place.c_str()) != 0) fail("cannot be renamed");
    path_ = place;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw scoresde::Error(
        scoresde::text("file ", path_.string(), " ", what, ": ", std::strerror(errno)));
  }

  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace programs
