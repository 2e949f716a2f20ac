// SPDX-License-Identifier: MIT
/// train_log.csv, or train_log.jsonl: one row every few steps; a resumed run continues it.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>

namespace programs {

/// JSON lines have one object per row, with the columns of the CSV as names.
enum class LogFormat { csv, json_lines };

[[nodiscard]] inline const char* log_name(LogFormat format) {
  return format == LogFormat::csv ? "train_log.csv" : "train_log.jsonl";
}

/// The format that a log has by its name.
[[nodiscard]] inline LogFormat format_of_log(const std::filesystem::path& path) {
  return path.extension() == ".jsonl" ? LogFormat::json_lines : LogFormat::csv;
}

/// The number that follows `key` in a row, NaN if there is none.
[[nodiscard]] inline double number_in(const std::string& row, const std::string& key) {
  const std::size_t at = row.find(key);
  if (at == std::string::npos) return std::nan("");
  const char* const begin = row.c_str() + at + key.size();
  char* end = nullptr;
  const double value = std::strtod(begin, &end);
  return end == begin ? std::nan("") : value;
}
[[nodiscard]] inline double step_of(const std::string& row) {
  return number_in(row, row.starts_with('{') ? "\"step\":" : "");
}

/// The rows of a log up to a step, without the header of a CSV. A row that a full disk has cut off
/// is not one.
[[nodiscard]] inline std::vector<std::string> rows_up_to(const std::filesystem::path& path,
                                                         std::uint64_t step) {
  std::ifstream old(path);
  std::vector<std::string> kept;
  std::string line;
  if (format_of_log(path) == LogFormat::csv) std::getline(old, line);
  while (std::getline(old, line) && !old.eof()) {
    if (line.empty() || !(step_of(line) <= static_cast<double>(step))) break;
    kept.push_back(line);
  }
  return kept;
}

/// The training time in a row of a log.
[[nodiscard]] inline double seconds_of(const std::string& row) {
  if (row.starts_with('{')) return number_in(row, "\"seconds\":");
  const std::size_t images = row.find(',') + 1;
  return number_in(row.substr(row.find(',', images) + 1), "");
}

/// The training time of a run up to the step of its checkpoint. Throws Error if the log does not
/// have it.
[[nodiscard]] inline double seconds_at(const std::filesystem::path& log, std::uint64_t step) {
  if (step == 0) return 0;
  const std::vector<std::string> rows = rows_up_to(log, step);
  scoresde::require(!rows.empty() && step_of(rows.back()) == static_cast<double>(step), "log ",
                    log.string(), ": there is no row of step ", step,
                    ", that of the checkpoint; its training time is required");
  return seconds_of(rows.back());
}

/// Writes a log with these rows, after a header unless it is empty, and opens it for appending.
[[nodiscard]] inline std::ofstream continued_log(const std::filesystem::path& path,
                                                 const std::string& header,
                                                 const std::vector<std::string>& rows) {
  std::string kept = header.empty() ? "" : header + '\n';
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

  /// Creates a log in the format of its name, or with `resume_step` > 0 continues the one at
  /// `path`, whose rows may be those of a release that did not count skipped steps.
  TrainLog(const std::filesystem::path& path, std::uint64_t resume_step)
      : path_(path), json_(format_of_log(path) == LogFormat::json_lines) {
    std::vector<std::string> kept;
    if (resume_step > 0) kept = rows_up_to(path, resume_step);
    for (std::string& row : kept)
      if (!json_ && std::count(row.begin(), row.end(), ',') == 5) row += ",0";
    if (!kept.empty()) seconds_ = seconds_of(kept.back());
    stream_ = continued_log(path, json_ ? "" : header, kept);
  }

  /// Training time of the rows kept.
  [[nodiscard]] double seconds() const { return seconds_; }

  /// Throws Error if the row cannot be written.
  void write(const TrainLogRow& row) {
    stream_ << line_of(row) << std::flush;
    scoresde::require(stream_.good(), "log ", path_.string(),
                      " cannot be written: ", std::strerror(errno));
  }

 private:
  [[nodiscard]] std::string line_of(const TrainLogRow& row) const {
    const std::array<std::pair<const char*, std::string>, 7> columns{
        {{"step", std::to_string(row.step)},
         {"images", std::to_string(row.images)},
         {"seconds", number_text("%.3f", row.seconds)},
         {"loss", number_text("%.9g", row.loss)},
         {"learning_rate", number_text("%.6g", row.learning_rate)},
         {"gradient_norm", number_text("%.6g", row.gradient_norm)},
         {"skipped", std::to_string(row.skipped)}}};
    std::string line;
    for (const auto& [name, value] : columns) {
      if (!line.empty()) line += ',';
      if (json_) line += scoresde::text('"', name, "\":");
      line += value;
    }
    return json_ ? '{' + line + "}\n" : line + '\n';
  }
  /// JSON has no NaN.
  [[nodiscard]] std::string number_text(const char* format, double value) const {
    if (std::isnan(value)) return json_ ? "null" : "nan";
    char text[40];
    std::snprintf(text, sizeof text, format, value);
    return text;
  }

  std::filesystem::path path_;
  bool json_;
  std::ofstream stream_;
  double seconds_ = 0;
};

}  // namespace programs
