// SPDX-License-Identifier: MIT
/// Numbered checkpoints of cifar10_train, and the checkpoints of a diverging run.
#include <filesystem>
#include <string>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/io/safetensors.hpp>

#include "cli/kept_checkpoints.hpp"
#include "programs/cifar10_programs.hpp"
#include "programs/made_up_data.hpp"

using namespace scoresde;
using namespace scoresde::test;

TEST_CASE("checkpoints are numbered by step, and --keep limits how many are kept", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto run = [&](const char* name, const Words& words) {
    require_success(train_program, tiny_run(data, folder / name) + words);
    return programs::kept_steps(folder / name);
  };
  using Steps = std::vector<std::uint64_t>;
  CHECK(run("usual", {"--iterations", "2"}).empty());
  CHECK(run("all", {"--iterations", "6", "--keep-every", "2"}) == Steps{2, 4, 6});
  CHECK(text_of(folder / "all" / "checkpoint_0000006.safetensors") ==
        text_of(folder / "all" / "checkpoint.safetensors"));
  CHECK(read_step(folder / "all" / "checkpoint_0000004.safetensors") == 4);
  CHECK(run("two", {"--iterations", "7", "--keep-every", "2", "--keep", "2"}) == Steps{4, 6});
  CHECK(text_of(folder / "two" / "checkpoint_0000006.safetensors") ==
        text_of(folder / "all" / "checkpoint_0000006.safetensors"));
}

TEST_CASE("a run that goes back keeps the checkpoint just written under --keep", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto out = folder / "run";
  const Words words = tiny_run(data, out) + Words{"--keep-every", "2"};
  require_success(train_program, words + Words{"--iterations", "6"});
  const std::string last = text_of(out / "checkpoint_0000006.safetensors");
  std::filesystem::copy_file(out / "checkpoint_0000002.safetensors", out / "checkpoint.safetensors",
                             std::filesystem::copy_options::overwrite_existing);
  const Outcome outcome =
      require_success(train_program, words + Words{"--iterations", "5", "--keep", "1", "--resume"});
  CHECK(outcome.says("checkpoint_0000006.superseded.safetensors"));
  CHECK(programs::kept_steps(out) == std::vector<std::uint64_t>{4});
  CHECK(text_of(out / "checkpoint_0000006.superseded.safetensors") == last);
}

TEST_CASE("a new run in a folder with numbered checkpoints is rejected before it writes") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto old = folder.write("checkpoint_0000004.safetensors", "old");
  folder.write("train_log.csv", "old");
  require_rejected(train_program, tiny_run(data, folder.path()) + Words{"--iterations", "1"},
                   {"--out", "checkpoint_0000004.safetensors", "earlier run", "--resume"});
  CHECK(text_of(folder / "train_log.csv") == "old");
  CHECK(text_of(old) == "old");
}

TEST_CASE("a run that fails between two checkpoints names the newer one", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto out = folder / "run", disk = folder / "disk";
  for (const auto& path : {out, disk}) std::filesystem::create_directory(path);
  std::filesystem::create_symlink(disk / "checkpoint", out / "checkpoint.safetensors");
  const Words words = tiny_run(data, out) + Words{"--iterations", "100000", "--keep-every", "1"};
  const RunningProgram program(program_path(train_program), words, folder / "output");
  REQUIRE(RunningProgram::wait_for(out / programs::numbered_checkpoint(1)));
  std::error_code failure;  // checkpoint.safetensors cannot be written from now on
  while (std::filesystem::exists(disk)) std::filesystem::remove_all(disk, failure);
  const Outcome outcome = program.wait();
  INFO(outcome.text);
  CHECK(outcome.status == 1);
  const std::uint64_t newest = programs::kept_steps(out).back();
  CHECK(outcome.says((out / programs::numbered_checkpoint(newest)).string() +
                     " holds the last good state, of step " + std::to_string(newest)));
}

