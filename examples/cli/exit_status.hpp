// SPDX-License-Identifier: MIT
/// The exit statuses of all programs.
///
///   0        done
///   1        failed; one line on stderr says why
///   2        the command line is not understood; nothing was read or written
///   3        another process uses the folder of --out; nothing was read or written
///   128 + n  stopped by signal n when finished work was saved: 129 SIGHUP, 130 SIGINT, 143 SIGTERM
#pragma once

#include <scoresde/error.hpp>

namespace programs {

inline constexpr int status_done = 0, status_failed = 1, status_usage = 2, status_folder_in_use = 3;

/// Another process holds the lock of --out: status 3.
class FolderInUse : public scoresde::Error {
 public:
  using scoresde::Error::Error;
};

}  // namespace programs
