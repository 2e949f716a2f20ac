// SPDX-License-Identifier: MIT
/// cifar10_train on several ranks of Open MPI.
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>

#include <scoresde/checkpoint/checkpoint.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/made_up_data.hpp"
#include "programs/ranks/on_ranks.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

/// A batch of four images on one thread for each rank.
Words run_words(const TemporaryFolder& data, const std::filesystem::path& out) {
  return tiny_run(data, out) +
         Words{"--batch", "4", "--threads", "1", "--snapshot-every", "2", "--seed", "3"};
}

std::string checkpoint(const std::filesystem::path& out) {
  return text_of(out / "checkpoint.safetensors");
}

/// The rows of the log without the time.
std::string losses(const std::filesystem::path& out) {
  std::istringstream log(text_of(out / "train_log.csv"));
  std::string all, line;
  while (std::getline(log, line)) {
    std::istringstream fields(line);
    std::string field;
    for (int i = 0; std::getline(fields, field, ','); ++i) all += i == 2 ? "" : field + ' ';
    all += '\n';
  }
  return all;
}

}  // namespace

TEST_CASE("two ranks and one rank with the same gradient shards write the same checkpoint",
          "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const Words shards{"--gradient-shards", "2"};
  const auto one = folder / "one", two = folder / "two", changed = folder / "changed";
  require_success(train_program, run_words(data, one) + shards + Words{"--iterations", "4"});
  const Outcome outcome =
      run_on(train_program, 2, run_words(data, two) + shards + Words{"--iterations", "4"});
  INFO(outcome.text);
  REQUIRE(outcome.status == 0);
  CHECK(outcome.says("ranks       2, each with 2 images of a batch"));
  CHECK(outcome.text.find("preset  ") == outcome.text.rfind("preset  "));  // printed once
  CHECK(checkpoint(two) == checkpoint(one));
  CHECK(losses(two) == losses(one));
  CHECK(text_of(two / "snapshot_0000004.png") == text_of(one / "snapshot_0000004.png"));
  CHECK_FALSE(std::filesystem::exists(two / "run.lock"));
  // Begun on two ranks and resumed on one.
  REQUIRE(run_on(train_program, 2, run_words(data, changed) + shards + Words{"--iterations", "2"})
              .status == 0);
  require_success(train_program,
                  run_words(data, changed) + shards + Words{"--iterations", "4", "--resume"});
  CHECK(checkpoint(changed) == checkpoint(one));
  // The shards belong to the run, and without them the bits are others.
  require_rejected(train_program, run_words(data, changed) + Words{"--iterations", "5", "--resume"},
                   {"training.gradient_shards"});
  require_success(train_program, run_words(data, folder / "none") + Words{"--iterations", "4"});
  CHECK(checkpoint(folder / "none") != checkpoint(one));
}

TEST_CASE("a signal to mpirun stops all ranks at one step, saved", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto out = folder / "run";
  const RunningProgram program(
      program_path("SCORESDE_MPIRUN"),
      launch(train_program, 2) + run_words(data, out) + Words{"--iterations", "100000"},
      folder / "output");
  REQUIRE(RunningProgram::wait_for(out / "checkpoint.safetensors"));
  program.signal(SIGUSR1);
  const Outcome outcome = program.wait();
  INFO(outcome.text);
  CHECK(outcome.status == 128 + SIGUSR1);
  CHECK(outcome.says("stopped by a signal, SIGUSR1"));
  CHECK_FALSE(std::filesystem::exists(out / "run.lock"));
  const std::uint64_t step = read_step(out / "checkpoint.safetensors");
  const Words more{"--iterations", std::to_string(step + 1), "--resume"};
  CHECK(run_on(train_program, 2, run_words(data, out) + more).status == 0);
  CHECK(read_step(out / "checkpoint.safetensors") == step + 1);
}

TEST_CASE("what does not run on several ranks is rejected once, with status 2", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto rejected = [&](int ranks, const Words& words, const std::string& message) {
    const auto out = folder / "run";
    const Outcome outcome = run_on(
        train_program, ranks, Words{"--data", data.path().string(), "--out", out.string()} + words);
    INFO(outcome.text);
    CHECK(outcome.status == 2);
    const std::size_t at = outcome.text.find(message);
    CHECK(at != std::string::npos);
    CHECK(outcome.text.find(message, at + 1) == std::string::npos);
  };
  rejected(2, {"--batch", "3"}, "--batch is 3; it must be a multiple of the 2 ranks");
  rejected(2, {"--batch", "12", "--gradient-shards", "6"},
           "--gradient-shards is 6; with 2 ranks it must be 2 times a power of two");
  rejected(2, {"--ablation", "--minutes", "1"}, "--ablation runs on one rank");
  rejected(2, {"--backend", "cuda"}, "--backend cuda runs on one rank");
}

TEST_CASE("a run of ranks that fails keeps its last checkpoint and ends with status 1", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto out = folder / "run";
  REQUIRE(run_on(train_program, 2, run_words(data, out) + Words{"--iterations", "2"}).status == 0);
  const std::string good = checkpoint(out);
  const Outcome outcome =
      run_on(train_program, 2, run_words(data, out) + Words{"--iterations", "2"});
  INFO(outcome.text);
  CHECK(outcome.status == 1);
  CHECK(outcome.says("holds a run already"));
  CHECK(checkpoint(out) == good);
}
