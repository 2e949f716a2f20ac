// SPDX-License-Identifier: MIT
/// cifar10_train --ablation: equal times, equal data and noise, resumed runs, rejected options.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "programs/cifar10_programs.hpp"
#include "programs/data_sets.hpp"
#include "programs/made_up_data.hpp"

namespace {

using namespace scoresde::test;

const Words tiny_network{"--network",   "nf=8",      "--network",
                         "ch_mult=1,1", "--network", "attn_resolutions="};

Words tiny_ablation(const std::filesystem::path& data, const std::filesystem::path& out,
                    const std::string& minutes) {
  return Words{"--ablation",
               "--data",
               data.string(),
               "--out",
               out.string(),
               "--minutes",
               minutes,
               "--batch",
               "2",
               "--threads",
               "2",
               "--log-every",
               "1",
               "--held-out-images",
               "5",
               "--checkpoint-every",
               "2"} +
         tiny_network;
}

using Row = std::vector<std::string>;

std::vector<Row> rows_of(const std::filesystem::path& path) {
  std::vector<Row> rows;
  std::istringstream lines(text_of(path));
  for (std::string line; std::getline(lines, line);) {
    Row row;
    std::istringstream fields(line);
    for (std::string field; std::getline(fields, field, ',');) row.push_back(field);
    rows.push_back(std::move(row));
  }
  return rows;
}

/// The row of ablation.csv over all noise levels, of each network.
std::map<std::string, Row> means_of(const std::filesystem::path& out) {
  std::map<std::string, Row> means;
  for (const Row& row : rows_of(out / "ablation.csv"))
    if (row.at(7) == "mean") means[row.front()] = row;
  return means;
}

const Words folders{"base",
                    "skip_rescale_false",
                    "resblock_type_ddpm",
                    "progressive_output_skip",
                    "progressive_residual",
                    "progressive_input_none",
                    "progressive_input_input_skip",
                    "fir_false"};

/// Ends the program by a signal after a network has its first checkpoint.
Outcome stopped(const Words& options, const std::filesystem::path& checkpoint, int number) {
  const TemporaryFolder folder;
  const RunningProgram program(program_path(train_program), options, folder / "output");
  REQUIRE(RunningProgram::wait_for(checkpoint));
  program.signal(number);
  return program.wait();
}

}  // namespace

TEST_CASE("a stopped and a killed ablation resume and train all networks for the same time",
          "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto out = folder / "ablation";
  const Words options = tiny_ablation(data.path(), out, "0.02");
  const Outcome first =
      stopped(options, out / "skip_rescale_false" / "checkpoint.safetensors", SIGTERM);
  INFO(first.text);
  CHECK(first.status == 128 + SIGTERM);
  CHECK(first.says("continue with the same options and --resume"));
  require_rejected(train_program, options, {"holds an ablation already", "--resume"});
  const Words resumed = options + Words{"--resume"};
  CHECK(stopped(resumed, out / "progressive_residual" / "checkpoint.safetensors", SIGKILL).status ==
        128 + SIGKILL);
  CHECK_FALSE(std::filesystem::exists(out / "ablation.csv"));
  const Outcome last = require_success(train_program, resumed);
  CHECK(last.says("difference to the base"));

  const auto means = means_of(out);
  CHECK(means.size() == folders.size() + 3);
  CHECK(rows_of(out / "ablation.csv").size() == 1 + (folders.size() + 3) * 9);
  for (const auto& [name, row] : means) {
    INFO(name);
    CHECK(std::stod(row.at(6)) >= 0.02 * 60);
    CHECK(std::stol(row.at(5)) == 2 * std::stol(row.at(4)));
    CHECK(std::stod(row.at(9)) > 0);
  }
  CHECK(means.at("base").at(10) == "0");
  CHECK(means.at("ema_rate=0.99").at(4) == means.at("base").at(4));

  require_rejected(train_program, resumed + Words{"--lr", "0.5"}, {"--lr is '0.001'", "'0.5'"});
  require_rejected(train_program, resumed + Words{"--minutes", "0.01"},
                   {"--minutes is 0.01", "0.02 minutes already"});
  require_rejected(train_program, tiny_run(data, out), {"ablation.json of an earlier run"});
  require_rejected(train_program, tiny_ablation(data.path(), out / "base", "0.02"),
                   {"checkpoint.safetensors of another run"});
}

