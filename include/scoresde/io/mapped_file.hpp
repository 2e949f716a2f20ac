// SPDX-License-Identifier: MIT
/// MappedFile: a regular file's bytes, mapped read-only, so that large files are not copied.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <scoresde/error.hpp>

namespace scoresde::io {

/// Owns the mapping. If another process truncates the file while it is mapped, access ends this
/// process with SIGBUS, as with every mapping.
class MappedFile {
 public:
  /// Throws Error when the file is missing, not a regular file or unreadable.
  explicit MappedFile(const std::filesystem::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    require(descriptor >= 0, "file ", path.string(), " cannot be opened: ", std::strerror(errno));
    struct ::stat status {};
    const bool known = ::fstat(descriptor, &status) == 0;
    const bool regular = known && S_ISREG(status.st_mode);
    size_ = regular ? static_cast<std::size_t>(status.st_size) : 0;
    void* mapped = nullptr;
    if (size_ != 0) mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    const bool failed = mapped == MAP_FAILED;
    const std::string reason = failed ? std::strerror(errno) : "";  // before close() replaces it
    ::close(descriptor);
    require(regular, "file ", path.string(), " is not a regular file");
    require(!failed, "file ", path.string(), " of ", size_, " bytes cannot be mapped: ", reason);
    first_ = static_cast<const std::byte*>(mapped);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  MappedFile(MappedFile&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~MappedFile() {
    if (first_ != nullptr) ::munmap(const_cast<std::byte*>(first_), size_);
  }

  /// Valid during the lifetime of the MappedFile, or of the one that it was moved to.
  [[nodiscard]] std::span<const std::byte> bytes() const { return {first_, size_}; }

 private:
  const std::byte* first_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace scoresde::io
