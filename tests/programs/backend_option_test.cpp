// SPDX-License-Identifier: MIT
/// --backend of the CIFAR-10 programs without a device, and options of the other backend.
#include <cstdlib>
#include <filesystem>
#include <string>

#include "programs/cifar10_programs.hpp"
#include "programs/made_up_data.hpp"

using namespace scoresde::test;

namespace {

/// Hides all devices from programs started afterwards.
const int hidden = ::setenv("CUDA_VISIBLE_DEVICES", "", 1);

}  // namespace

TEST_CASE("without a device --backend cuda is rejected, and nothing is written") {
  REQUIRE(hidden == 0);
  const TemporaryFolder data, folder;
  make_data(data);
  const std::string out = (folder / "out").string();
  const auto rejected = [&](const char* program, const Words& words) {
    const Outcome outcome = run(program, words);
    INFO(outcome.text);
    CHECK(outcome.status == 1);
    CHECK((outcome.says("built without scoresde::cuda") || outcome.says("no device can be used")));
    CHECK_FALSE(std::filesystem::exists(folder / "out"));
    CHECK_FALSE(std::filesystem::exists(folder / "plans"));
  };
  const Words cuda{"--out", out, "--backend", "cuda", "--plan-cache", (folder / "plans").string()};
  rejected(sample_program, cuda);
  rejected(sample_program, cuda + Words{"--precision", "fp32", "--device", "1", "--no-graph"});
  rejected(train_program, cuda + Words{"--data", data.path().string(), "--autotune", "4"});
}

TEST_CASE("options that a backend does not use are rejected by name") {
  const TemporaryFolder folder;
  const std::string out = (folder / "out").string();
  for (const char* program : {train_program, sample_program}) {
    const Words usual{"--out", out};
    require_rejected(program, usual + Words{"--backend", "gpu"}, {"--backend", "gpu"});
    for (const Words& words :
         {Words{"--precision", "fp32"}, Words{"--device", "0"}, Words{"--plan-cache", out},
          Words{"--autotune", "2"}, Words{"--no-graph"}})
      require_rejected(
          program, usual + words,
          {words[0] + " cannot be combined with --backend cpu; it is for --backend cuda"});
    require_rejected(program, usual + Words{"--backend", "cuda", "--threads", "2"},
                     {"--threads cannot be combined with --backend cuda"});
    require_rejected(program, usual + Words{"--backend", "cuda", "--precision", "fp64"}, {"fp64"});
    require_rejected(program, usual + Words{"--backend", "cuda", "--device", "-1"}, {"--device"});
  }
  require_rejected(sample_program, {"--out", out, "--backend", "cuda", "--clip-denoised"},
                   {"--clip-denoised cannot be combined with --backend cuda"});
  require_rejected(sample_program,
                   {"--out", out, "--backend", "cuda", "--dynamic-threshold", "0.9"},
                   {"--dynamic-threshold cannot be combined with --backend cuda"});
  CHECK_FALSE(std::filesystem::exists(folder / "out"));
}
