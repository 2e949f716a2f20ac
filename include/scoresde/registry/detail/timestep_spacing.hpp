// SPDX-License-Identifier: MIT
/// --grid leading, linspace and trailing: the timesteps of diffusers' schedulers, for networks of
/// discrete levels.
///
/// The solver selects one of the four grids of sde/timestep_grid.hpp, as in diffusers. All end at
/// the data.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <scoresde/registry/sampler_choice.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/sde/timestep_grid.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde::detail {

/// Whether diffusers' scheduler of that kind steps along sigma (Euler, Heun, LMS, KDPM2 and the
/// solvers that come from k-diffusion).
inline bool steps_along_sigma(const SamplerChoice& c) {
  const std::string_view name = c.solver == "pc" ? c.predictor : c.solver;
  constexpr std::array others{"dpm-2", "dpm-2-ancestral", "dpm-solver++-sde", "euler_ancestral",
                              "dpm-solver++-2s-ancestral"};
  return name.starts_with("karras-") || name.starts_with("lms-") ||
         std::find(others.begin(), others.end(), name) != others.end();
}

/// Whether it goes a stride of N/steps down from each timestep (DDIM, PNDM).
inline bool strides_over_timesteps(const SamplerChoice& c) {
  const std::string_view name = c.solver == "pc" ? c.predictor : c.solver;
  return name == "ddim" || name == "clipped_ddim" || name == "pndm" || name == "plms";
}

/// Throws Error for an SDE without discrete levels, and as the library's grids do.
template <class S>
TimeGrid spaced_timestep_grid(const S& sde, const SamplerChoice& c) {
  if constexpr (DiscreteSde<S>) {
    const TimestepOptions options{.spacing = c.grid == "leading"    ? TimestepSpacing::leading
                                             : c.grid == "trailing" ? TimestepSpacing::trailing
                                                                    : TimestepSpacing::linspace,
                                  .steps_offset = c.steps_offset};
    if (steps_along_sigma(c)) return sigma_timestep_grid(sde, c.steps, options);
    if (strides_over_timesteps(c)) return strided_timestep_grid(sde, c.steps, options);
    if (c.solver == "pc") return consecutive_timestep_grid(sde, c.steps, options);
    return timestep_grid(sde, c.steps, options);
  } else {
    throw UsageError("--grid " + c.grid +
                     " spaces the discrete levels of a network; that of the checkpoint is "
                     "continuous: use uniform");
  }
}

}  // namespace scoresde::detail
