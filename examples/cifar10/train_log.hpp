// SPDX-License-Identifier: MIT
/// train_log.csv: one row every few steps, continued by a run that resumes.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>

namespace cifar10 {

/// One row: means over the steps since the row before.
struct TrainLogRow {
  std::uint64_t step = 0;    ///< optimizer steps done
  std::uint64_t images = 0;  ///< pictures seen
  double seconds = 0;        ///< training time, over all runs
  double loss = 0;
  double learning_rate = 0;
  double gradient_norm = 0;  ///< before clipping
};

/// The log file. A resumed run keeps the rows up to its checkpoint and drops later ones, which it
/// computes again.
class TrainLog {
 public:
  static constexpr const char* header = "step,images,seconds,loss,learning_rate,gradient_norm";

  /// Starts a log, or with `resume_step` > 0 continues the one at `path`.
  TrainLog(const std::filesystem::path& path, std::uint64_t resume_step) {
    std::string kept = std::string(header) + '\n';
    if (resume_step > 0) kept += rows_up_to(path, resume_step);
    scoresde::io::write_file_atomically(path, kept);
    stream_.open(path, std::ios::app);
    scoresde::detail::require(stream_.is_open(), "train log ", path.string(), " cannot be opened");
  }

  /// Training time of the rows kept.
  [[nodiscard]] double seconds() const { return seconds_; }

  void write(const TrainLogRow& row) {
    char line[192];
    std::snprintf(line, sizeof line, "%llu,%llu,%.3f,%.9g,%.6g,%.6g\n",
                  static_cast<unsigned long long>(row.step),
                  static_cast<unsigned long long>(row.images), row.seconds, row.loss,
                  row.learning_rate, row.gradient_norm);
    stream_ << line << std::flush;
  }

 private:
  std::string rows_up_to(const std::filesystem::path& path, std::uint64_t step) {
    std::ifstream old(path);
    std::string kept, line;
    std::getline(old, line);
    while (std::getline(old, line)) {
      std::istringstream fields(line);
      std::uint64_t row_step = 0, images = 0;
      double seconds = 0;
      char comma = 0;
      if (!(fields >> row_step >> comma >> images >> comma >> seconds) || row_step > step) break;
      seconds_ = seconds;
      kept += line + '\n';
    }
    return kept;
  }

  std::ofstream stream_;
  double seconds_ = 0;
};

}  // namespace cifar10
