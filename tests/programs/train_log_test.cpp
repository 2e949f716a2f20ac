// SPDX-License-Identifier: MIT
/// The log of cifar10_train in both formats.
#include "cli/train_log.hpp"

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <scoresde/io/json.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/made_up_data.hpp"

using namespace scoresde;
using namespace scoresde::test;
using programs::TrainLog;
using programs::TrainLogRow;

namespace {

const TrainLogRow first{.step = 10,
                        .images = 80,
                        .seconds = 1.5,
                        .loss = 0.25,
                        .learning_rate = 1e-4,
                        .gradient_norm = 2},
    skipped{.step = 20,
            .images = 160,
            .seconds = 3,
            .loss = std::nan(""),
            .learning_rate = 2e-4,
            .gradient_norm = std::nan(""),
            .skipped = 10};

void write(const std::filesystem::path& path, std::uint64_t resume_step,
           const std::vector<TrainLogRow>& rows) {
  TrainLog log(path, resume_step);
  for (const TrainLogRow& row : rows) log.write(row);
}

}  // namespace

TEST_CASE("JSON lines are objects with the columns of the CSV, and null for NaN") {
  const TemporaryFolder folder;
  write(folder / "train_log.csv", 0, {first, skipped});
  CHECK(text_of(folder / "train_log.csv") ==
        std::string(TrainLog::header) +
            "\n10,80,1.500,0.25,0.0001,2,0\n20,160,3.000,nan,0.0002,nan,10\n");
  write(folder / "train_log.jsonl", 0, {first, skipped});
  std::ifstream stream(folder / "train_log.jsonl");
  std::string line;
  std::getline(stream, line);
  const auto row = io::parse_json(line, 2);
  CHECK(row.size() == 7);
  CHECK(row.at("step") == 10);
  CHECK(row.at("images") == 80);
  CHECK(row.at("seconds") == 1.5);
  CHECK(row.at("loss") == 0.25);
  CHECK(row.at("learning_rate") == 1e-4);
  CHECK(row.at("gradient_norm") == 2);
  CHECK(row.at("skipped") == 0);
  std::getline(stream, line);
  CHECK(io::parse_json(line, 2).at("loss").is_null());
  CHECK(io::parse_json(line, 2).at("skipped") == 10);
}

TEST_CASE("a log goes on at the step of the checkpoint, without rows that were cut off") {
  const TemporaryFolder folder;
  for (const char* name : {"train_log.csv", "train_log.jsonl"}) {
    INFO(name);
    const auto path = folder / name;
    write(path, 0, {first, skipped});
    const std::string whole = text_of(path);
    CHECK(programs::seconds_at(path, 20) == 3);
    CHECK_THROWS_WITH(programs::seconds_at(path, 15), Catch::Contains("no row of step 15"));
    CHECK(TrainLog(path, 10).seconds() == 1.5);
    CHECK(programs::rows_up_to(path, 1000).size() == 1);
    write(path, 10, {skipped});
    CHECK(text_of(path) == whole);
    std::ofstream(path, std::ios::app) << whole.substr(whole.rfind("20"), 2);  // of step 2050
    CHECK(programs::rows_up_to(path, 1000).size() == 2);
    write(path, 1000, {});
    CHECK(text_of(path) == whole);
    std::ofstream(path, std::ios::app) << "no row\n";
    CHECK(programs::rows_up_to(path, 1000).size() == 2);
  }
}

TEST_CASE("rows of a log without the number of skipped steps go on with it") {
  const TemporaryFolder folder;
  const auto path = folder.write(
      "train_log.csv", "step,images,seconds,loss,learning_rate,gradient_norm\n10,80,1.5,1,1,1\n");
  write(path, 10, {skipped});
  CHECK(text_of(path) ==
        std::string(TrainLog::header) + "\n10,80,1.5,1,1,1,0\n20,160,3.000,nan,0.0002,nan,10\n");
}

TEST_CASE("a run goes on with the log that it has", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto out = folder / "run";
  const Words words = tiny_run(data, out) + Words{"--network",   "nf=8",      "--network",
                                                  "ch_mult=1,2", "--network", "attn_resolutions="};
  require_success(train_program, words + Words{"--iterations", "2", "--log-format", "jsonl"});
  require_success(train_program, words + Words{"--iterations", "4", "--resume"});
  CHECK_FALSE(std::filesystem::exists(out / "train_log.csv"));
  CHECK(programs::rows_up_to(out / "train_log.jsonl", 100).size() == 4);
  require_rejected(train_program, words + Words{"--resume", "--log-format", "csv"},
                   {"--log-format is csv", "train_log.jsonl"});
  for (const auto& entry : std::filesystem::directory_iterator(out))
    if (entry.path().filename() != "train_log.jsonl") std::filesystem::remove(entry.path());
  require_rejected(train_program, words, {"train_log.jsonl of an earlier run"});
}
