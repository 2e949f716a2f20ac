// SPDX-License-Identifier: MIT
/// A model of states in host memory cannot be evaluated on a device.
// expect: CapturedSampler: the model is not a score model for device states; it needs evaluate(x,
// t, output) and score_form(t) returning ScoreForm
#include <scoresde/cuda/captured_sampler.hpp>
#include <scoresde/scoresde.hpp>

void capture(const scoresde::cuda::DeviceState<double>& x) {
  const scoresde::VpSde sde;
  scoresde::Gaussian model(sde, {0.0}, {1.0});
  const scoresde::PredictorCorrector sampler{sde, scoresde::Ancestral{}, scoresde::NoCorrector{},
                                             scoresde::uniform_grid(sde, 10)};
  scoresde::cuda::CapturedSampler captured(sampler, model, x);
}
