// SPDX-License-Identifier: MIT
/// On Ctrl-C, SIGTERM, SIGHUP (a closed terminal) and SIGPIPE (a closed pipe of its output) a run
/// saves its work and ends.
#pragma once

#include <csignal>
#include <string>

namespace programs {

namespace detail {
inline volatile std::sig_atomic_t stop_signal = 0;
}

/// From now on the first SIGINT, SIGTERM, SIGHUP or SIGPIPE only requests a stop; a second one of
/// the same kind ends the process as usual, but for SIGPIPE, which every further line of output
/// raises. SIGHUP and SIGPIPE stay ignored if they were ignored before, as under nohup. With
/// `under_mpirun` SIGUSR1 requests a stop too, which mpirun passes on to all ranks without ending
/// them.
inline void catch_stop_signals(bool under_mpirun = false) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1}) {
    if (number == SIGUSR1 && !under_mpirun) continue;
    struct sigaction before {};
    sigaction(number, nullptr, &before);
    if ((number == SIGHUP || number == SIGPIPE) && before.sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = [](int signal) { detail::stop_signal = signal; };
    action.sa_flags = static_cast<int>(number == SIGPIPE ? SA_RESTART : SA_RESETHAND | SA_RESTART);
    sigaction(number, &action, nullptr);
  }
}

/// Whether a signal has requested a stop.
[[nodiscard]] inline bool stop_requested() { return detail::stop_signal != 0; }

/// The number of that signal, 0 if there is none.
[[nodiscard]] inline int stop_signal() { return static_cast<int>(detail::stop_signal); }
/// As if this process had received the signal, which another rank has.
inline void request_stop(int number) { detail::stop_signal = number; }

/// The exit status of a run: 0, or 128 + n after signal n.
[[nodiscard]] inline int stop_status() {
  return stop_requested() ? 128 + static_cast<int>(detail::stop_signal) : 0;
}

/// The name of the signal that has requested a stop, such as "SIGINT".
[[nodiscard]] inline std::string stop_signal_name() {
  switch (detail::stop_signal) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGPIPE:
      return "SIGPIPE";
    case SIGUSR1:
      return "SIGUSR1";
    default:
      return "SIGHUP";
  }
}

}  // namespace programs
