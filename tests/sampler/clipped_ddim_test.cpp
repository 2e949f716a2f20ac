// SPDX-License-Identifier: MIT
/// DDIM with clipped data and unclipped noise: its step, its limits, its noise.
#include <algorithm>
#include <cmath>
#include <vector>

#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/sampler/clipped_ddim.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using X = HostState<double>;

namespace {

const VpSde sde;

GaussianMixture<VpSde> data() { return {sde, {0.4, 0.6}, {1, 0, -1, 2}, {0.2, 0.3}}; }

X sampled(const auto& sampler, std::uint64_t seed) {
  auto model = data();
  X x({5, 2});
  const SamplerStatistics done = sampler.sample(model, x, Noise{.seed = seed});
  CHECK(done.nfe == sampler.nfe());
  return x;
}

}  // namespace

TEST_CASE("a step of clipped DDIM clips the data and keeps the noise") {
  // A network that predicts the noise −1.5 for every x.
  auto model = noise_prediction(
      [](const X&, double, X& out) { std::fill(out.data(), out.data() + out.size(), -1.5); }, sde);
  const TimeStep step{0.6, 0.4};
  const MarginalProb p = sde.marginal_prob(step.t), q = sde.marginal_prob(step.t_next);
  const std::vector<double> start{0.3, -1.8, -0.9};
  X x({1, 3}, start);
  Workspace<X, 1> work(x);
  ClippedDdim{sde, Ddim{}, TimeGrid({step})}.integrate(model, x, Noise{}, work);
  for (std::size_t e = 0; e < 3; ++e) {
    const double x0 = (start[e] + 1.5 * p.std) / p.mean;
    CHECK(x(0, e) == Approx(q.mean * std::clamp(x0, -1.0, 1.0) - 1.5 * q.std).epsilon(1e-13));
  }
  CHECK(std::abs((start[0] + 1.5 * p.std) / p.mean) > 1);
}

TEST_CASE("clipped DDIM equals DDIM, including the noise, if nothing is clipped") {
  const TimeGrid grid = uniform_grid(sde, 12);
  for (const double eta : {0.0, 0.7})
    for (const FinalStep final_step : {FinalStep::keep_noise, FinalStep::drop_last_noise}) {
      const PredictorCorrectorOptions options{.final_step = final_step};
      const PredictorCorrector plain{sde, Ddim{eta}, grid, options};
      const ClippedDdim clipped{
          sde, Ddim{eta}, grid, {.range = {-1e3, 1e3}, .final_step = final_step}};
      const X a = sampled(plain, 3), b = sampled(clipped, 3);
      for (std::size_t i = 0; i < a.size(); ++i)
        CHECK(b.data()[i] == Approx(a.data()[i]).epsilon(1e-11));
    }
}

TEST_CASE("a sample of clipped DDIM does not depend on its batch") {
  const ClippedDdim sampler{sde, Ddim{.eta = 1}, uniform_grid(sde, 6)};
  const X whole = sampled(sampler, 4);
  auto model = data();
  X one({1, 2});
  sampler.sample(model, one, Noise{.seed = 4, .first_sample = 3});
  for (std::size_t e = 0; e < 2; ++e) CHECK(one(0, e) == whole(3, e));
}

TEST_CASE("clipped DDIM rejects invalid ranges, eta and grids") {
  const TimeGrid grid = uniform_grid(sde, 3);
  CHECK_THROWS_WITH((ClippedDdim{sde, Ddim{.eta = 2}, grid}), Contains("eta is 2"));
  CHECK_THROWS_WITH((ClippedDdim{sde, Ddim{}, grid, {.range = {1, 1}}}), Contains("from 1 to 1"));
  CHECK_THROWS_WITH((ClippedDdim{sde, Ddim{}, grid.reversed()}), Contains("must decrease"));
  CHECK_THROWS_WITH((ClippedDdim{sde, Ddim{}, uniform_grid(2, 1, 3)}), Contains("T = 1"));
  CHECK_THROWS_WITH((ClippedDdim{sde, Ddim{}, grid, {.final_step = FinalStep::denoise}}),
                    Contains("final_step is denoise"));
}

TEST_CASE("clipped DDIM starts from the marginal at the first time of its grid") {
  const TimeGrid grid = uniform_grid(0.8, 1e-3, 4);
  struct First {
    std::vector<double> values;
    void on_start(const ObservedStep&, const X& x) { values.assign(x.data(), x.data() + x.size()); }
  } first;
  auto model = data();
  X x({5, 2}), wanted({5, 2});
  ClippedDdim{sde, Ddim{}, grid}.sample(model, x, Noise{.seed = 3}, first);
  draw_prior(sde, 0.8, wanted, Noise{.seed = 3}.draw(0));
  CHECK(first.values == std::vector<double>(wanted.data(), wanted.data() + wanted.size()));
}
