// SPDX-License-Identifier: MIT
/// Defaults of a sampler choice, and rejected combinations.
#include <string>

#include <scoresde/registry/sampler_choice.hpp>
#include <scoresde/sampler/adaptive_sde.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

SamplerChoice resolved(const std::string& solver, bool centered) {
  SamplerChoice choice;
  choice.solver = solver;
  choice.centered = centered;
  resolve_defaults(choice, {});
  return choice;
}

}  // namespace

TEST_CASE("absolute tolerances are half as large for data in [0, 1] as for data in [-1, 1]") {
  CHECK(resolved("adaptive-sde", true).atol == 2.0 / 256);
  CHECK(resolved("adaptive-sde", false).atol == 1.0 / 256);
  CHECK(resolved("adaptive-sde", false).rtol == 0.02);
  for (const char* solver : {"dpm-solver-12", "dpm-solver-23"}) {
    CHECK(resolved(solver, true).atol == 0.0078);
    CHECK(resolved(solver, false).atol == 0.0039);
    CHECK(resolved(solver, false).rtol == 0.05);
  }
  SamplerChoice given;
  given.solver = "adaptive-sde";
  given.centered = false;
  given.atol = 0.5;
  resolve_defaults(given, {"--atol"});
  CHECK(given.atol == 0.5);
}

TEST_CASE(
    "options that a sampler does not accept are rejected, with the samplers that accept them") {
  SamplerChoice choice;
  choice.solver = "dpm-solver++-2m";
  choice.eta = 0.5;
  CHECK_THROWS_WITH(
      resolve_defaults(choice, {"--eta"}),
      Contains("--eta cannot be combined with --solver dpm-solver++-2m; it is for ") &&
          Contains("--predictor ddim"));
  SamplerChoice both;
  both.solver = "heun";
  both.steps = 10;
  both.nfe = 10;
  CHECK_THROWS_AS(resolve_defaults(both, {}), UsageError);
  SamplerChoice unknown;
  unknown.solver = "huen";
  CHECK_THROWS_WITH(resolve_defaults(unknown, {}), Contains("did you mean 'heun'?"));
}

TEST_CASE("a budget of evaluations covers whole steps, including the last one") {
  SamplerChoice choice;
  choice.solver = "heun";
  choice.nfe = 20;
  choice.predictor = "euler_maruyama";
  resolve_defaults(choice, {"--nfe"});
  CHECK(choice.steps == 9);
  CHECK(detail::evaluations(choice, choice.steps) == 19);
}

TEST_CASE("a name of another library is replaced by names and defaults of this one") {
  SamplerChoice choice;
  choice.preset = "KarrasVeScheduler";
  resolve_aliases(choice);
  CHECK(choice.solver == "karras-stochastic");
  CHECK(choice.s_churn == 80);
  CHECK(choice.final_step == "zero");
  CHECK(choice.usual_grid == "karras");
  CHECK(choice.aliases.find("of diffusers is --solver karras-stochastic") != std::string::npos);
}
