// SPDX-License-Identifier: MIT
/// --grid leading, linspace and trailing: the timesteps of diffusers' schedulers, for networks of
/// discrete levels.
///
/// The solver selects one of the four grids of sde/timestep_grid.hpp, as in diffusers.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <scoresde/error.hpp>
#include <scoresde/registry/sampler_choice.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/sampler/prior.hpp>
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

/// The grid of a choice: one of the four, to the data, or with --final eps to the first level.
template <DiscreteSde S>
TimeGrid diffusers_grid(const S& sde, const SamplerChoice& c) {
  const TimestepOptions options{.spacing = c.grid == "leading"    ? TimestepSpacing::leading
                                           : c.grid == "trailing" ? TimestepSpacing::trailing
                                                                  : TimestepSpacing::linspace,
                                .steps_offset = c.steps_offset,
                                .to_data = c.final_step != "eps"};
  if (steps_along_sigma(c)) return sigma_timestep_grid(sde, c.steps, options);
  if (strides_over_timesteps(c)) return strided_timestep_grid(sde, c.steps, options);
  if (c.solver == "pc") return consecutive_timestep_grid(sde, c.steps, options);
  return timestep_grid(sde, c.steps, options);
}

/// Throws Error for steps that the solver cannot take, and for a first time below T at which a run
/// cannot begin with noise.
template <DiscreteSde S>
void require_runnable(const S& sde, const TimeGrid& grid, const SamplerChoice& c) {
  // Of the samplers that stride, these two interpolate from step to step.
  const bool consecutive = c.solver == "pndm" || c.solver == "plms";
  for (std::size_t i = 1; consecutive && i < grid.size(); ++i)
    require(grid[i].t == grid[i - 1].t_next, "each step of --solver ", c.solver, " goes ",
            sde.training_steps() / c.steps,
            " timesteps down, and the next one starts elsewhere; "
            "use --grid leading");
  require(begins_with_noise(sde, grid.front().t), "the first timestep, t = ", grid.front().t,
          " of ", sde.t_max(), ", has too little noise to begin with; use --grid trailing");
}

/// Throws UsageError, which names --grid and --steps, for an SDE without discrete levels below
/// which the data lie, and for steps that the levels or the solver do not allow.
template <class S>
TimeGrid spaced_timestep_grid(const S& sde, const SamplerChoice& c) {
  if constexpr (DiscreteSde<S>) {
    require_usage(sde.training_time(0) > 0, "--grid ", c.grid,
                  " ends at data below the first level; the checkpoint's SDE ends at its first "
                  "level: use uniform");
    try {
      TimeGrid grid = diffusers_grid(sde, c);
      require_runnable(sde, grid, c);
      return grid;
    } catch (const Error& failure) {
      throw UsageError(text("--grid ", c.grid, " with --steps ", c.steps, ": ", failure.what()));
    }
  } else {
    throw UsageError("--grid " + c.grid +
                     " spaces the discrete levels of a network; that of the checkpoint is "
                     "continuous: use uniform");
  }
}

}  // namespace scoresde::detail
