// SPDX-License-Identifier: MIT
/// cifar10_train and cifar10_sample as programs: help, rejected options, one run end to end.
#include "programs/cifar10_programs.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <scoresde/io/safetensors.hpp>

#include "programs/made_up_data.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace {

using scoresde::io::read_safetensors;
using scoresde::test::make_data;
using scoresde::test::Outcome;
using scoresde::test::program_path;
using scoresde::test::RunningProgram;
using scoresde::test::TemporaryFolder;
using scoresde::test::text_of;
using scoresde::test::tiny_run;
using scoresde::test::operator+;
using scoresde::test::require_rejected;
using scoresde::test::require_success;
using scoresde::test::sample_program;
using scoresde::test::train_program;
using scoresde::test::Words;

/// Rows of a log without the seconds, which differ between runs.
std::map<std::string, std::string> log_rows(const std::filesystem::path& path) {
  std::ifstream stream(path);
  std::string line;
  std::getline(stream, line);
  REQUIRE(line == "step,images,seconds,loss,learning_rate,gradient_norm,skipped");
  std::map<std::string, std::string> rows;
  while (std::getline(stream, line)) {
    const auto images = line.find(',') + 1, seconds = line.find(',', images) + 1;
    const auto loss = line.find(',', seconds);
    const std::string step = line.substr(0, images - 1);
    REQUIRE(rows.count(step) == 0);
    rows[step] = line.substr(images, seconds - images) + line.substr(loss);
  }
  return rows;
}

}  // namespace

TEST_CASE("both programs describe their options with --help") {
  for (const char* program : {train_program, sample_program}) {
    const Outcome help = require_success(program, {"--help"});
    for (const char* option : {"--out", "--seed", "--batch", "--threads", "xample"})
      REQUIRE(help.says(option));
  }
}

TEST_CASE("cifar10_train lists its presets with their number of parameters") {
  const Outcome outcome = require_success(train_program, {"--list-presets"});
  for (const char* word : {"cifar10_small", "vp/cifar10_ddpmpp_continuous", "61,804,419",
                           "ve/ffhq_ncsnpp_continuous", "105,785,880", "1024x1024"})
    CHECK(outcome.says(word));
}

TEST_CASE("cifar10_train rejects invalid options and leaves no files") {
  const TemporaryFolder folder;
  const std::string out = (folder / "run").string(), data = (folder / "data").string();
  const Words usual{"--out", out, "--data", data};
  require_rejected(train_program, {}, {"--out"});
  require_rejected(train_program, {"--out", out}, {"--data"});
  require_rejected(train_program, usual, {data, "neither a folder nor an image pack"});
  require_rejected(train_program, usual + Words{"--preset", "huge"}, {"huge", "cifar10_small"});
  require_rejected(train_program, usual + Words{"--preset", "ve/church_ncsnpp_continuous"},
                   {"256x256", "32x32"});
  require_rejected(train_program, usual + Words{"--resume"}, {"--resume", "no checkpoint"});
  require_rejected(train_program, usual + Words{"--batch", "-3"}, {"--batch", "-3"});
  require_rejected(train_program, usual + Words{"--lr", "nan"}, {"--lr", "nan"});
  require_rejected(train_program, usual + Words{"--minutes", "soon"}, {"--minutes", "soon"});
  require_rejected(train_program, usual + Words{"--batch", "4", "--network-batch", "3"},
                   {"--network-batch", "divide"});
  require_rejected(train_program, usual + Words{"--itterations", "3"}, {"--itterations"});
  const auto network = [&](const Words& settings, const Words& words) {
    Words options = usual;
    for (const std::string& setting : settings) options = options + Words{"--network", setting};
    require_rejected(train_program, options, words);
  };
  network({"image_size=16"}, {"--network", "16x16", "32x32"});
  network({"image_width=64"}, {"--network", "64x32", "32x32"});
  network({"num_channels=1"}, {"--network", "1 channels", "32x32 and 3"});
  network({"attn_resolutions=7"}, {"attn_resolutions is 7;", "heights of 32,16,8"});
  network({"ch_mult=1"}, {"attn_resolutions is 16,8;", "heights of 32,"});
  require_rejected(train_program, {"--out", out, "--export-ema", out + "/ema"}, {"does not exist"});
  require_rejected(train_program, {"--out", out, "--export-ema", out + "/ema", "--iterations", "3"},
                   {"--iterations is for training", "--export-ema only writes"});
  require_rejected(train_program, usual + Words{"--keep", "3", "--keep-every", "0"},
                   {"--keep is for", "--keep-every, which is 0"});
  std::filesystem::create_directory(folder / "data");
  require_rejected(train_program, usual, {"data_batch_1.bin", "does not exist"});
  require_rejected(train_program, {"--data", data, "--out", "/proc/self/run"}, {"/proc/self/run"});
  REQUIRE_FALSE(std::filesystem::exists(folder / "run" / "train_log.csv"));
}

