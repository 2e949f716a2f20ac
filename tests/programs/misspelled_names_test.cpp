// SPDX-License-Identifier: MIT
/// The suggestions of the programs for a misspelled name.
#include <filesystem>
#include <string>

#include "programs/cifar10_programs.hpp"

using namespace scoresde::test;

TEST_CASE("programs suggest the nearest sampler, preset, grid, class and option, with status 2") {
  const TemporaryFolder folder;
  const std::string out = (folder / "out").string();
  const auto suggested = [&](const char* program, const Words& words, const std::string& name) {
    const Outcome outcome = run(program, Words{"--out", out} + words);
    INFO(outcome.text);
    CHECK(outcome.status == 2);
    CHECK(outcome.says("did you mean '" + name + "'?"));
    CHECK_FALSE(std::filesystem::exists(out));
  };
  suggested(train_program, {"--preset", "cifar10_smal"}, "cifar10_small");
  suggested(train_program, {"--itterations", "3"}, "--iterations");
  suggested(train_program, {"--backend", "cdua"}, "cuda");
  suggested(sample_program, {"--solver", "dpm-solver++2m"}, "dpm-solver++-2m");
  suggested(sample_program, {"--solver", "DPMSolverMultiStepSheduler"},
            "DPMSolverMultistepScheduler");
  suggested(sample_program, {"--sampler", "DPMSolverMultistep"}, "DPMSolverMultistepScheduler");
  suggested(sample_program, {"--sampler", "PC100"}, "PC1000");
  suggested(sample_program, {"--predictor", "reverse-difusion"}, "reverse_diffusion");
  suggested(sample_program, {"--corrector", "langvin"}, "langevin");
  suggested(sample_program, {"--grid", "karas"}, "karras");
  suggested(sample_program, {"--final", "denoised"}, "denoise");
  suggested(sample_program, {"--step", "3"}, "--steps");
  const Outcome unknown = run(sample_program, {"--out", out, "--sampler", "magic"});
  INFO(unknown.text);
  CHECK(unknown.says("PC1000, or a name of other libraries in --list-samplers"));
}
