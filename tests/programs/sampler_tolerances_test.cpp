// SPDX-License-Identifier: MIT
/// The default tolerances of cifar10_sample for adaptive samplers.
#include <string>

#include <scoresde/sampler/adaptive_sde.hpp>

#include "cifar10/sampler_choice.hpp"
#include "support/catch.hpp"

namespace {

cifar10::SamplerChoice settled(const std::string& solver, bool centered) {
  cifar10::SamplerChoice choice;
  choice.solver = solver;
  choice.centered = centered;
  cifar10::resolve_defaults(choice, {});
  return choice;
}

}  // namespace

TEST_CASE("absolute tolerances are half as large for data in [0, 1] as for data in [-1, 1]") {
  CHECK(settled("adaptive-sde", true).atol == 2.0 / 256);
  CHECK(settled("adaptive-sde", false).atol == 1.0 / 256);
  CHECK(settled("adaptive-sde", false).rtol == 0.02);
  for (const char* solver : {"dpm-solver-12", "dpm-solver-23"}) {
    CHECK(settled(solver, true).atol == 0.0078);
    CHECK(settled(solver, false).atol == 0.0039);
    CHECK(settled(solver, false).rtol == 0.05);
  }
  cifar10::SamplerChoice given;
  given.solver = "adaptive-sde";
  given.centered = false;
  given.atol = 0.5;
  cifar10::resolve_defaults(given, {"--atol"});
  CHECK(given.atol == 0.5);
}
