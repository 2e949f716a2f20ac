// SPDX-License-Identifier: MIT
/// held_out.csv: the held-out losses of a run.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "cli/train_log.hpp"
#include "cli/training.hpp"

namespace programs {

/// held_out.csv: a row for each noise level of each set of weights. A resumed run continues it,
/// like train_log.csv.
class HeldOutLog {
 public:
  static constexpr const char* header = "step,images,weights,sigma,loss";

  HeldOutLog(const std::filesystem::path& path, std::uint64_t resume_step) {
    std::vector<std::string> kept;
    if (resume_step > 0) kept = rows_up_to(path, resume_step);
    if (!kept.empty()) last_step_ = std::stoull(kept.back());
    stream_ = continued_log(path, header, kept);
  }

  /// Whether an evaluation at this step is in the log.
  [[nodiscard]] bool holds(std::uint64_t step) const { return last_step_ == step; }

  [[nodiscard]] static std::string row(std::uint64_t step, std::uint64_t images,
                                       const std::string& weights, const HeldOutLevel& level) {
    char line[160];
    std::snprintf(line, sizeof line, "%llu,%llu,%s,%.5g,%.9g\n",
                  static_cast<unsigned long long>(step), static_cast<unsigned long long>(images),
                  weights.c_str(), level.sigma, level.loss);
    return line;
  }

  /// All rows of one step.
  void write(std::uint64_t step, const std::string& rows) {
    stream_ << rows << std::flush;
    last_step_ = step;
  }

 private:
  std::ofstream stream_;
  std::optional<std::uint64_t> last_step_;
};

}  // namespace programs