TEST_CASE("networks of an ablation train on the same data and noise as a run of their own",
          "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto out = folder / "ablation";
  require_success(train_program, tiny_ablation(data.path(), out, "0.001"));
  require_success(train_program, tiny_run(data, folder / "run") + tiny_network +
                                     Words{"--preset", "cifar10_small_ve_ncsnpp", "--iterations",
                                           "1", "--snapshot-every", "0"});
  const auto first_loss = [](const std::filesystem::path& run) {
    return rows_of(run / "train_log.csv").at(1).at(3);
  };
  CHECK(first_loss(out / "base") == first_loss(folder / "run"));
  // The output of an untrained network is almost 0, so its loss is that of images, times and noise.
  for (const std::string& name : folders)
    CHECK(std::stod(first_loss(out / name)) ==
          Approx(std::stod(first_loss(folder / "run"))).epsilon(1e-5));
  // After a few steps the ramp of the average is below every compared rate.
  const auto means = means_of(out);
  for (const char* rate : {"0.9", "0.99", "0.9999"})
    CHECK(means.at(std::string("ema_rate=") + rate).at(8) == means.at("base").at(8));
}

TEST_CASE("options that an ablation decides are rejected by name before it begins") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto out = folder / "ablation";
  const Words usual = tiny_ablation(data.path(), out, "1");
  const auto rejected = [&](const Words& options, const Words& words) {
    const Outcome outcome = run(train_program, options);
    INFO(outcome.text);
    CHECK(outcome.status == 2);
    for (const std::string& word : words) CHECK(outcome.says(word));
  };
  for (const Words& option : {Words{"--iterations", "3"}, Words{"--ema-tracks", "0.1"},
                              Words{"--weights-every", "4"}, Words{"--resume", "--held-out"}})
    rejected(usual + option, {option.back().starts_with("--") ? option.back() : option.front(),
                              "cannot be combined with --ablation"});
  rejected({"--ablation", "--data", data.path().string(), "--out", out.string()},
           {"--minutes is missing"});
  rejected(usual + Words{"--minutes", "0"}, {"--minutes", "'0'"});
  rejected(usual + Words{"--held-out-images", "1"}, {"--held-out-images is 1", "at least 2"});
  rejected(usual + Words{"--network", "fir=false"}, {"fir=false", "--ablation changes"});
  rejected(usual + Words{"--network", "ch_mult=1"}, {"progressive=residual", "it needs 2"});
  const Words plain{"--ablation", "--data", data.path().string(), "--out", out.string(),
                    "--minutes",  "1"};
  rejected(plain + Words{"--preset", "cifar10_classifier_small"}, {"is of a classifier"});
  rejected(plain + Words{"--preset", "vp/ddpm/cifar10"}, {"has the architecture ddpm"});
  rejected(plain + Words{"--backend", "cuda"}, {"--ablation cannot be combined with --backend"});
  CHECK_FALSE(std::filesystem::exists(out));
}

TEST_CASE("an ablation without held-out images or in the folder of a run is rejected") {
  const TemporaryFolder images, data, folder;
  const auto set = make_image_folder(images, 4, 32, 32);
  require_rejected(train_program, tiny_ablation(set, folder / "a", "1"),
                   {"--test-data is missing"});
  require_rejected(train_program, tiny_ablation(set, folder / "a", "1") + Words{"--resume"},
                   {"--resume", "no ablation.json"});
  CHECK_FALSE(std::filesystem::exists(folder / "a"));
  std::filesystem::create_directory(folder / "fir_false");
  const auto log = folder.write("fir_false/train_log.csv", "step,images\n1,2\n");
  require_rejected(train_program, tiny_ablation(set, folder.path(), "1"),
                   {"fir_false holds train_log.csv of another run"});
  CHECK(text_of(log) == "step,images\n1,2\n");
  std::filesystem::remove(log);
  folder.write("ablation.json", "{");
  require_rejected(train_program, tiny_ablation(set, folder.path(), "1") + Words{"--resume"},
                   {"ablation.json", "does not hold the settings of an ablation"});
}