TEST_CASE("an invalid command line ends with status 2") {
  const TemporaryFolder folder;
  const std::string out = (folder / "out").string();
  const auto rejected = [&](const char* program, const Words& options, const std::string& word) {
    const Outcome outcome = scoresde::test::run(program, Words{"--out", out} + options);
    INFO("options: " << options.front() << ", output: " << outcome.text);
    CHECK(outcome.status == 2);
    CHECK(outcome.says(word));
    CHECK_FALSE(std::filesystem::exists(out));
  };
  rejected(train_program, {"--network", "nf=0"}, "nf is 0");
  rejected(train_program, {"--network", "nf"}, "KEY=VALUE");
  rejected(train_program, {"--ema-tracks", "0.5"}, "at most 0.2886");
  rejected(sample_program, {"--eps", "1"}, "--eps is 1; it must be below");
  rejected(sample_program, {"--solver", "karras-heun", "--s-tmin", "5", "--s-tmax", "1"},
           "--s-tmin is 5 and --s-tmax 1");
  rejected(sample_program, {"--guidance", "1"}, "--guidance");
  rejected(sample_program, {"--sampler", "P1000", "--steps", "10"}, "fixes the number of steps");
  rejected(sample_program, {"--snr", "inf"}, "above 0 and below 1e+300");
  rejected(sample_program, {"--rho", "1e308"}, "above 0 and below 1e+300");
  rejected(sample_program, {"--predictor", "ddim", "--eta", "5"},
           "--eta 5: DDIM: eta is 5; it must lie in [0, 1]");
  const Words karras{"--solver", "unipc-2", "--grid", "karras", "--rho"};
  rejected(sample_program, karras + Words{"1e-5"}, "--rho 1e-05: ");
  rejected(sample_program, karras + Words{"1e200"}, "--rho 1e+200: ");
  rejected(sample_program, {"--solver", "sa-solver-2", "--tau", "1e200"}, "--tau 1e+200: ");
}

TEST_CASE("an empty path ends with status 2 and the name of its option") {
  const TemporaryFolder folder;
  const std::string out = (folder / "out").string();
  const auto rejected = [&](const char* program, const std::string& option, Words more) {
    const Outcome outcome = scoresde::test::run(program, Words{option, ""} + more);
    INFO(option << ": " << outcome.text);
    CHECK(outcome.status == 2);
    CHECK(outcome.says(option + ": '': it must be a path"));
    CHECK_FALSE(std::filesystem::exists(out));
  };
  rejected(sample_program, "--out", {});
  rejected(sample_program, "--checkpoint", {"--out", out});
  rejected(train_program, "--out", {});
  rejected(train_program, "--data", {"--out", out});
  rejected(train_program, "--export-ema", {"--out", out});
}

TEST_CASE("a negative number is rejected by every option that takes a natural number") {
  const TemporaryFolder folder;
  const std::string out = (folder / "out").string();
  const auto check = [&](const char* program, const Words& options) {
    for (const std::string& option : options) {
      const Outcome outcome = scoresde::test::run(program, {"--out", out, option, "-1"});
      INFO(option << ": " << outcome.text);
      CHECK(outcome.status == 2);
      CHECK(outcome.says(option));
      CHECK(outcome.says("-1"));
    }
  };
  check(train_program,
        {"--iterations", "--batch", "--network-batch", "--decay-images", "--seed", "--log-every",
         "--checkpoint-every", "--keep-every", "--keep", "--snapshot-every", "--snapshot-steps",
         "--weights-every", "--held-out-images", "--ema-images", "--threads", "--device",
         "--autotune"});
  check(sample_program,
        {"--steps", "--nfe", "--steps-offset", "--corrector-steps", "--samples", "--first-sample",
         "--batch", "--columns", "--seed", "--threads", "--device", "--autotune"});
}

