// SPDX-License-Identifier: MIT
/// Files that are either complete or absent: read as a whole; written under a temporary name,
/// flushed and renamed.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <scoresde/error.hpp>

namespace scoresde::io {

namespace detail {

using scoresde::text;

/// The kind of a file that is not regular, for messages.
[[nodiscard]] inline const char* special_kind(::mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a special file";
}

/// The file that `path` resolves to, through symbolic links, dangling ones included. Throws Error
/// for a cycle of links.
[[nodiscard]] inline std::filesystem::path behind_links(const std::filesystem::path& path) {
  constexpr int most = 40;  // Linux's own limit
  std::filesystem::path found = path;
  for (int links = 0; links <= most; ++links) {
    std::error_code failure;
    if (!std::filesystem::is_symlink(std::filesystem::symlink_status(found, failure))) return found;
    const auto next = std::filesystem::read_symlink(found, failure);
    require(!failure, "file ", path.string(), " cannot be followed: ", failure.message());
    found = found.parent_path() / next;
  }
  throw Error(text("file ", path.string(), " leads through more than ", most, " symbolic links"));
}

/// The temporary file `<target>.part-<process>` in the target's folder, removed by the destructor
/// unless it was renamed. If the target is a symbolic link, the file that it points to is replaced
/// and the link stays.
class TemporaryFile {
 public:
  /// Throws Error when the target is a device, FIFO, socket or directory, or its folder is missing
  /// or not writable.
  explicit TemporaryFile(const std::filesystem::path& path) {
    struct ::stat old {};
    const bool exists = ::stat(path.c_str(), &old) == 0;
    require(!exists || S_ISREG(old.st_mode), "file ", path.string(), " is ",
            special_kind(old.st_mode), "; only a regular file is replaced");
    target_ = behind_links(path);
    path_ = target_.string() + ".part-" + std::to_string(::getpid());
    ::unlink(path_.c_str());  // left by a killed process with the same id
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                         exists ? S_IRUSR | S_IWUSR : 0666);
    if (descriptor_ < 0) fail("cannot be created");
    if (exists) keep_owner_and_mode(old);
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
    if (std::rename(path_.c_str(), target_.c_str()) != 0) fail("cannot be renamed to its target");
    renamed_ = true;
  }

 private:
  /// As far as possible: only root may change an owner, and some file systems have no modes.
  void keep_owner_and_mode(const struct ::stat& old) {
    const auto nobody = static_cast<::uid_t>(-1);
    bool kept = ::fchown(descriptor_, old.st_uid, old.st_gid) == 0;
    if (!kept) kept = ::fchown(descriptor_, nobody, old.st_gid) == 0;
    // Group permissions are not transferred to another group.
    const ::mode_t withheld = kept ? 0 : S_IRWXG;
    static_cast<void>(::fchmod(descriptor_, old.st_mode & 07777 & ~withheld));
  }

  [[noreturn]] void fail(const char* what) {
    // A destructor does not run when a constructor throws, so errno is saved before clean-up.
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

/// Writes `bytes` to `path` so that a reader finds the old file or the complete new one; nothing
/// else is left in its folder on failure. A symbolic link is followed; an existing file's mode is
/// kept, and its owner where permitted. Throws Error when `path` resolves to a device, FIFO, socket
/// or directory, when the folder is missing or not writable, or when the disk is full.
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

/// The contents of a regular file, at most the first `most` bytes. Throws Error when it is missing,
/// not a regular file or unreadable.
inline std::vector<std::byte> read_file(
    const std::filesystem::path& path,
    std::uintmax_t most = std::numeric_limits<std::uintmax_t>::max()) {
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  require(std::filesystem::exists(status), "file ", path.string(), " does not exist");
  require(std::filesystem::is_regular_file(status), "file ", path.string(),
          " is not a regular file");
  const auto size = std::min(std::filesystem::file_size(path, failure), most);
  std::ifstream stream(path, std::ios::binary);
  require(!failure && stream.is_open(), "file ", path.string(), " cannot be opened");
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  require(static_cast<std::uintmax_t>(stream.gcount()) == size, "file ", path.string(),
          " could only be read up to byte ", stream.gcount(), " of ", size);
  return bytes;
}

/// Files left in the folder of `target` by writers that were killed: regular files named
/// `<target>.part-<number>`, sorted. An active writer has such a file too, so they are known to be
/// stale only to a process that holds the target's lock.
[[nodiscard]] inline std::vector<std::filesystem::path> stale_parts(
    const std::filesystem::path& target) {
  const std::filesystem::path file = detail::behind_links(target);
  const std::string beginning = file.filename().string() + ".part-";
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  std::vector<std::filesystem::path> parts;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(beginning) || name.size() == beginning.size()) continue;
    if (name.find_first_not_of("0123456789", beginning.size()) != std::string::npos) continue;
    if (std::filesystem::is_regular_file(entry.symlink_status(failure)))
      parts.push_back(entry.path());
  }
  std::sort(parts.begin(), parts.end());
  return parts;
}

/// Removes the stale parts of `target` and returns those that were removed. Call it before writing,
/// with the target's lock held.
inline std::vector<std::filesystem::path> remove_stale_parts(const std::filesystem::path& target) {
  std::vector<std::filesystem::path> parts = stale_parts(target);
  std::error_code failure;
  std::erase_if(parts, [&](const auto& part) { return !std::filesystem::remove(part, failure); });
  return parts;
}

/// Checks that write_file_atomically can write `path`, so that a long run fails at its start.
/// Throws Error otherwise.
inline void require_writable_file(const std::filesystem::path& path) {
  detail::TemporaryFile probe(path);
}

/// Creates the folder and its parents if necessary and checks that files can be written to it, so
/// that a long run fails at its start. Throws Error otherwise.
inline void require_writable_folder(const std::filesystem::path& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  require(std::filesystem::is_directory(folder), "folder ", folder.string(),
          " cannot be created: ", failure ? failure.message() : "a file is in its place");
  detail::TemporaryFile probe(folder / ".scoresde-write-test");
}

}  // namespace scoresde::io
