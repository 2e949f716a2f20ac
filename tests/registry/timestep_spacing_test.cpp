// SPDX-License-Identifier: MIT
/// The timesteps of --grid leading, linspace and trailing, by solver.
#include <scoresde/registry/detail/timestep_spacing.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/sde/ddpm_betas.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/timestep_grid.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

TEST_CASE("spacings of timesteps are those of the solver's scheduler in diffusers") {
  const DdpmSde sde(linear_betas(1000));
  SamplerChoice choice;
  choice.steps = 7;
  const auto check = [&](const char* solver, const char* predictor, const TimeGrid& wanted) {
    choice.solver = solver;
    choice.predictor = predictor;
    CAPTURE(choice.grid, solver, predictor);
    const TimeGrid found = detail::spaced_timestep_grid(sde, choice);
    REQUIRE(found.size() == 7);
    for (std::size_t i = 0; i < 7; ++i) {
      CHECK(found[i].t == wanted[i].t);
      CHECK(found[i].t_next == wanted[i].t_next);
    }
  };
  const auto check_all = [&](const char* grid, const TimestepOptions& options) {
    choice.grid = grid;
    choice.steps_offset = options.steps_offset;
    const TimeGrid consecutive = consecutive_timestep_grid(sde, 7, options),
                   strided = strided_timestep_grid(sde, 7, options),
                   multistep = timestep_grid(sde, 7, options),
                   along_sigma = sigma_timestep_grid(sde, 7, options);
    for (const char* predictor : {"ancestral", "reverse_diffusion"})
      check("pc", predictor, consecutive);
    for (const char* predictor : {"ddim", "clipped_ddim"}) check("pc", predictor, strided);
    check("ddim", "", strided);
    for (const char* solver : {"pndm", "plms"}) {
      if (options.spacing == TimestepSpacing::leading) {
        check(solver, "", strided);
      } else {  // a step would start where the previous one does not end
        choice.solver = solver;
        CHECK_THROWS_WITH(detail::spaced_timestep_grid(sde, choice),
                          Contains("--grid linspace with --steps 7") && Contains(solver));
      }
    }
    for (const char* solver : {"dpm-solver++-2m", "unipc-2", "sa-solver-3"})
      check(solver, "", multistep);
    for (const char* solver : {"karras-heun", "lms-4", "dpm-2"}) check(solver, "", along_sigma);
    check("pc", "euler_ancestral", along_sigma);
  };
  check_all("leading", {.steps_offset = 1});
  // Here no two of the four grids are equal.
  check_all("linspace", {.spacing = TimestepSpacing::linspace});
}

TEST_CASE("spacings of timesteps are rejected for a network of continuous time") {
  SamplerChoice choice;
  choice.solver = "ddim";
  choice.grid = "trailing";
  choice.steps = 7;
  CHECK_THROWS_AS(detail::spaced_timestep_grid(VpSde(), choice), UsageError);
}

TEST_CASE(
    "spacings of timesteps are rejected where they do not end at the data or begin in noise") {
  SamplerChoice choice;
  choice.solver = "ddim";
  choice.steps = 1;
  choice.grid = "leading";
  CHECK_THROWS_WITH(detail::spaced_timestep_grid(SmldSde(50), choice),
                    Contains("--grid leading ends at data below the first level"));
  const DdpmSde sde(linear_betas(1000));
  CHECK_THROWS_WITH(detail::spaced_timestep_grid(sde, choice),
                    Contains("--grid leading with --steps 1") && Contains("too little noise"));
  choice.grid = "trailing";
  CHECK(detail::spaced_timestep_grid(sde, choice).size() == 1);
}
