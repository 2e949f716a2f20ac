// SPDX-License-Identifier: MIT
/// Aliases of samplers: the settings are those of docs/coming_from_diffusers.md and
/// docs/coming_from_k_diffusion.md.
#include <cstddef>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <scoresde/registry/sampler_aliases.hpp>
#include <scoresde/registry/sampler_choice.hpp>
#include <scoresde/registry/sampler_visit.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/time/log_snr_grid.hpp>
#include <scoresde/time/time_grid.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

SamplerChoice choice_of(const std::string& alias, std::size_t steps) {
  SamplerChoice choice;
  choice.preset = alias;
  choice.steps = steps;
  resolve_aliases(choice);
  resolve_defaults(choice, {});
  return choice;
}

/// The stages of an alias are those of the page's solver on the same grid.
template <class R>
void check(const std::string& alias, const R& solver, FinalStep final_step) {
  const AnySde sde = VpSde();
  for (const std::size_t steps : {6u, 12u, 20u}) {  // lower last orders begin below 10 or 15
    SamplerChoice choice = choice_of(alias, steps);
    resolve_defaults(sde, choice);
    CAPTURE(alias, steps);
    bool found = false;
    visit_sampler(sde, choice, [&](const auto& sampler) {
      if constexpr (requires { sampler.stages(); }) {
        const SolverSampler wanted{sde, solver, sampler.grid(), {.final_step = final_step}};
        REQUIRE(sampler.stages().size() == wanted.stages().size());
        for (std::size_t i = 0; i < wanted.stages().size(); ++i) {
          const SolverStage &a = sampler.stages()[i], &b = wanted.stages()[i];
          CHECK((a.time == b.time && a.state == b.state && a.weights == b.weights));
          CHECK((a.noise.coefficient == b.noise.coefficient && a.noise.draw == b.noise.draw));
        }
        found = true;
      }
    });
    CHECK(found);
  }
}

}  // namespace

TEST_CASE("the settings of every alias of a solver are those of the pages about other libraries") {
  using enum SolverForm;
  constexpr std::size_t always = std::numeric_limits<std::size_t>::max();
  std::set<std::string> checked;
  const auto is = [&](const std::string& names, const auto& solver,
                      FinalStep final_step = FinalStep::to_data) {
    checked.insert(names);
    check(names.substr(0, names.find(',')), solver, final_step);
  };
  is("DDIMScheduler", DdimSolver{});
  is("PNDMScheduler", Pndm{}, FinalStep::keep_noise);
  is("IPNDMScheduler", Ipndm{});
  is("LMSDiscreteScheduler", Lms<4>{.full_order_to_data = true});
  is("EulerDiscreteScheduler", EdmEuler{});
  is("EDMEulerScheduler", EdmEuler{});
  is("HeunDiscreteScheduler", EdmHeun{});
  is("KarrasVeScheduler",
     EdmHeun{.churn = {.s_churn = 80, .s_tmin = 0.05, .s_tmax = 50, .s_noise = 1.007}});
  is("KDPM2DiscreteScheduler", Dpm2{});
  is("KDPM2AncestralDiscreteScheduler", Dpm2Ancestral{});
  is("DPMSolverMultistepScheduler", DpmSolverPlusPlus<2>{.lower_order_below = 15});
  is("EDMDPMSolverMultistepScheduler", DpmSolverPlusPlus<2>{.lower_order_below = 15});
  is("DPMSolverSinglestepScheduler", DpmSolverPlusPlusSingleStep<2>{.lower_second_order = true});
  is("DPMSolverSDEScheduler", DpmSolverPlusPlusSde{});
  is("UniPCMultistepScheduler", UniPc<2>{});
  // diffusers' classes without final_sigmas_type end at sigma_min.
  is("DEISMultistepScheduler", DpmSolver<2>{.form = taylor, .lower_order_below = 15},
     FinalStep::keep_noise);
  is("SASolverScheduler", SaSolver<2>{.lower_order_below = always, .few_steps = true},
     FinalStep::keep_noise);
  is("sample_euler, euler", EdmEuler{});
  is("sample_heun, heun", EdmHeun{});
  is("sample_dpm_2, dpm_2", Dpm2{});
  is("sample_lms, lms", Lms<4>{.full_order_to_data = true});
  is("sample_dpmpp_2m, dpmpp_2m", DpmSolverPlusPlus<2>{.lower_order_below = 0});
  is("sample_dpmpp_2m_sde, dpmpp_2m_sde", SdeDpmSolverPlusPlus<2>{.lower_order_below = 0});
  is("sample_dpmpp_3m_sde, dpmpp_3m_sde",
     SdeDpmSolverPlusPlus<3>{
         .form = taylor, .second_difference = SecondDifference::halved, .lower_order_below = 0});
  is("sample_dpmpp_2s_ancestral, dpmpp_2s_ancestral", DpmSolverPlusPlus2SAncestral{});
  is("sample_dpmpp_sde, dpmpp_sde", DpmSolverPlusPlusSde{});
  is("sample_dpm_2_ancestral, dpm_2_ancestral", Dpm2Ancestral{});
  is("sample_dpm_fast, dpm_fast", DpmSolverSingleStep<3>{}, FinalStep::keep_noise);
  for (const SamplerAlias& alias : sampler_aliases) {
    if (std::string(alias.option) != "--solver") continue;
    if (sampler_row("--solver", alias.value).family != SamplerFamily::fast) continue;
    CAPTURE(alias.names);
    CHECK(checked.contains(alias.names));
  }
}

TEST_CASE("ScoreSdeVeScheduler sets the step of Langevin by means over the batch") {
  SamplerChoice choice = choice_of("ScoreSdeVeScheduler", 4);
  const AnySde sde = VeSde();
  resolve_defaults(sde, choice);
  CHECK(choice.predictor == "reverse_diffusion");
  CHECK(choice.corrector == "langevin-batch");
  CHECK(choice.snr == 0.15);
}

TEST_CASE("grids in sigma reach eps before a last step to the data, as k-diffusion's lists do") {
  const EdmSde edm;
  const AnySde sde = edm;
  const auto grid_of = [&](SamplerChoice choice) {
    std::vector<double> times;
    resolve_defaults(sde, choice);
    visit_sampler(sde, choice, [&](const auto& sampler) {
      if constexpr (requires { sampler.grid(); })
        for (const TimeStep step : sampler.grid()) times.push_back(step.t);
    });
    return times;
  };
  std::vector<double> wanted;
  for (const TimeStep step : extended_to_data(karras_grid(sde, 5))) wanted.push_back(step.t);
  REQUIRE((wanted.size() == 6 && wanted.back() == edm.t_min()));
  for (const char* alias : {"EDMEulerScheduler", "EDMDPMSolverMultistepScheduler",
                            "KarrasVeScheduler", "sample_heun"}) {
    CAPTURE(alias);
    CHECK(grid_of(choice_of(alias, 6)) == wanted);
  }
  SamplerChoice choice = choice_of("dpmpp_2m", 6);
  REQUIRE(choice.grid == "log_snr");
  wanted.clear();
  for (const TimeStep step : extended_to_data(log_snr_grid(sde, 5))) wanted.push_back(step.t);
  CHECK(grid_of(choice) == wanted);
  choice.steps = 1;
  CHECK(grid_of(choice) == std::vector<double>{edm.t_max()});
}
