// SPDX-License-Identifier: MIT
/// The nearest name to a misspelled one, and the programs' suggestions.
#include "cifar10/nearest_name.hpp"

#include <string>
#include <vector>

#include "programs/cifar10_programs.hpp"

using namespace scoresde::test;
using cifar10::nearest_name;

TEST_CASE("the nearest name is returned if it is near enough, otherwise none") {
  const std::vector<std::string> names{"heun", "dpm-solver++-2m", "dpm-solver++-3m", "unipc-2"};
  CHECK(nearest_name("huen", names) == "heun");
  CHECK(nearest_name("Heun", names) == "heun");
  CHECK(nearest_name("dpm_solver++_2m", names) == "dpm-solver++-2m");
  CHECK(nearest_name("dpmsolver++-3m", names) == "dpm-solver++-3m");
  CHECK(nearest_name("uni-pc-2", names) == "unipc-2");
  CHECK(nearest_name("magic", names).empty());
  CHECK(cifar10::unknown_name("magic", {"a", "b"}, names) ==
        "'magic' is unknown; it must be one of a, b");
  CHECK(cifar10::unknown_name("huen", {"a", "b"}, names) ==
        "'huen' is unknown; did you mean 'heun'? it must be one of a, b");
}

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
  suggested(sample_program, {"--sampler", "PC100"}, "PC1000");
  suggested(sample_program, {"--predictor", "reverse-difusion"}, "reverse_diffusion");
  suggested(sample_program, {"--corrector", "langvin"}, "langevin");
  suggested(sample_program, {"--grid", "karas"}, "karras");
  suggested(sample_program, {"--final", "denoised"}, "denoise");
  suggested(sample_program, {"--step", "3"}, "--steps");
}
