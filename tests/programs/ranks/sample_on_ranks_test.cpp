// SPDX-License-Identifier: MIT
/// cifar10_sample on several ranks of Open MPI.
#include <csignal>
#include <filesystem>
#include <string>

#include <scoresde/sde/vp_sde.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/ranks/on_ranks.hpp"
#include "programs/tiny_checkpoint.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

const Words files{"samples.safetensors", "samples.npy", "samples.png"};

/// Batches of four of 22 samples: the last round has fewer batches than ranks, the last batch fewer
/// samples.
Words words(const std::string& checkpoint, const std::filesystem::path& out) {
  return {"--checkpoint", checkpoint, "--out",   out.string(), "--threads", "1",
          "--samples",    "22",       "--batch", "4",          "--seed",    "5"};
}

void check_same(const std::filesystem::path& a, const std::filesystem::path& b) {
  for (const std::string& file : files) {
    INFO(file);
    CHECK(text_of(a / file) == text_of(b / file));
  }
}

}  // namespace

TEST_CASE("any number of ranks generates the same samples", "[slow]") {
  const TemporaryFolder folder;
  const std::string checkpoint = tiny_checkpoint(folder, VpSde());
  // Steps of the second depend on all samples of a batch.
  const Words fixed{"--predictor", "ancestral", "--corrector", "langevin", "--steps", "10"};
  const Words adaptive{"--solver", "dopri5", "--control", "scipy"};
  for (const Words& sampler : {fixed, adaptive}) {
    const auto out = [&](int ranks) { return folder / (sampler[1] + std::to_string(ranks)); };
    require_success(sample_program, words(checkpoint, out(1)) + sampler + Words{"--png"});
    for (const int ranks : {2, 3, 7}) {
      const Outcome outcome =
          run_on(sample_program, ranks, words(checkpoint, out(ranks)) + sampler + Words{"--png"});
      INFO(outcome.text);
      REQUIRE(outcome.status == 0);
      CHECK(outcome.says("ranks       " + std::to_string(ranks)));
      CHECK(outcome.text.find("preset  ") == outcome.text.rfind("preset  "));  // printed once
      check_same(out(ranks), out(1));
      CHECK(text_of(out(ranks) / "images" / "0000021.png") ==
            text_of(out(1) / "images" / "0000021.png"));
      CHECK_FALSE(std::filesystem::exists(out(ranks) / "run.lock"));
    }
  }
}

TEST_CASE("sampling that is stopped on two ranks goes on with the same samples on one", "[slow]") {
  const TemporaryFolder folder;
  const std::string checkpoint = tiny_checkpoint(folder, VpSde());
  const auto out = folder / "stopped", whole = folder / "whole";
  const auto all = [&](const std::filesystem::path& to) {
    return words(checkpoint, to) + Words{"--steps", "400"};
  };
  require_success(sample_program, all(whole));
  const RunningProgram program(program_path("SCORESDE_MPIRUN"),
                               launch(sample_program, 2) + all(out), folder / "output");
  REQUIRE(RunningProgram::wait_for(out / "samples.progress.json"));
  program.signal(SIGUSR1);
  const Outcome outcome = program.wait();
  INFO(outcome.text);
  CHECK(outcome.status == 128 + SIGUSR1);
  CHECK(outcome.says("stopped by a signal, SIGUSR1"));
  CHECK_FALSE(std::filesystem::exists(out / "samples.npy"));
  require_success(sample_program, all(out) + Words{"--resume"});
  check_same(out, whole);
}

TEST_CASE("sampling that cannot begin ends all ranks with one message", "[slow]") {
  const TemporaryFolder folder;
  const std::string checkpoint = tiny_checkpoint(folder, VpSde());
  const auto rejected = [&](const Words& more, int status, const std::string& message) {
    const Words usual{"--checkpoint", checkpoint, "--out", (folder / "out").string()};
    const Outcome outcome = run_on(sample_program, 2, usual + more);
    INFO(outcome.text);
    CHECK(outcome.status == status);
    const std::size_t at = outcome.text.find(message);
    REQUIRE(at != std::string::npos);
    CHECK(outcome.text.find(message, at + 1) == std::string::npos);
  };
  rejected({"--backend", "cuda"}, 2, "--backend cuda runs on one rank");
  rejected({"--resume"}, 1, "holds no unfinished run");
}
