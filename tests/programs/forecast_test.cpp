// SPDX-License-Identifier: MIT
/// What cifar10_train prints about a run before it begins.
#include "cli/forecast.hpp"

#include <cstddef>
#include <filesystem>
#include <string>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/registry/classifier_configuration.hpp>
#include <scoresde/registry/presets.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/made_up_data.hpp"

using namespace scoresde::test;
using Catch::Contains;
using programs::duration_text;
using programs::time_text;
using programs::TrainOptions;

namespace {

/// Bytes of all files in a folder whose names begin so and end in .safetensors.
double bytes_of(const std::filesystem::path& folder, const std::string& begin) {
  double sum = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(begin) && name.ends_with(".safetensors"))
      sum += static_cast<double>(entry.file_size());
  }
  return sum;
}

}  // namespace

TEST_CASE("durations are texts of two units at most") {
  CHECK(duration_text(3.4) == "3 s");
  CHECK(duration_text(59.4) == "59 s");
  CHECK(duration_text(60) == "1 min");
  CHECK(duration_text(3599) == "1 h 0 min");
  CHECK(duration_text(3 * 3600 + 12 * 60) == "3 h 12 min");
  CHECK(duration_text(86400) == "1 d 0 h");
  CHECK(duration_text(12.125 * 86400) == "12 d 3 h");
}

TEST_CASE("the time of a run follows from that of a step, up to its limit") {
  const std::string whole = time_text(0.5, 7200, 4, 0);
  CHECK_THAT(whole, Contains("8 images/s") && Contains("7200 steps left take 1 h 0 min") &&
                        Contains("until about 20"));
  CHECK_THAT(time_text(0.5, 7200, 4, 30),
             Contains("--minutes allows about 3600") && !Contains("until about"));
  CHECK(time_text(0.5, 7200, 4, 90) == time_text(0.5, 7200, 4, 0));
}

TEST_CASE("dates lie as many days ahead as a run takes") {
  const auto day = [](const std::string& date) { return std::stoi(date.substr(8, 2)); };
  const std::string now = programs::date_in(0), later = programs::date_in(86400 * 2);
  REQUIRE(now.size() == 16);
  CHECK((day(later) - day(now) == 2 || day(later) <= 2));
}

TEST_CASE("the files of a run are those that it writes") {
  TrainOptions options;
  options.keep_every = 2;
  options.keep = 2;
  options.weights_every = 8;
  auto preset = scoresde::nn::preset("cifar10_small");
  preset.n_iters = 9;
  preset.batch_size = 2;
  // 1000 parameters, one additional average
  const auto files = programs::files_of_run(options, preset, 1000, 1, 0);
  CHECK(files.checkpoint == 4 * 5 * 1000);
  CHECK(files.numbered == 2);
  CHECK(files.snapshots == 2);
  CHECK(files.snapshot == 2 * 2 * 1000);
  CHECK(files.bytes() == 4 * 20000 + 2 * 4000);
  CHECK(programs::files_of_run(options, preset, 1000, 1, 5).snapshots == 1);
  options.keep = 0;
  CHECK(programs::files_of_run(options, preset, 1000, 1, 0).numbered == 4);
  CHECK(programs::files_of_run(options, preset, 1000, 1, 5).numbered == 2);
  options.keep_every = options.weights_every = 0;
  CHECK(programs::files_of_run(options, preset, 1000, 1, 0).bytes() == 2 * 20000);
}

TEST_CASE("a run prints its memory, files and time, and writes files of these sizes", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto out = folder / "run";
  const Words words = tiny_run(data, out) + Words{"--network",   "nf=8",      "--network",
                                                  "ch_mult=1,2", "--network", "attn_resolutions="};
  const Words keeping{"--keep-every", "50",  "--iterations",    "100", "--snapshot-every",  "0",
                      "--ema-tracks", "0.1", "--weights-every", "100", "--held-out-images", "2"};
  const Outcome outcome = require_success(train_program, words + keeping);
  for (const char* line : {"memory      about ", "disk        ", "2 numbered ones", "time        ",
                           "2 snapshots of weights", "100 steps left"})
    CHECK(outcome.says(line));
  const auto table =
      scoresde::graph_of(scoresde::read_configuration(out / "checkpoint.safetensors")).parameters();
  TrainOptions options;
  options.keep_every = 50;
  options.weights_every = 100;
  auto preset = scoresde::nn::preset("cifar10_small");
  preset.n_iters = 100;
  preset.batch_size = 2;
  const auto files = programs::files_of_run(options, preset, table.count(), 1, 0);
  // Headers are not counted.
  CHECK(bytes_of(out, "checkpoint_") == Approx(2 * files.checkpoint).epsilon(0.2));
  CHECK(bytes_of(out, "weights_") == Approx(2 * files.snapshot).epsilon(0.4));
  CHECK_FALSE(require_success(train_program, words + keeping + Words{"--resume"}).says("time  "));
}

TEST_CASE("timed steps leave no trace in a run", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto run = [&](const char* name, const Words& more) {
    require_success(train_program, tiny_run(data, folder / name) +
                                       Words{"--network", "nf=8", "--network", "ch_mult=1,2",
                                             "--network", "attn_resolutions=", "--snapshot-every",
                                             "0", "--checkpoint-every", "60"} +
                                       more);
    return text_of(folder / name / "checkpoint.safetensors");
  };
  const std::string timed = run("timed", {"--iterations", "120"});  // more than 100 steps
  run("parts", {"--iterations", "60"});
  CHECK(run("parts", {"--iterations", "120", "--resume"}) == timed);
}