TEST_CASE("cifar10_sample rejects invalid options and leaves no files") {
  const TemporaryFolder folder;
  const std::string out = (folder / "images").string();
  const auto with = [&](const Words& more) { return Words{"--out", out} + more; };
  require_rejected(sample_program, {}, {"--out"});
  require_rejected(sample_program, with({"--steps", "0"}), {"--steps", "0"});
  require_rejected(sample_program, with({"--snr", "-0.1"}), {"--snr", "-0.1"});
  require_rejected(sample_program, with({"--solver", "magic"}), {"magic", "dopri5"});
  require_rejected(sample_program, with({"--predictor", "magic"}), {"magic", "ancestral"});
  require_rejected(sample_program, with({"--corrector", "magic"}), {"magic", "langevin"});
  require_rejected(sample_program, with({"--checkpoint", out + "/none"}), {"none", "not exist"});
  const auto text = folder.write("text", "this is not a checkpoint");
  require_rejected(sample_program, with({"--checkpoint", text.string()}), {"text", "header"});
  require_rejected(sample_program, with({"--checkpoint", folder.path().string()}),
                   {"is a folder", "scoresde_convert"});
  const auto torch =
      std::filesystem::path(SCORESDE_SOURCE_DIR) / "tests/golden/checkpoints/tiny.pth";
  require_rejected(sample_program, with({"--checkpoint", torch.string()}),
                   {"is a PyTorch file", "scoresde_convert"});
  const auto empty = folder.write("empty", "");
  require_rejected(sample_program, with({"--checkpoint", empty.string()}), {"empty"});
  scoresde::io::TensorFile foreign;
  const std::vector<float> weights(4);
  foreign.set<float>("encoder.weight", {2, 2}, weights);
  write_safetensors(folder / "foreign", foreign);
  require_rejected(sample_program, with({"--checkpoint", (folder / "foreign").string()}),
                   {"foreign", "format"});
  REQUIRE_FALSE(std::filesystem::exists(folder / "images"));
}