TEST_CASE("files of a run that cannot be written are rejected before its first step") {
  const TemporaryFolder data, folder;
  make_data(data);
  for (const char* name : {"train_log.csv", "held_out.csv"}) {
    const auto out = folder / name;
    std::filesystem::create_directories(out / name);
    const Outcome outcome = run(train_program, tiny_run(data, out) + Words{"--iterations", "1"});
    INFO(outcome.text);
    CHECK(outcome.status == 1);
    CHECK(outcome.says((out / name).string() + " is a directory"));
    CHECK_FALSE(outcome.says("preset"));
  }
}

TEST_CASE("a new run does not replace the log of a run whose checkpoints were moved away") {
  const TemporaryFolder data, folder;
  make_data(data);
  const std::string rows = "step,images,seconds,loss,learning_rate,gradient_norm\n1,8,1,1,1,1\n";
  const auto log = folder.write("train_log.csv", rows);
  require_rejected(train_program, tiny_run(data, folder.path()) + Words{"--iterations", "1"},
                   {"--out", "train_log.csv of an earlier run", "another folder"});
  CHECK(text_of(log) == rows);
}

TEST_CASE("exported averages replace weights, and other files only with --overwrite", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto out = folder / "run";
  const Words run_words = tiny_run(data, out);
  require_success(train_program, run_words + Words{"--iterations", "2", "--log-every", "1"});
  const auto samples = folder / "samples.safetensors";
  io::TensorFile file;
  const std::vector<float> values(2);
  file.set<float>("samples", {2}, values);
  io::write_safetensors(samples, file);
  const auto image = folder.write("snapshot_0000010.png", "image");
  const auto exported = [&](const std::filesystem::path& path, const Words& more = {}) {
    return Words{"--out", out.string(), "--export-ema", path.string()} + more;
  };
  for (const auto& path : {out / "train_log.csv", image, samples}) {
    const std::string before = text_of(path);
    require_rejected(train_program, exported(path),
                     {"--export-ema: " + path.string(), "weights alone", "--overwrite"});
    CHECK(text_of(path) == before);
  }
  for (int i = 0; i < 2; ++i) require_success(train_program, exported(folder / "ema.safetensors"));
  require_success(train_program, exported(folder.write("empty", "")));
  require_success(train_program, exported(image, {"--overwrite"}));
  CHECK(text_of(image) == text_of(folder / "ema.safetensors"));
  require_rejected(train_program, exported(folder.path()), {"is a directory"});
}

TEST_CASE("a diverging run keeps its last good checkpoint and names it", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto out = folder / "run", checkpoint = out / "checkpoint.safetensors";
  require_success(train_program, tiny_run(data, out) + Words{"--iterations", "2"});
  // As if the good state had been reached with this rate: the next step makes it diverge.
  auto file = io::read_safetensors(checkpoint);
  file.metadata.at("training.learning_rate") = "1e+30";
  io::write_safetensors(checkpoint, file);
  const std::string good = text_of(checkpoint);
  for (const char* every : {"1", "100"}) {  // diverged at a save, and in between
    const Outcome outcome = run(
        train_program, tiny_run(data, out) + Words{"--resume", "--lr", "1e30", "--checkpoint-every",
                                                   every, "--iterations", "9"});
    INFO(outcome.text);
    CHECK(outcome.status == 1);
    CHECK(outcome.says("holds the last good state, of step 2"));
    CHECK(text_of(checkpoint) == good);
  }
  // Its last step, after which no loss is computed.
  const Outcome last = run(
      train_program, tiny_run(data, out) + Words{"--resume", "--lr", "1e30", "--iterations", "3"});
  INFO(last.text);
  CHECK(last.status == 1);
  CHECK(text_of(checkpoint) == good);
  const Outcome at_once = run(
      train_program, tiny_run(data, folder / "fresh") + Words{"--lr", "1e30", "--iterations", "9"});
  INFO(at_once.text);
  CHECK(at_once.status == 1);
  CHECK(at_once.says("no checkpoint had been saved"));
  CHECK_FALSE(std::filesystem::exists(folder / "fresh" / "checkpoint.safetensors"));
}
