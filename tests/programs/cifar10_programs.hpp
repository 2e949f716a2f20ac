// SPDX-License-Identifier: MIT
/// Runs the CIFAR-10 programs and checks their output.
#pragma once

#include <string>
#include <vector>

#include "programs/program_runner.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace scoresde::test {

using Words = std::vector<std::string>;

inline const char* const train_program = "SCORESDE_CIFAR10_TRAIN";
inline const char* const sample_program = "SCORESDE_CIFAR10_SAMPLE";
inline const char* const likelihood_program = "SCORESDE_CIFAR10_LIKELIHOOD";
inline const char* const edit_program = "SCORESDE_CIFAR10_EDIT";
inline const char* const evaluate_program = "SCORESDE_CIFAR10_EVALUATE";

inline Outcome run(const char* program, const Words& arguments) {
  const TemporaryFolder folder;
  return RunningProgram(program_path(program), arguments, folder / "output").wait();
}

inline void require_rejected(const char* program, const Words& arguments, const Words& words) {
  const Outcome outcome = run(program, arguments);
  INFO("output: " << outcome.text);
  REQUIRE(outcome.status != 0);
  REQUIRE(outcome.status < 126);
  for (const std::string& word : words) {
    INFO("word: " << word);
    REQUIRE(outcome.says(word));
  }
}

inline Outcome require_success(const char* program, const Words& arguments) {
  const Outcome outcome = run(program, arguments);
  INFO("output: " << outcome.text);
  REQUIRE(outcome.status == 0);
  return outcome;
}

inline Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace scoresde::test
