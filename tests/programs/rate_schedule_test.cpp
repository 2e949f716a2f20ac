// SPDX-License-Identifier: MIT
/// cifar10_train --schedule.
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/registry/run_configuration.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/made_up_data.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

Words words_of(const TemporaryFolder& data, const std::filesystem::path& out) {
  return tiny_run(data, out) +
         Words{"--network", "nf=8", "--network", "ch_mult=1,2", "--network", "attn_resolutions="};
}

LearningRateSchedule schedule_in(const std::filesystem::path& out) {
  return schedule_of(read_configuration(out / "checkpoint.safetensors"));
}

/// The column learning_rate of train_log.csv.
std::vector<double> rates_in(const std::filesystem::path& out) {
  std::ifstream stream(out / "train_log.csv");
  std::string row;
  std::getline(stream, row);
  std::vector<double> rates;
  while (std::getline(stream, row)) {
    for (int field = 0; field < 4; ++field) row.erase(0, row.find(',') + 1);
    rates.push_back(std::stod(row));
  }
  return rates;
}

}  // namespace

TEST_CASE("a cosine schedule is that of the run's iterations and is kept when it resumes",
          "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto whole = folder / "whole", parts = folder / "parts";
  const Words cosine{"--schedule", "cosine", "--schedule-floor", "0.5"};
  require_success(train_program, words_of(data, whole) + cosine + Words{"--iterations", "4"});
  CHECK(schedule_in(whole) == LearningRateSchedule{RateSchedule::cosine, 4, 0.5});
  require_success(train_program, words_of(data, parts) + cosine +
                                     Words{"--iterations", "2", "--schedule-images", "8"});
  require_success(train_program, words_of(data, parts) + Words{"--iterations", "4", "--resume"});
  CHECK(text_of(whole / "checkpoint.safetensors") == text_of(parts / "checkpoint.safetensors"));
  require_success(train_program, words_of(data, parts) + Words{"--schedule", "cosine", "--resume",
                                                               "--iterations", "5"});
  require_rejected(
      train_program,
      words_of(data, parts) + Words{"--schedule", "cosine", "--schedule-images", "12", "--resume"},
      {"training.schedule_updates is '4' in the file; the run has '6'"});
  require_rejected(train_program,
                   words_of(data, parts) + Words{"--schedule", "constant", "--resume"},
                   {"training.schedule is 'cosine' in the file; the run has none"});
}

TEST_CASE("a decay at the end of a run lowers the rate of its schedule", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto out = folder / "run";
  const Outcome outcome = require_success(
      train_program, words_of(data, out) + Words{"--schedule", "inverse_sqrt", "--schedule-images",
                                                 "4", "--iterations", "8"});
  CHECK(outcome.says("by the inverse square root of the step from 2 on"));
  require_success(train_program, words_of(data, out) + Words{"--resume", "--decay-images", "4"});
  const auto rates = rates_in(out);
  REQUIRE(rates.size() == 10);
  // Update n + 1 has the rate after n; the warm-up is proportional to n.
  CHECK(rates[8] / rates[2] == Approx(8 / 2.0 * std::sqrt(2 / 8.0)).epsilon(1e-4));
  CHECK(rates[9] / rates[8] == Approx(9 / 8.0 * std::sqrt(8 / 9.0) / 2).epsilon(1e-4));
}

TEST_CASE("options that a schedule does not have or lacks are rejected") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto rejects = [&](const Words& more, const Words& words) {
    require_rejected(train_program,
                     words_of(data, folder / "run") + Words{"--iterations", "1"} + more, words);
  };
  rejects({"--schedule", "cosin"}, {"--schedule", "cosine"});
  rejects({"--schedule", "inverse_sqrt"}, {"--schedule-images is missing"});
  rejects({"--schedule", "constant", "--schedule-images", "5"}, {"--schedule-images is for"});
  rejects({"--schedule", "inverse_sqrt", "--schedule-images", "5", "--schedule-floor", "0.1"},
          {"--schedule-floor is for the schedule cosine"});
  rejects({"--schedule-images", "5"}, {"--schedule-images", "--schedule"});
  rejects({"--schedule", "cosine", "--schedule-floor", "2"}, {"--schedule-floor", "0 to 1"});
}
