// SPDX-License-Identifier: MIT
/// RunLock: allows one process at a time to write to the folder of a run, by flock(2) on run.lock.
#pragma once

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>

#include "cli/exit_status.hpp"

namespace programs {

namespace detail {

/// The PID in "NAME.part-PID", the temporary names of io::write_file_atomically; 0 for other names.
[[nodiscard]] inline ::pid_t writer_of(std::string_view name) {
  const std::size_t mark = name.rfind(".part-");
  if (mark == std::string_view::npos || mark == 0) return 0;
  const std::string_view digits = name.substr(mark + 6);
  ::pid_t pid = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), pid);
  return code == std::errc{} && end == digits.data() + digits.size() && pid > 0 ? pid : 0;
}

/// Whether a process with that PID runs on this machine.
[[nodiscard]] inline bool process_runs(::pid_t pid) {
  return ::kill(pid, 0) == 0 || errno == EPERM;
}

}  // namespace detail

/// Removes incomplete files of killed processes: regular files NAME.part-PID in the folder whose
/// process no longer runs. Returns their names.
inline std::vector<std::string> remove_left_parts(const std::filesystem::path& folder) {
  std::vector<std::string> removed;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
    const std::string name = entry.path().filename().string();
    const ::pid_t writer = detail::writer_of(name);
    if (writer == 0 || !entry.is_regular_file(failure) || entry.is_symlink(failure)) continue;
    if (writer != ::getpid() && detail::process_runs(writer)) continue;
    if (std::filesystem::remove(entry.path(), failure)) removed.push_back(name);
  }
  return removed;
}

/// Locks a folder until the end of its scope; if the process ends first, the kernel releases the
/// lock. Also removes the folders that it created if they are still empty, so that a run that fails
/// at once leaves nothing.
class RunLock {
 public:
  /// Creates the folder if it does not exist, locks it, and removes incomplete files of a killed
  /// run. Throws FolderInUse, with the PID, if another process has locked it, and Error if it
  /// cannot be created or written to, or if run.lock is a link, a folder or another file that is
  /// not regular.
  explicit RunLock(const std::filesystem::path& folder) : path_(folder / "run.lock") {
    try {
      make(folder);
      lock(folder);
    } catch (...) {
      leave();
      throw;
    }
    const auto checkpoint = folder / "checkpoint.safetensors";
    if (std::filesystem::is_symlink(checkpoint))  // temporary files lie in the target's folder
      for (const auto& part : scoresde::io::remove_stale_parts(checkpoint))
        std::cout << "removed     " << part.string() << ", left by a killed run\n";
    for (const std::string& name : remove_left_parts(folder))
      std::cout << "removed     " << (folder / name).string() << ", left by a killed run\n";
  }
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  ~RunLock() { leave(); }

 private:
  void make(const std::filesystem::path& folder) {
    std::error_code failure;
    for (auto part = std::filesystem::absolute(folder, failure).lexically_normal();
         !part.empty() && !std::filesystem::exists(part, failure); part = part.parent_path()) {
      made_.push_back(part);
      if (part == part.parent_path()) break;
    }
    std::filesystem::create_directories(folder, failure);
    scoresde::require(std::filesystem::is_directory(folder), "--out: folder ", folder.string(),
                      " cannot be made: ", failure ? failure.message() : "a file is in its place");
  }

  void lock(const std::filesystem::path& folder) {
    using scoresde::require;
    for (;;) {
      descriptor_ =
          ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
      require(descriptor_ >= 0 || errno != ELOOP, "--out: ", path_.string(),
              " is a symbolic link; remove it, or choose another folder");
      require(descriptor_ >= 0 || errno != EISDIR, "--out: ", path_.string(),
              " is a folder; remove it, or choose another folder");
      require(descriptor_ >= 0, "--out: folder ", folder.string(),
              " cannot be written: ", std::strerror(errno));
      require_own_file();
      if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) {
        if (is_at_path()) break;
        close();  // its holder removed it between open and flock
        continue;
      }
      if (errno == EWOULDBLOCK) reject(folder);
      std::cerr << "warning: " << folder.string() << " cannot be locked (" << std::strerror(errno)
                << "); do not start other runs in it\n";
      break;
    }
    const std::string text = std::to_string(::getpid()) + '\n';
    const bool written =
        ::ftruncate(descriptor_, 0) == 0 && ::pwrite(descriptor_, text.data(), text.size(), 0) > 0;
    require(written, "--out: folder ", folder.string(),
            " cannot be written: ", std::strerror(errno));
    holds_ = true;
  }

  [[noreturn]] void reject(const std::filesystem::path& folder) {
    char text[32] = {};
    const ::ssize_t count = ::pread(descriptor_, text, sizeof text - 1, 0);
    const std::string pid(text, count > 0 ? std::strcspn(text, "\n") : 0);
    throw FolderInUse(scoresde::text("--out: ", folder.string(), " is in use by process ",
                                     pid.empty() ? "(starting)" : pid,
                                     "; wait until it ends, or choose another folder"));
  }

  /// Throws Error for a device or FIFO, and for a file that has another name as well and would be
  /// overwritten under it.
  void require_own_file() const {
    struct stat opened {};
    scoresde::require(
        ::fstat(descriptor_, &opened) == 0 && S_ISREG(opened.st_mode) && opened.st_nlink <= 1,
        "--out: ", path_.string(),
        " is not a regular file, or has a second name; remove it, or choose another folder");
  }

  [[nodiscard]] bool is_at_path() const {
    struct stat opened {
    }, named{};
    return ::fstat(descriptor_, &opened) == 0 && ::lstat(path_.c_str(), &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
  }

  void close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }

  /// Removes the file before it releases the lock, and never while another process holds it.
  void leave() noexcept {
    if (holds_) ::unlink(path_.c_str());
    close();
    for (const auto& folder : made_) ::rmdir(folder.c_str());  // fails unless empty
  }

  std::filesystem::path path_;
  std::vector<std::filesystem::path> made_;  ///< innermost first
  int descriptor_ = -1;
  bool holds_ = false;
};

}  // namespace programs
