// SPDX-License-Identifier: MIT
/// The timestep spacings of diffusers' schedulers.
#include <cmath>
#include <vector>

#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/timestep_grid.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using Labels = std::vector<std::size_t>;

namespace {

const DdpmSde& chain() {
  static const DdpmSde sde(linear_betas(1000));
  return sde;
}

/// The labels of the times; -1 for t = 0.
std::vector<long> labels_of(const TimeGrid& grid, bool ends) {
  std::vector<long> labels;
  for (const TimeStep& step : grid)
    labels.push_back(std::lround(1000 * (ends ? step.t_next : step.t)) - 1);
  return labels;
}

}  // namespace

TEST_CASE("timesteps match diffusers' spacings") {
  const TimestepOptions leading{}, offset{.steps_offset = 1};
  const TimestepOptions linspace{.spacing = TimestepSpacing::linspace};
  const TimestepOptions trailing{.spacing = TimestepSpacing::trailing};
  CHECK(spaced_timesteps(1000, 4, leading) == Labels{750, 500, 250, 0});
  CHECK(spaced_timesteps(1000, 4, offset) == Labels{751, 501, 251, 1});
  CHECK(spaced_timesteps(1000, 4, linspace) == Labels{999, 666, 333, 0});
  CHECK(spaced_timesteps(1000, 4, trailing) == Labels{999, 749, 499, 249});
  CHECK(spaced_timesteps(1000, 3, trailing) == Labels{999, 666, 332});
  // numpy rounds half to even: 500 − 0.5 gives 500 and 2.5 gives 2.
  CHECK(spaced_timesteps(6, 3, linspace) == Labels{5, 2, 0});
  CHECK(multistep_timesteps(1000, 4, leading) == Labels{800, 600, 400, 200});
  CHECK(multistep_timesteps(1000, 4, linspace) == Labels{999, 749, 500, 250});
  CHECK(multistep_timesteps(1000, 4, trailing) == Labels{999, 749, 499, 249});
  CHECK_THROWS_WITH(spaced_timesteps(1000, 0), Contains("steps is 0"));
  CHECK_THROWS_WITH(spaced_timesteps(1000, 1001), Contains("steps is 1001"));
  CHECK_THROWS_WITH(spaced_timesteps(1000, 1000, offset), Contains("the first is 1000"));
}

TEST_CASE("a strided grid steps down by a stride from every timestep") {
  const TimeGrid grid =
      strided_timestep_grid(chain(), 4, {.spacing = TimestepSpacing::linspace, .to_data = false});
  CHECK(labels_of(grid, false) == std::vector<long>{999, 666, 333});
  CHECK(labels_of(grid, true) == std::vector<long>{749, 416, 83});
  const TimeGrid to_data =
      strided_timestep_grid(chain(), 4, {.spacing = TimestepSpacing::linspace});
  CHECK(to_data.size() == 4);  // from timestep 0 to the data
  CHECK(to_data.back().t_next == 0);
}

TEST_CASE("a consecutive grid steps from every timestep to the next") {
  // DDPMScheduler: 999·1/2 = 499.5 is rounded to 500, and the last step goes to the data.
  const TimeGrid grid =
      consecutive_timestep_grid(chain(), 3, {.spacing = TimestepSpacing::linspace});
  CHECK(labels_of(grid, false) == std::vector<long>{999, 500, 0});
  CHECK(labels_of(grid, true) == std::vector<long>{500, 0, -1});
  // The last step of length 0 is omitted.
  CHECK(consecutive_timestep_grid(chain(), 3, {.to_data = false}).size() == 2);
}

TEST_CASE("multistep and sigma grids step from timestep to timestep") {
  const TimeGrid to_level = timestep_grid(chain(), 4, {.to_data = false});
  CHECK(labels_of(to_level, true) == std::vector<long>{600, 400, 200, 0});
  CHECK(timestep_grid(chain(), 4).back().t_next == 0);
  CHECK(labels_of(sigma_timestep_grid(chain(), 4), false) == std::vector<long>{750, 500, 250, 0});
  // 999·2/4 = 499.5 is between levels 499 and 500, at the mean of their σ/α.
  const TimeGrid between = sigma_timestep_grid(chain(), 5, {.spacing = TimestepSpacing::linspace});
  const auto ratio = [&](double t) { return std::exp(-0.5 * log_snr(chain(), t)); };
  CHECK(ratio(between[2].t) == Approx(0.5 * (ratio(0.5) + ratio(0.501))).epsilon(1e-12));
}
