// SPDX-License-Identifier: MIT
/// train_log.csv: one row every few steps; a resumed run continues it.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>

namespace programs {

/// The rows of a log up to a step, without the header; the first field of a row is its step.
[[nodiscard]] inline std::vector<std::string> rows_up_to(const std::filesystem::path& path,
                                                         std::uint64_t step) {
  std::ifstream old(path);
  std::vector<std::string> kept;
  std::string line;
  std::getline(old, line);
  while (std::getline(old, line)) {
    std::istringstream fields(line);
    std::uint64_t row_step = 0;
    if (!(fields >> row_step) || row_step > step) break;
    kept.push_back(line);
  }
  return kept;
}

/// The training time in a row of train_log.csv.
[[nodiscard]] inline double seconds_of(const std::string& row) {
  std::istringstream fields(row);
  std::uint64_t step = 0, images = 0;
  double seconds = 0;
  char comma = 0;
  fields >> step >> comma >> images >> comma >> seconds;
  return seconds;
}

/// The training time of a run up to the step of its checkpoint. Throws Error if the log does not
/// have it.
[[nodiscard]] inline double seconds_at(const std::filesystem::path& log, std::uint64_t step) {
  if (step == 0) return 0;
  const std::vector<std::string> rows = rows_up_to(log, step);
  scoresde::require(!rows.empty() && std::stoull(rows.back()) == step, "log ", log.string(),
                    ": there is no row of step ", step,
                    ", that of the checkpoint; its training time is required");
  return seconds_of(rows.back());
}

/// Writes a log with these rows and opens it for appending.
[[nodiscard]] inline std::ofstream continued_log(const std::filesystem::path& path,
                                                 const char* header,
                                                 const std::vector<std::string>& rows) {
  std::string kept = std::string(header) + '\n';
  for (const std::string& row : rows) kept += row + '\n';
  scoresde::io::write_file_atomically(path, kept);
  std::ofstream stream(path, std::ios::app);
  scoresde::require(stream.is_open(), "log ", path.string(), " cannot be opened");
  return stream;
}

/// One row: means over the steps since the previous row.
struct TrainLogRow {
  std::uint64_t step = 0;    ///< optimizer steps done
  std::uint64_t images = 0;  ///< images trained on
  double seconds = 0;        ///< over all runs, without checkpoints, snapshots, held-out losses
  double loss = 0;
  double learning_rate = 0;
  double gradient_norm = 0;   ///< before clipping
  std::uint64_t skipped = 0;  ///< steps that were not finite, which are not in the means
};

/// The log file. A resumed run keeps the rows up to its checkpoint and drops later ones, whose
/// steps it repeats.
class TrainLog {
 public:
  static constexpr const char* header =
      "step,images,seconds,loss,learning_rate,gradient_norm,skipped";

  /// Creates a log, or with `resume_step` > 0 continues the one at `path`, whose rows may be those
  /// of a release that did not count skipped steps.
  TrainLog(const std::filesystem::path& path, std::uint64_t resume_step) : path_(path) {
    std::vector<std::string> kept;
    if (resume_step > 0) kept = rows_up_to(path, resume_step);
    for (std::string& row : kept)
      if (std::count(row.begin(), row.end(), ',') == 5) row += ",0";
    if (!kept.empty()) seconds_ = seconds_of(kept.back());
    stream_ = continued_log(path, header, kept);
  }

  /// Training time of the rows kept.
  [[nodiscard]] double seconds() const { return seconds_; }

  /// Throws Error if the row cannot be written.
  void write(const TrainLogRow& row) {
    char line[192];
    std::snprintf(line, sizeof line, "%llu,%llu,%.3f,%.9g,%.6g,%.6g,%llu\n",
                  static_cast<unsigned long long>(row.step),
                  static_cast<unsigned long long>(row.images), row.seconds, row.loss,
                  row.learning_rate, row.gradient_norm,
                  static_cast<unsigned long long>(row.skipped));
    stream_ << line << std::flush;
    scoresde::require(stream_.good(), "log ", path_.string(),
                      " cannot be written: ", std::strerror(errno));
  }

 private:
  std::filesystem::path path_;
  std::ofstream stream_;
  double seconds_ = 0;
};

}  // namespace programs