TEST_CASE("a resumed run equals an uninterrupted one, and can be sampled", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto whole = folder / "whole", parts = folder / "parts";
  const Outcome outcome =
      require_success(train_program, tiny_run(data, whole) + Words{"--iterations", "5"});
  for (const char* word : {"cifar10_small", "parameters", "seed", "MiB of workspace", "threads"})
    REQUIRE(outcome.says(word));
  require_success(train_program, tiny_run(data, parts) + Words{"--iterations", "3"});
  require_rejected(train_program, tiny_run(data, parts), {"holds a run already", "--resume"});
  require_rejected(train_program, tiny_run(data, parts) + Words{"--resume", "--lr", "0.5"},
                   {"learning_rate", "0.5"});
  require_success(train_program, tiny_run(data, parts) + Words{"--iterations", "5", "--resume"});
  REQUIRE(text_of(whole / "checkpoint.safetensors") == text_of(parts / "checkpoint.safetensors"));
  REQUIRE(log_rows(whole / "train_log.csv").size() == 5);
  REQUIRE(log_rows(whole / "train_log.csv") == log_rows(parts / "train_log.csv"));
  REQUIRE(std::filesystem::exists(whole / "snapshot_0000003.png"));

  // rows past the checkpoint are dropped and computed again
  std::ofstream(parts / "train_log.csv", std::ios::app) << "6,12,1,9,9,9\n";
  require_success(train_program, tiny_run(data, parts) + Words{"--iterations", "6", "--resume"});
  REQUIRE(log_rows(parts / "train_log.csv").size() == 6);
  REQUIRE(text_of(parts / "train_log.csv").find("9,9,9") == std::string::npos);

  const std::string weights = (folder / "ema.safetensors").string();
  require_success(train_program, {"--out", whole.string(), "--export-ema", weights});
  REQUIRE(std::filesystem::file_size(weights) <= 8'000'000);
  // the run's own checkpoint, under any name, is replaced only with the flag
  const std::string checkpoint = (parts / "checkpoint.safetensors").string();
  const std::string before = text_of(checkpoint);
  std::filesystem::create_symlink(checkpoint, folder / "link");
  for (const std::string& file : {checkpoint, (folder / "link").string()})
    require_rejected(train_program, {"--out", parts.string(), "--export-ema", file},
                     {"--export-ema", file, "training run", "--overwrite"});
  REQUIRE(text_of(checkpoint) == before);
  require_rejected(train_program, tiny_run(data, folder / "new") + Words{"--overwrite"},
                   {"--overwrite", "--export-ema"});
  require_success(train_program,
                  {"--out", parts.string(), "--export-ema", checkpoint, "--overwrite"});
  REQUIRE(read_safetensors(checkpoint).metadata.at("format") == "scoresde weights");
  const auto samples = [&](const std::string& from, const Words& more) {
    const auto out = folder / "images";
    require_success(
        sample_program,
        Words{"--checkpoint", from, "--out", out.string(), "--steps", "2", "--overwrite"} + more);
    REQUIRE(std::filesystem::exists(out / "samples.png"));
    return read_safetensors(out / "samples.safetensors").at("samples");
  };
  const auto run_file = (whole / "checkpoint.safetensors").string();
  const auto four = samples(run_file, {"--samples", "4"});
  REQUIRE(four.shape == std::vector<std::size_t>{4, 3, 32, 32});
  // exported weights, another batch size and another first sample change nothing
  REQUIRE(four.bytes == samples(weights, {"--samples", "4", "--batch", "3"}).bytes);
  const auto last = samples(weights, {"--samples", "1", "--first-sample", "3"});
  REQUIRE(std::equal(last.bytes.begin(), last.bytes.end(), four.bytes.end() - 12288));
  REQUIRE(four.bytes != samples(weights, {"--samples", "4", "--seed", "7"}).bytes);
  // finished samples are replaced only with the flag
  const std::string kept = text_of(folder / "images" / "samples.npy");
  require_rejected(sample_program,
                   {"--checkpoint", weights, "--out", (folder / "images").string(), "--samples",
                    "1", "--steps", "2"},
                   {"--out", "holds finished samples", "--overwrite"});
  REQUIRE(text_of(folder / "images" / "samples.npy") == kept);
}

TEST_CASE("both programs reject a truncated checkpoint and do not modify it") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto run_folder = folder / "run";
  require_success(train_program, tiny_run(data, run_folder) + Words{"--iterations", "1"});
  const auto checkpoint = run_folder / "checkpoint.safetensors";
  const auto size = std::filesystem::file_size(checkpoint);
  std::filesystem::resize_file(checkpoint, size / 2);
  require_rejected(train_program, tiny_run(data, run_folder) + Words{"--resume"},
                   {"checkpoint.safetensors"});
  require_rejected(sample_program,
                   {"--checkpoint", checkpoint.string(), "--out", (folder / "none").string()},
                   {"checkpoint.safetensors"});
  REQUIRE(std::filesystem::file_size(checkpoint) == size / 2);
  REQUIRE_FALSE(std::filesystem::exists(folder / "none"));
}

TEST_CASE("Ctrl-C, SIGTERM, SIGHUP and SIGPIPE save before the run ends, each with its status",
          "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
    const auto out = folder / std::to_string(number);
    const RunningProgram program(program_path(train_program), tiny_run(data, out),
                                 folder / "output");
    REQUIRE(RunningProgram::wait_for(out / "checkpoint.safetensors"));
    program.signal(number);
    const Outcome outcome = program.wait();
    INFO("output: " << outcome.text);
    REQUIRE(outcome.status == 128 + number);
    REQUIRE(outcome.says("stopped by a signal"));
    REQUIRE_FALSE(std::filesystem::exists(out / "run.lock"));
    const auto rows = log_rows(out / "train_log.csv");
    REQUIRE(read_safetensors(out / "checkpoint.safetensors").metadata.at("step") ==
            std::to_string(rows.size()));
  }
}
