// SPDX-License-Identifier: MIT
/// Step sizes chosen per sample are not known before the run.
// expect: CapturedSampler: the sampler has no grid of steps known before the run
#include <scoresde/cuda/captured_sampler.hpp>
#include <scoresde/scoresde.hpp>

using X = scoresde::cuda::DeviceState<float>;

void capture(const X& x) {
  auto model = scoresde::score_function([](const X&, double, X&) {});
  const scoresde::AdaptiveSde sampler{scoresde::VpSde()};
  scoresde::cuda::CapturedSampler captured(sampler, model, x);
}
