// SPDX-License-Identifier: MIT
/// Ctrl-C and SIGTERM, which a run answers when it has saved.
#pragma once

#include <csignal>

namespace cifar10 {

namespace detail {
inline volatile std::sig_atomic_t stop_signal = 0;
}

/// From now on the first SIGINT or SIGTERM only asks to stop; a second one kills as usual.
inline void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = [](int signal) { detail::stop_signal = signal; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

/// Whether a signal has asked to stop.
inline bool stop_requested() { return detail::stop_signal != 0; }

}  // namespace cifar10
