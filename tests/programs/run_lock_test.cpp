// SPDX-License-Identifier: MIT
/// One process per output folder, and files left by killed processes.
#include "cli/run_lock.hpp"

#include <filesystem>
#include <string>

#include <sys/stat.h>
#include <sys/wait.h>

#include "programs/cifar10_programs.hpp"
#include "programs/made_up_data.hpp"

using namespace scoresde::test;
using programs::RunLock;

namespace {

/// A process that holds the lock of a folder until it is killed.
class Holder {
 public:
  explicit Holder(const std::filesystem::path& folder) {
    process_ = ::fork();
    if (process_ == 0) {
      const RunLock lock(folder);
      for (;;) ::pause();
    }
    REQUIRE(RunningProgram::wait_for(folder / "run.lock"));
    std::string text;
    while (text != std::to_string(process_) + "\n") text = text_of(folder / "run.lock");
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { kill(); }
  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }
  [[nodiscard]] std::string pid() const { return std::to_string(process_); }

 private:
  ::pid_t process_ = -1;
};

}  // namespace

TEST_CASE(
    "a folder locked by another process is rejected with its PID, and free after that is killed") {
  const TemporaryFolder folder;
  const auto out = folder / "a/b";
  Holder holder(out);
  CHECK_THROWS_WITH(RunLock(out), Catch::Contains("in use by process " + holder.pid()));
  CHECK(std::filesystem::exists(out / "run.lock"));
  holder.kill();
  CHECK(std::filesystem::exists(out / "run.lock"));
  { const RunLock lock(out); }
  CHECK_FALSE(std::filesystem::exists(out / "run.lock"));
}

TEST_CASE("a lock removes incomplete files of a killed run, and nothing else") {
  const TemporaryFolder folder;
  int status = 0;
  const ::pid_t gone = ::fork();
  if (gone == 0) ::_exit(0);
  ::waitpid(gone, &status, 0);
  const std::string left = "checkpoint.safetensors.part-" + std::to_string(gone);
  folder.write(left, "half");
  folder.write("x.part-" + std::to_string(::getppid()), "of a process that runs");
  for (const char* name : {"checkpoint.safetensors", "x.part-", "x.part-12a", "notes.part-one",
                           ".part-99999999", "x.part-000-99999999"})
    folder.write(name, "mine");
  { const RunLock lock(folder.path()); }
  CHECK_FALSE(std::filesystem::exists(folder / left));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 7);
}

TEST_CASE("a lock removes the folders that it created and that remain empty") {
  const TemporaryFolder folder;
  { const RunLock lock(folder / "a/b/c"); }
  CHECK_FALSE(std::filesystem::exists(folder / "a"));
  {
    const RunLock lock(folder / "a/b");
    folder.write("a/b/result", "kept");
  }
  CHECK(text_of(folder / "a/b/result") == "kept");
  folder.write("file", "in the way");
  CHECK_THROWS_WITH(RunLock(folder / "file"), Catch::Contains("cannot be made"));
}

TEST_CASE("a lock file that is a link or not a regular file is rejected, and nothing is written") {
  const TemporaryFolder folder;
  const auto lock = folder / "run.lock";
  const auto mine = folder.write("mine", "kept");
  std::filesystem::create_symlink(mine, lock);
  CHECK_THROWS_WITH(RunLock(folder.path()), Catch::Contains("run.lock is a symbolic link"));
  CHECK(std::filesystem::is_symlink(lock));
  std::filesystem::remove(lock);
  std::filesystem::create_symlink(folder / "none", lock);
  CHECK_THROWS_WITH(RunLock(folder.path()), Catch::Contains("run.lock is a symbolic link"));
  CHECK_FALSE(std::filesystem::exists(folder / "none"));
  std::filesystem::remove(lock);
  std::filesystem::create_hard_link(mine, lock);
  CHECK_THROWS_WITH(RunLock(folder.path()), Catch::Contains("has a second name"));
  std::filesystem::remove(lock);
  REQUIRE(::mkfifo(lock.c_str(), 0666) == 0);
  CHECK_THROWS_WITH(RunLock(folder.path()), Catch::Contains("is not a regular file"));
  std::filesystem::remove(lock);
  std::filesystem::create_directory(lock);
  CHECK_THROWS_WITH(RunLock(folder.path()), Catch::Contains("run.lock is a folder"));
  CHECK(std::filesystem::is_directory(lock));
  std::filesystem::remove(lock);
  CHECK(text_of(mine) == "kept");
  { const RunLock free(folder.path()); }
  CHECK_FALSE(std::filesystem::exists(lock));
}

TEST_CASE("a second program with the same folder ends with status 3 and the PID of the first",
          "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto out = folder / "run";
  const RunningProgram first(program_path(train_program), tiny_run(data, out), folder / "output");
  REQUIRE(RunningProgram::wait_for(out / "run.lock"));
  const auto rejected = [&](const char* program, const Words& words) {
    const Outcome outcome = run(program, words);
    INFO(outcome.text);
    CHECK(outcome.status == 3);
    CHECK(outcome.says("in use by process " + std::to_string(first.process())));
  };
  rejected(train_program, tiny_run(data, out) + Words{"--seed", "2"});
  rejected(train_program, tiny_run(data, out) + Words{"--resume"});
  rejected(sample_program, {"--out", out.string(), "--steps", "1", "--samples", "1"});
  REQUIRE(RunningProgram::wait_for(out / "checkpoint.safetensors"));
  first.signal(SIGTERM);
  const Outcome outcome = first.wait();
  INFO(outcome.text);
  CHECK(outcome.status == 143);
  CHECK_FALSE(std::filesystem::exists(out / "samples.png"));
}
