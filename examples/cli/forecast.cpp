// SPDX-License-Identifier: MIT
#include "cli/forecast.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <system_error>

#include <scoresde/error.hpp>

#include "cli/resource_check.hpp"

namespace programs {

RunFiles files_of_run(const TrainOptions& o, const scoresde::nn::Preset& preset,
                      std::size_t parameters, std::size_t tracks, std::uint64_t step) {
  const auto count = static_cast<double>(parameters);
  RunFiles files{.checkpoint = float_bytes((4 + static_cast<double>(tracks)) * count)};
  if (o.keep_every > 0) {
    files.numbered = preset.n_iters / o.keep_every - step / o.keep_every;
    if (o.keep > 0) files.numbered = std::min<std::uint64_t>(files.numbered, o.keep);
  }
  if (o.weights_every > 0) {
    const auto until = [&](std::uint64_t n) { return n * preset.batch_size / o.weights_every; };
    files.snapshots = until(preset.n_iters) - until(step);
    const double sets = 1 + static_cast<double>(std::max<std::size_t>(tracks, 1));
    files.snapshot = float_bytes(sets * count) / 2;  // float16
  }
  return files;
}

void require_space_for_checkpoints(const TrainOptions& o, const RunFiles& files) {
  require_disk_space(o.out, (o.resume ? 1 : 2) * files.checkpoint,
                     "a checkpoint is written next to the one before, which it then replaces");
}

std::string disk_text(const TrainOptions& o, const RunFiles& files) {
  using scoresde::text;
  std::string lines = text("disk        ", size_text(files.checkpoint),
                           " for a checkpoint, twice while it is written");
  if (files.numbered > 0)
    lines += text("; ", files.numbered, " numbered ones, ",
                  size_text(files.checkpoint * static_cast<double>(files.numbered)));
  if (files.snapshots > 0)
    lines += text("; ", files.snapshots, " snapshots of weights, ",
                  size_text(files.snapshot * static_cast<double>(files.snapshots)));
  std::error_code failure;
  const auto space = std::filesystem::space(o.out, failure);
  if (failure) return lines + '\n';
  const auto available = static_cast<double>(space.available);
  lines += text("; ", size_text(available), " are free\n");
  if (files.bytes() > available)
    lines += text("warning     the run needs ", size_text(files.bytes()), " for these files; ",
                  size_text(available),
                  " are free; --keep, --keep-every and --weights-every limit "
                  "them\n");
  return lines;
}

std::string duration_text(double seconds) {
  using scoresde::text;
  if (seconds < 60) return text(std::lround(seconds), " s");
  const auto minutes = std::llround(seconds / 60);
  if (minutes < 60) return text(minutes, " min");
  if (minutes < 24 * 60) return text(minutes / 60, " h ", minutes % 60, " min");
  const auto hours = std::llround(seconds / 3600);
  return text(hours / 24, " d ", hours % 24, " h");
}

std::string date_in(double seconds) {
  const auto now = std::chrono::system_clock::now();
  const std::time_t then = std::chrono::system_clock::to_time_t(
      now + std::chrono::seconds(std::llround(std::min(seconds, 3e9))));
  std::tm local{};
  char date[32] = "";
  if (localtime_r(&then, &local) != nullptr)
    std::strftime(date, sizeof date, "%Y-%m-%d %H:%M", &local);
  return date;
}

std::string time_text(double seconds_per_step, std::uint64_t steps, std::size_t batch,
                      double minutes) {
  char speed[48];
  std::snprintf(speed, sizeof speed, "%.3g images/s",
                static_cast<double>(batch) / seconds_per_step);
  const double whole = static_cast<double>(steps) * seconds_per_step;
  std::string line =
      scoresde::text("time        ", speed, "; ", steps, " steps left take ", duration_text(whole));
  const double limit = 60 * minutes;
  if (minutes > 0 && limit < whole)
    return line + scoresde::text(", of which --minutes allows about ",
                                 std::llround(limit / seconds_per_step), " until ", date_in(limit),
                                 '\n');
  return line +
         scoresde::text(" without checkpoints and snapshots, until about ", date_in(whole), '\n');
}

}  // namespace programs
