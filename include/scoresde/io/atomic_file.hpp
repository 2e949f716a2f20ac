// SPDX-License-Identifier: MIT
/// Files that are either whole or absent: read in one piece, written under another name, flushed
/// and renamed.
#pragma once

#include <algorithm>
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
#include <sys/stat.h>
#include <unistd.h>

#include <scoresde/error.hpp>

namespace scoresde::io {

namespace detail {

using scoresde::detail::require;
using scoresde::detail::text;

/// What a file is that is not a regular one, in words.
[[nodiscard]] inline const char* special_kind(::mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a special file";
}

/// The file that `path` leads to: symbolic links are followed, a dangling one too. Throws Error
/// where they lead in a circle.
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

/// The temporary in the target's folder, `<target>.part-<process>`; unless renamed in time, it is
/// removed. A symbolic link is followed: the file that it leads to is replaced, the link stays.
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
    ::unlink(path_.c_str());  // that of a killed process of the same number
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
    if (std::rename(path_.c_str(), target_.c_str()) != 0) fail("cannot be put in place");
    renamed_ = true;
  }

 private:
  /// Only root may give a file away, and some file systems have no modes: as far as possible.
  void keep_owner_and_mode(const struct ::stat& old) {
    const auto nobody = static_cast<::uid_t>(-1);
    bool kept = ::fchown(descriptor_, old.st_uid, old.st_gid) == 0;
    if (!kept) kept = ::fchown(descriptor_, nobody, old.st_gid) == 0;
    // Another group does not get the rights of the old one.
    const ::mode_t withheld = kept ? 0 : S_IRWXG;
    static_cast<void>(::fchmod(descriptor_, old.st_mode & 07777 & ~withheld));
  }

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
/// nothing else is left in its folder on failure. A symbolic link is followed; an existing file's
/// mode is kept, and its owner where the process may. Throws Error when `path` leads to a device,
/// FIFO, socket or directory, when the folder is missing or not writable, or when the disk is full.
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

/// The whole of a regular file. Throws Error when it is missing, not a regular file or unreadable.
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

/// What writers of `target` that were killed left in its folder: regular files named
/// `<target>.part-<number>`, sorted. A writer that is still at work has such a file too: only a
/// process that holds the target's lock can say that they are stale.
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

/// Removes the stale parts of `target` and returns those that are gone; for a process that holds
/// the target's lock, before it writes.
inline std::vector<std::filesystem::path> remove_stale_parts(const std::filesystem::path& target) {
  std::vector<std::filesystem::path> parts = stale_parts(target);
  std::error_code failure;
  std::erase_if(parts, [&](const auto& part) { return !std::filesystem::remove(part, failure); });
  return parts;
}

/// Makes the folder (and its parents) unless it is there, and proves that files can be written in
/// it, so that a long run fails at its start. Throws Error otherwise.
inline void require_writable_folder(const std::filesystem::path& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  detail::require(std::filesystem::is_directory(folder), "folder ", folder.string(),
                  " cannot be made: ", failure ? failure.message() : "a file is in its place");
  detail::TemporaryFile probe(folder / ".scoresde-write-test");
}

}  // namespace scoresde::io
