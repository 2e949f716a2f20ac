// SPDX-License-Identifier: MIT
/// Inpainting: known bits, the law of what is unknown, batches, and what is rejected.
#include <cstdint>
#include <cstring>
#include <vector>

#include <scoresde/inverse/inpainting.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/sampler/constraint.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/solver/dpm_solver_single_step.hpp>
#include <scoresde/solver/sde_dpm_solver.hpp>
#include <scoresde/time/log_snr_grid.hpp>

#include "inverse/constrained_chain.hpp"
#include "inverse/gaussian_problem.hpp"
#include "support/catch.hpp"

using namespace scoresde;

static_assert(Constraint<Inpainting<VpSde, HostState<double>>, Gaussian<VpSde>, HostState<double>>);
static_assert(Constraint<NoConstraint, Gaussian<VpSde>, HostState<double>>);

namespace inpainting_test {

/// A run over noise(first_sample) for `samples` samples of a batch that starts at `first`.
template <class T>
HostState<T> inpainted(std::size_t samples, std::uint32_t first) {
  const VpSde sde;
  Gaussian<VpSde> model(sde, {0.5, -1, 0, 2, 1}, {1, 0.5, 0.25, 2, 1});
  HostState<T> mask({samples, 5}), data({samples, 5}), x({samples, 5});
  for (std::size_t k = 0; k < samples; ++k)
    for (std::size_t e = 0; e < 5; ++e) {
      mask(k, e) = T((first + k + e) % 2);
      data(k, e) = T(0.1) * T(e) - T(0.3) * T(first + k);
    }
  const Noise noise{.seed = 3, .first_sample = first};
  Inpainting constraint(sde, mask, data);
  const PredictorCorrector sampler{sde, Ancestral{}, uniform_grid(sde, 20)};
  sampler.sample(model, x, noise, NoObserver{}, constraint);
  for (std::size_t k = 0; k < samples; ++k)
    for (std::size_t e = 0; e < 5; ++e)
      if (mask(k, e) != 0) {
        CHECK(std::memcmp(&x[k][e], &data[k][e], sizeof(T)) == 0);
      } else {
        CHECK(x(k, e) != data(k, e));
      }
  return x;
}

}  // namespace inpainting_test

TEST_CASE("known elements are bit-identical to the data after inpainting", "[inverse]") {
  inpainting_test::inpainted<double>(4, 0);
  inpainting_test::inpainted<float>(4, 0);
}

TEST_CASE("inpainting gives a sample the same bits in any batch", "[inverse]") {
  const auto whole = inpainting_test::inpainted<double>(4, 0);
  const auto part = inpainting_test::inpainted<double>(2, 2);
  CHECK(std::memcmp(whole.data() + 10, part.data(), 10 * sizeof(double)) == 0);
}

TEST_CASE("inpainting leaves independent elements their own law", "[inverse]") {
  const VpSde sde;
  // Elements 0 and 1 are correlated, 2 and 3 are known and independent of both.
  Gaussian<VpSde> model(sde, {0.5, -1, 3, 4},
                        {1, 0.4, 0, 0, 0.4, 0.5, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1});
  HostState<double> mask, data;
  std::vector<double> errors;
  for (const std::size_t steps : {50, 200}) {
    const auto make = [&](std::size_t samples) {
      mask = HostState<double>({samples, 4});
      data = mask;
      for (std::size_t k = 0; k < samples; ++k) mask(k, 2) = mask(k, 3) = 1, data(k, 2) = 7;
      return Inpainting(sde, mask, data);
    };
    const PredictorCorrector sampler{sde, Ancestral{}, uniform_grid(sde, steps)};
    const ConstrainedChain<decltype(sampler), decltype(make)> chain{sampler, make, 2};
    const auto found = testing::chain_moments(
        chain, model, {model.marginal_mean(1), model.marginal_covariance(1)});
    CHECK(found.mean[2] == 7);
    CHECK(found.covariance[10] == 0);
    errors.push_back(std::abs(found.covariance[0] - 1) + std::abs(found.covariance[1] - 0.4) +
                     std::abs(found.mean[0] - 0.5));
  }
  CAPTURE(errors);
  CHECK(errors[1] < 0.5 * errors[0]);
  CHECK(errors[1] < 0.1);
}

TEST_CASE("inpainting with a solver leaves every bit of independent elements", "[inverse]") {
  const VpSde sde;
  Gaussian<VpSde> model(sde, {0.5, -1, 3}, {1, 0.5, 2});
  const HostState<double> mask({2, 3}, {1, 0, 0, 0, 0, 1}), data({2, 3}, {7, 0, 0, 0, 0, -4});
  const auto check = [&](const auto& solver) {
    const SolverSampler sampler{sde, solver, log_snr_grid(sde, 12)};
    HostState<double> free({2, 3}), inpainted = free;
    sampler.sample(model, free, Noise{.seed = 2});
    sampler.sample(model, inpainted, Noise{.seed = 2}, NoObserver{}, Inpainting(sde, mask, data));
    for (std::size_t i = 0; i < 6; ++i)
      CHECK(inpainted.data()[i] == (mask.data()[i] != 0 ? data : free).data()[i]);
  };
  check(SdeDpmSolverPlusPlus<2>{});
  check(DpmSolverSingleStep<2>{});
}

TEST_CASE("inpainting begins and proceeds at the forward marginal of the data", "[inverse]") {
  const VeSde sde({.sigma_min = 0.1, .sigma_max = 10});
  HostState<double> mask({1, 2}, {1, 0}), data({1, 2}, {3, 0}), x({1, 2}, {20, 30}),
      z({1, 2}, {2, 5});
  int model = 0;
  Inpainting right(sde, mask, data), published(sde, mask, data, KnownLevel::step_start);
  right.after_start(x, 1, z);
  CHECK(x(0, 0) == 23);
  CHECK(x(0, 1) == 30);
  right.after_update(x, x, {1, 0.5}, model, z);
  CHECK(x(0, 0) == Approx(3 + 2 * sde.sigma(0.5)));
  CHECK(x(0, 1) == 30);
  published.after_update(x, x, {1, 0.5}, model, z);
  CHECK(x(0, 0) == Approx(3 + 2 * 10));
  published.after_start(x, 1, z);
  CHECK(x(0, 0) == 3);
}

TEST_CASE("inpainting rejects masks and states of another shape", "[inverse]") {
  using Catch::Matchers::Contains;
  const VpSde sde;
  HostState<double> mask({2, 3}), data({2, 4}), x({1, 4}), fitting({2, 4});
  CHECK_THROWS_WITH(Inpainting(sde, mask, data),
                    Contains("the mask has 2 samples of dimension 3 and the data 2 of 4"));
  Inpainting constraint(sde, fitting, data);
  CHECK_THROWS_WITH(constraint.after_start(x, 1, Noise{}.draw(0)),
                    Contains("the state has 1 samples of dimension 4 and the data 2 of 4"));
}
