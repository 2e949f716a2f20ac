// SPDX-License-Identifier: MIT
/// Available memory, read from files like those of Linux, and runs that need more.
#include "cli/available_memory.hpp"

#include <filesystem>
#include <string>

#include <scoresde/sde/vp_sde.hpp>

#include "cli/resource_check.hpp"
#include "programs/cifar10_programs.hpp"
#include "programs/made_up_data.hpp"
#include "programs/tiny_checkpoint.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

void put(const TemporaryFolder& folder, const std::string& path, const std::string& text) {
  std::filesystem::create_directories((folder / path).parent_path());
  std::ofstream(folder / path) << text;
}

}  // namespace

TEST_CASE("the memory of a process is the least of machine and control groups") {
  const TemporaryFolder root;
  const auto bytes = [&] { return programs::available_memory(root.path()).bytes; };
  put(root, "proc/meminfo", "MemTotal: 16000 kB\nMemFree: 10 kB\nMemAvailable:   8000 kB\n");
  CHECK(bytes() == 8000.0 * 1024);
  put(root, "proc/self/cgroup", "0::/jobs/one\n");
  put(root, "sys/fs/cgroup/jobs/one/memory.max", "max\n");
  CHECK(bytes() == 8000.0 * 1024);
  put(root, "sys/fs/cgroup/jobs/memory.max", "3000000\n");  // of a parent group
  CHECK(bytes() == 3000000);
  CHECK_THAT(programs::available_memory(root.path()).source, Catch::Contains("control group"));
  put(root, "sys/fs/cgroup/jobs/one/memory.max", "2000000\n");
  CHECK(bytes() == 2000000);
  put(root, "proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/old\n");
  put(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  CHECK(bytes() == 8000.0 * 1024);
  put(root, "sys/fs/cgroup/memory/old/memory.limit_in_bytes", "1000000\n");
  CHECK(bytes() == 1000000);
}

TEST_CASE(
    "errors about memory and disk space name the amount needed and the option that lowers it") {
  using Catch::Matchers::Contains;
  CHECK_NOTHROW(programs::require_memory(1e9, 1, "fewer"));
  CHECK_THROWS_WITH(
      programs::require_memory(3.0 * (1 << 30), 2, "fewer"),
      Contains("needs about 3.0 GiB") && Contains("2.0 GiB (--memory-limit)") && Contains("fewer"));
  CHECK_THROWS_WITH(programs::require_memory(1e18, 0, "fewer"), Contains("GiB"));
  CHECK_NOTHROW(programs::require_disk_space("/", 1, "fewer"));
  CHECK_THROWS_WITH(programs::require_disk_space("/", 1e18, "fewer"),
                    Contains("are free") && Contains("fewer"));
}

TEST_CASE("programs reject a batch that does not fit before they begin") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto out = folder / "run";
  const auto rejected = [&](const char* program, const Words& words, const Words& said) {
    const Outcome outcome = run(program, words);
    INFO(outcome.text);
    CHECK(outcome.status == 1);
    for (const std::string& word : said) CHECK(outcome.says(word));
    CHECK_FALSE(outcome.says("bad_alloc"));
    CHECK_FALSE(std::filesystem::exists(out));
  };
  rejected(train_program, tiny_run(data, out) + Words{"--batch", "60000", "--memory-limit", "64"},
           {"needs about", "64.0 GiB", "--network-batch than 60000"});
  const Words sample{"--out", out.string(), "--samples", "65536", "--steps", "1"};
  rejected(sample_program, sample + Words{"--batch", "65536", "--memory-limit", "8"},
           {"needs about", "8.0 GiB", "smaller --batch"});
  // Samples are written to disk: a million of them need no more memory than a batch.
  const std::string tiny = tiny_checkpoint(folder, VpSde());
  const RunningProgram many(
      program_path(sample_program),
      {"--out", out.string(), "--checkpoint", tiny, "--samples", "1000000", "--batch", "4",
       "--memory-limit", "0.05", "--threads", "1", "--steps", "2"},
      folder / "output");
  CHECK(RunningProgram::wait_for(out / "samples.progress.json"));
  many.signal(SIGINT);
  const Outcome outcome = many.wait();
  INFO(outcome.text);
  CHECK(outcome.status == 130);
}

TEST_CASE(
    "a failed allocation is reported in one sentence, and a ulimit is detected before the run") {
  const TemporaryFolder folder;
  const auto limited = [&](const Words& more) {
    const Words words = Words{"-c",
                              "ulimit -v 700000 && exec \"$0\" \"$@\"",
                              program_path(sample_program),
                              "--out",
                              (folder / "out").string(),
                              "--checkpoint",
                              tiny_checkpoint(folder, VpSde()),
                              "--threads",
                              "1",
                              "--samples",
                              "60000",
                              "--batch",
                              "60000",
                              "--steps",
                              "1"} +
                        more;
    return RunningProgram("/bin/bash", words, folder / "output").wait();
  };
  const Outcome seen = limited({});
  INFO(seen.text);
  CHECK(seen.status == 1);
  CHECK(seen.says("(limit of ulimit); a smaller --batch needs less"));
  const Outcome failed = limited({"--memory-limit", "1000"});
  INFO(failed.text);
  CHECK(failed.status == 1);
  CHECK(failed.says("memory ran out; a smaller --batch needs less"));
  CHECK_FALSE(std::filesystem::exists(folder / "out"));
}
