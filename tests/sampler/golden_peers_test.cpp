// SPDX-License-Identifier: MIT
/// Settings of diffusers' schedulers and k-diffusion's samplers, under their names here, compared
/// with the results of those libraries in double.
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <scoresde/model/label_convention.hpp>

#include "peer_runs.hpp"
#include "support/catch.hpp"
#include "support/golden_directory.hpp"

namespace {

/// The network's conditioning at the times of a grid that is uniform in a power of σ/α, as Karras
/// et al. choose it.
void labels_are_rounded(const peers::Case& c) {
  const scoresde::DdpmSde sde(scoresde::linear_betas(1000));
  const scoresde::nn::NoisePredictionAtLevel rounded{.rounded_labels = true};
  const scoresde::TimeGrid grid = peers::multistep_grid(c, sde);
  const std::vector<double> labels = c.tensor("labels");
  REQUIRE(labels.size() == grid.size());
  for (std::size_t i = 0; i < labels.size(); ++i) CHECK(rounded.label(sde, grid[i].t) == labels[i]);
}

}  // namespace

TEST_CASE("settings of diffusers and k-diffusion give the results of those libraries", "[golden]") {
  std::map<std::string, std::size_t> seen;
  for (const auto& path : golden::files()) {
    const scoresde::io::TensorFile file = scoresde::io::read_safetensors(path.string());
    peers::for_each_run(file, [&](const peers::Case& c, const peers::Agreement& found) {
      INFO(c.name() << ": " << c.scheduler() << " " << c.settings().dump() << ", here "
                    << found.ours);
      CHECK(found.error <= found.bound);
      ++seen[c.scheduler()];
      if (file.contains(c.name() + ".labels")) labels_are_rounded(c);
    });
  }
  golden::require_cases(seen.size(), "runs of peers");
  if (golden::named()) return;
  for (const char* kind : {"DDPMScheduler",
                           "DDIMScheduler",
                           "DPMSolverMultistepScheduler",
                           "IPNDMScheduler",
                           "DPMSolverSinglestepScheduler",
                           "EulerDiscreteScheduler",
                           "SASolverScheduler",
                           "PNDMScheduler",
                           "DEISMultistepScheduler",
                           "UniPCMultistepScheduler",
                           "EulerAncestralDiscreteScheduler",
                           "HeunDiscreteScheduler",
                           "LMSDiscreteScheduler",
                           "KDPM2DiscreteScheduler",
                           "KDPM2AncestralDiscreteScheduler",
                           "DPMSolverSDEScheduler",
                           "EDMEulerScheduler",
                           "EDMDPMSolverMultistepScheduler",
                           "FlowMatchEulerDiscreteScheduler",
                           "ScoreSdeVeScheduler",
                           "euler",
                           "heun",
                           "dpm_2",
                           "lms",
                           "euler_ancestral",
                           "dpm_2_ancestral",
                           "dpmpp_2s_ancestral",
                           "dpmpp_sde",
                           "dpmpp_2m",
                           "dpmpp_2m_sde",
                           "dpmpp_3m_sde",
                           "dpm_fast"})
    CHECK(seen[kind] > 0);
}

TEST_CASE("the example in docs/coming_from_diffusers.md makes the expected evaluations") {
  //! [from_diffusers]
  // DPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++", use_karras_sigmas=True), 25 steps
  const scoresde::DdpmSde sde(scoresde::linear_betas(1000));
  const auto grid = scoresde::extended_to_data(scoresde::karras_grid(sde, 24));
  const scoresde::SolverSampler sampler{sde, scoresde::SdeDpmSolverPlusPlus<2>{}, grid};
  //! [from_diffusers]
  CHECK(sampler.nfe() == 25);
}
