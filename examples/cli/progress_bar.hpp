// SPDX-License-Identifier: MIT
/// A progress bar with rate and remaining time on a terminal, plain lines elsewhere.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>

#include <unistd.h>

namespace programs {

/// Seconds since a fixed time; monotonic.
inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// "1:02:03" or "2:03".
inline std::string clock_text(double seconds) {
  const auto total = static_cast<long>(std::lround(std::clamp(seconds, 0.0, 3.6e7)));
  char text[32];
  if (total >= 3600)
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", total / 3600, total / 60 % 60, total % 60);
  else
    std::snprintf(text, sizeof text, "%ld:%02ld", total / 60, total % 60);
  return text;
}

/// The progress of a run: redrawn in place on a terminal; in a file or pipe, one line at once and
/// one every `plain_interval` seconds.
class ProgressBar {
 public:
  explicit ProgressBar(std::string label, double plain_interval = 30)
      : label_(std::move(label)), interval_(terminal_ ? 0.2 : plain_interval) {}

  /// `fraction` of the work is done; `detail` is printed after the percentage.
  void show(double fraction, const std::string& detail) {
    const double now = seconds_now();
    if (now - shown_ < interval_ && fraction < 1) return;
    shown_ = now;
    const double elapsed = now - start_;
    const double left = fraction > 0 ? elapsed * (1 - fraction) / fraction : 0;
    if (terminal_)
      std::printf("\r%s [%s] %3.0f%%  %s  %s left\x1b[K", label_.c_str(), bar(fraction).c_str(),
                  100 * fraction, detail.c_str(), clock_text(left).c_str());
    else
      std::printf("%s %5.1f%%  %s  %s left\n", label_.c_str(), 100 * fraction, detail.c_str(),
                  clock_text(left).c_str());
    std::fflush(stdout);
    open_ = terminal_;
  }

  /// Ends the bar's line, so that other text can follow.
  void end_line() {
    if (open_) std::printf("\n");
    open_ = false;
    std::fflush(stdout);
  }

  ~ProgressBar() { end_line(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

 private:
  static std::string bar(double fraction) {
    constexpr int width = 24;
    const int full = std::clamp(static_cast<int>(fraction * width), 0, width);
    return std::string(static_cast<std::size_t>(full), '#') +
           std::string(static_cast<std::size_t>(width - full), '.');
  }

  std::string label_;
  bool terminal_ = ::isatty(STDOUT_FILENO) != 0;
  double interval_;
  double start_ = seconds_now();
  double shown_ = start_ - interval_;
  bool open_ = false;
};

}  // namespace programs
