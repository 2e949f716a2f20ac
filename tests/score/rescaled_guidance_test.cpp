// SPDX-License-Identifier: MIT
/// RescaledGuidance: the spread of the conditional output, its limits, intervals, and rejections.
#include <cmath>
#include <span>
#include <vector>

#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/guidance.hpp>
#include <scoresde/score/rescaled_guidance.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/solver/dpm_solver.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Batch = HostState<double>;

namespace rescaled_guidance_test {

using Data = GaussianMixture<VpSde>;

Data of_class() { return {VpSde(), {1, 1}, {-1, 0.2, 0.4, 1.3, -0.4, 0.1}, {0.1, 0.2}}; }
Data of_all() { return {VpSde(), {1, 2}, {-1, 0.2, 0.4, 0.4, 1, -0.6}, {0.1, 0.3}}; }
Batch points() { return {{2, 3}, {0.3, -0.2, 1.1, 0.7, -0.9, -0.1}}; }

template <class M>
Batch output_of(M& model, double t) {
  Batch output({2, 3});
  model.evaluate(points(), t, output);
  return output;
}

/// The standard deviation of the elements of sample k.
double spread(const Batch& x, std::size_t k) {
  double mean = 0, square = 0;
  for (const double value : x[k]) mean += value / 3;
  for (const double value : x[k]) square += (value - mean) * (value - mean) / 3;
  return std::sqrt(square);
}

}  // namespace rescaled_guidance_test

TEST_CASE("rescaled guidance has the spread of the conditional output in proportion to rescale") {
  using namespace rescaled_guidance_test;
  Data first = of_class(), second = of_all();
  auto plain = classifier_free_guidance(first, second, 3);
  const Batch conditional = output_of(first, 0.3), guided = output_of(plain, 0.3);
  for (const double rescale : {0.0, 0.7, 1.0}) {
    RescaledGuidance model(first, second, 3, rescale);
    const Batch found = output_of(model, 0.3);
    for (std::size_t k = 0; k < 2; ++k) {
      const double ratio = spread(conditional, k) / spread(guided, k);
      CHECK(std::abs(ratio - 1) > 0.05);
      for (std::size_t e = 0; e < 3; ++e)
        CHECK(found(k, e) == Approx((rescale * ratio + 1 - rescale) * guided(k, e)).epsilon(1e-12));
      if (rescale == 1) CHECK(spread(found, k) == Approx(spread(conditional, k)).epsilon(1e-12));
    }
  }
}

TEST_CASE("rescaled guidance takes a time per sample, and guides in its interval alone") {
  using namespace rescaled_guidance_test;
  Data first = of_class(), second = of_all();
  RescaledGuidance model(first, second, 3, 0.7, {0.2, 0.5});
  const Batch inside = output_of(model, 0.3), outside = output_of(model, 0.6);
  const Batch conditional = output_of(first, 0.6);
  Batch both({2, 3});
  const std::vector<double> times{0.3, 0.6};
  model.evaluate(points(), std::span<const double>(times), both);
  for (std::size_t e = 0; e < 3; ++e) {
    CHECK(outside(0, e) == conditional(0, e));
    CHECK(both(0, e) == inside(0, e));
    CHECK(both(1, e) == conditional(1, e));
  }
}

TEST_CASE("rescaled guidance is sampled like any model, and has no vjp") {
  using namespace rescaled_guidance_test;
  using Model = RescaledGuidance<Data, Data>;
  static_assert(PerSampleScoreModel<Model, Batch> && !DifferentiableScoreModel<Model, Batch>);
  Data first = of_class(), second = of_all();
  Model model(first, second, 2, 0.7);
  Batch x({2, 3}), alone({1, 3});
  const SolverSampler sampler{VpSde(), DpmSolverPlusPlus<2>{}, uniform_grid(VpSde(), 10)};
  sampler.sample(model, x, Noise{.seed = 1});
  sampler.sample(model, alone, Noise{.seed = 1, .first_sample = 1});
  for (std::size_t e = 0; e < 3; ++e) CHECK(alone(0, e) == x(1, e));
}

TEST_CASE("rescaled guidance rejects a rescale outside [0, 1]") {
  using namespace rescaled_guidance_test;
  using Catch::Matchers::Contains;
  Data first = of_class(), second = of_all();
  CHECK_THROWS_WITH(RescaledGuidance(first, second, 2, 1.5), Contains("rescale is 1.5"));
  CHECK_THROWS_WITH(RescaledGuidance(first, second, std::nan(""), 0.7),
                    Contains("the weights are"));
  CHECK_THROWS_WITH(RescaledGuidance(first, second, 2, 0.7, {0.5, 0.1}), Contains("interval"));
}
