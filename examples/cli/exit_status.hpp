// SPDX-License-Identifier: MIT
/// The exit statuses of all programs.
///
///   0        done
///   1        failed; one line on stderr gives the reason
///   2        invalid command line, by itself or for the network it names; nothing was written
///   3        the folder of --out is in use by another process; nothing was read or written
///   128 + n  stopped by signal n after saving finished work: 129 SIGHUP, 130 SIGINT, 141 SIGPIPE,
///            143 SIGTERM; 138 SIGUSR1 on several ranks; 153 SIGXFSZ, a file would exceed the limit
///            of ulimit -f: what was saved before stays
///
/// On several ranks one that fails ends all of them with its status, 1 to 3.
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
