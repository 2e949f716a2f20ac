// SPDX-License-Identifier: MIT
/// A function that takes its output by value writes to a copy.
// expect: FunctionModel: the function takes its output by value, so its result is lost, or as
// auto&&, which cannot be distinguished; the third parameter must be an lvalue reference, State&
// output
#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

using Batch = scoresde::HostState<double>;

int main() {
  const scoresde::VpSde sde;
  const scoresde::PredictorCorrector sampler{sde, scoresde::Ancestral{}, scoresde::NoCorrector{},
                                             uniform_grid(sde, 10)};
  auto model = scoresde::score_function([](const Batch& x, double, Batch out) { out = x; });
  Batch x({4, 3});
  sampler.sample(model, x, scoresde::Noise{});
}
