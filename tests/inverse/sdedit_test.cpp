// SPDX-License-Identifier: MIT
/// SDEdit: the exact flow of the noised image, and what is rejected.
#include <vector>

#include <scoresde/inverse/sdedit.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "inverse/gaussian_problem.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using Batch = HostState<double>;

TEST_CASE("SDEdit carries an image to its noise level and back along the flow", "[inverse]") {
  const VpSde sde;
  Gaussian<VpSde> model(sde, {0.5, -1, 0.2}, {1, 0.5, 0.25});
  Batch x({2, 3}, {1, 2, 3, 4, 5, 6}), wanted = x;
  const Noise noise{.seed = 9};
  add_noise(sde, 0.4, wanted, noise.draw(0));
  model.flow(wanted, 0.4, 0.001, wanted);
  const ProbabilityFlow flow{
      sde, RungeKutta4{}, uniform_grid(0.4, 0.001, 100), {.final_step = FinalStep::keep_noise}};
  sdedit(flow, model, x, noise);
  CHECK(gaussian_problem::difference(x, wanted) < 1e-5);
}

TEST_CASE("SDEdit rejects a sampler that begins at T", "[inverse]") {
  const VpSde sde;
  Gaussian<VpSde> model(sde, {0}, {1});
  Batch x({1, 1});
  const PredictorCorrector sampler{sde, Ancestral{}, uniform_grid(sde, 4)};
  CHECK_THROWS_WITH(sdedit(sampler, model, x, Noise{}),
                    Catch::Matchers::Contains("sdedit: the sampler begins at t = 1"));
}
