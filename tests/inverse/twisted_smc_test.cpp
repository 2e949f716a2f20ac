// SPDX-License-Identifier: MIT
/// Twisted SMC: its limit, the rate of its error, its evidence, groups, and what is rejected.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include <scoresde/inverse/dense_operator.hpp>
#include <scoresde/inverse/twisted_smc.hpp>
#include <scoresde/score/tweedie.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "inverse/gaussian_problem.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using gaussian_problem::Problem;
using Batch = HostState<double>;

namespace twisted_smc_test {

/// The chain without a measurement: ancestral steps, then the prediction of the data.
struct PriorChain {
  static constexpr std::size_t buffers = 1;
  TimeGrid grid;
  [[nodiscard]] std::size_t nfe() const { return grid.size(); }
  template <class M, class N>
  void integrate(M& model, Batch& x, const N& noise, Workspace<Batch, 1>& work) const {
    const VpSde sde;
    Batch& output = work[0];
    for (std::size_t i = 0; i < grid.size(); ++i) {
      model.evaluate(x, grid[i].t, output);
      update(x, output, model.score_form(grid[i].t), Ancestral{}.coefficients(sde, grid[i]),
             noise.draw(i + 1));
    }
    const double t = grid.back().t_next;
    model.evaluate(x, t, output);
    const ScoreForm data = tweedie_form(sde.marginal_prob(t), model.score_form(t));
    assign(x, {{data.state, x}, {data.output, output}});
  }
};

struct Outcome {
  double rms = 0;             ///< of the weighted means, against the posterior of the chain
  double evidence_mean = 0;   ///< of exp(log_evidence − exact)
  double evidence_error = 0;  ///< its standard error
};

Outcome run(const Problem& p, const Problem& chain, const TimeGrid& grid, std::size_t particles,
            std::size_t groups) {
  const VpSde sde;
  Gaussian<VpSde> model(sde, p.mean, p.covariance);
  const std::size_t n = particles * groups, d = p.dim();
  const DenseOperator op(p.matrix, p.rows(), d);
  const Batch y = p.measurement(n);
  const LinearProblem problem(op, y, p.noise_std);
  Batch x({n, d});
  const TwistedSmc sampler(sde, grid, {.particles = particles, .data_variance = 1});
  const TwistedSmcResult found = sampler.sample(model, problem, x, Noise{.seed = 5});
  CHECK(found.statistics.nfe == grid.size() + 1);
  Outcome outcome;
  double square = 0;
  for (std::size_t g = 0; g < groups; ++g) {
    CHECK(found.effective_sample_size[g] >= 1);
    CHECK(found.effective_sample_size[g] <= static_cast<double>(particles) * (1 + 1e-12));
    for (std::size_t e = 0; e < d; ++e) {
      double mean = 0;
      for (std::size_t k = g * particles; k < (g + 1) * particles; ++k)
        mean += found.weights[k] * x(k, e);
      outcome.rms += std::pow(mean - chain.posterior_mean[e], 2);
    }
    const double ratio = std::exp(found.log_evidence[g] - chain.log_evidence);
    outcome.evidence_mean += ratio / static_cast<double>(groups);
    square += ratio * ratio / static_cast<double>(groups);
  }
  outcome.rms = std::sqrt(outcome.rms / static_cast<double>(groups * d));
  outcome.evidence_error = std::sqrt((square - outcome.evidence_mean * outcome.evidence_mean) /
                                     static_cast<double>(groups));
  return outcome;
}

}  // namespace twisted_smc_test

TEST_CASE("the error of twisted SMC falls as 1/sqrt(particles) to the floor of its grid",
          "[inverse]") {
  const Problem p = gaussian_problem::problem(0.3);
  const VpSde sde;
  Gaussian<VpSde> model(sde, p.mean, p.covariance);
  const TimeGrid grid = quadratic_grid(sde, 40);
  // The posterior that the particles converge to: that of the discrete chain's own data.
  Problem chain = p;
  const auto moments = testing::chain_moments(twisted_smc_test::PriorChain{grid}, model,
                                              gaussian_problem::isotropic(4, 1));
  chain.mean = moments.mean;
  chain.covariance = moments.covariance;
  chain.solve();
  const auto floor = gaussian_problem::bias({chain.posterior_mean, chain.posterior_covariance}, p);
  std::printf("twisted SMC, 40 steps: floor %.4f in the mean, %.4f in the covariance\n", floor.mean,
              floor.covariance);
  CHECK(floor.mean < 0.1);
  std::vector<double> errors;
  for (const std::size_t particles : {16, 64, 256}) {
    const auto found = twisted_smc_test::run(p, chain, grid, particles, 60);
    std::printf("%4zu particles: error %.4f, evidence %.3f +- %.3f of the exact one\n", particles,
                found.rms, found.evidence_mean, found.evidence_error);
    errors.push_back(found.rms);
    CHECK(std::abs(found.evidence_mean - 1) < 4 * found.evidence_error);
  }
  CHECK(errors[0] / errors[2] > 2.8);  // 4 in the limit
  CHECK(errors[0] / errors[2] < 5.7);
  CHECK(errors[1] / errors[2] > 1.4);
}

TEST_CASE("a group of particles has the same bits in any batch", "[inverse]") {
  const Problem p = gaussian_problem::problem(0.2);
  const VpSde sde;
  Gaussian<VpSde> model(sde, p.mean, p.covariance);
  const DenseOperator op(p.matrix, 2, 4);
  const TwistedSmc sampler(sde, uniform_grid(sde, 12), {.particles = 8, .resample_below = 0.9});
  const auto sampled = [&](std::size_t groups, std::uint32_t first) {
    const Batch y = p.measurement(8 * groups);
    const LinearProblem problem(op, y, p.noise_std);
    Batch x({8 * groups, 4});
    const auto found =
        sampler.sample(model, problem, x, Noise{.seed = 2, .first_sample = 8 * first});
    CHECK(found.resamplings > 0);
    return std::pair{x, found.weights};
  };
  const auto [whole, weights] = sampled(4, 0);
  const auto [part, part_weights] = sampled(2, 2);
  CHECK(std::memcmp(whole.data() + 64, part.data(), 64 * sizeof(double)) == 0);
  CHECK(std::equal(part_weights.begin(), part_weights.end(), weights.begin() + 16));
}

TEST_CASE("systematic resampling copies a particle in proportion to its weight", "[inverse]") {
  const std::vector<double> weights{0.1, 0.5, 0.4, 0.0};
  std::vector<std::size_t> ancestors(4);
  detail::resample(weights, 0.5, ancestors);
  CHECK(ancestors == std::vector<std::size_t>{1, 1, 2, 2});
  CHECK(detail::effective_sample_size(std::vector<double>{0.25, 0.25, 0.25, 0.25}) == 4);
  CHECK(detail::effective_sample_size(std::vector<double>{0, 1, 0, 0}) == 1);
  std::vector<double> normalized(2);
  const double log_mean =
      detail::normalize_weights(std::vector<double>{-1000, -1000 + std::log(3.0)}, normalized);
  CHECK(normalized[1] == Approx(0.75));
  CHECK(log_mean == Approx(-1000 + std::log(2.0)));
}

TEST_CASE("twisted SMC rejects bad input by name", "[inverse]") {
  using Catch::Matchers::Contains;
  const VpSde sde;
  CHECK_THROWS_WITH(TwistedSmc(sde, uniform_grid(sde, 4), {.particles = 0}),
                    Contains("particles is 0"));
  CHECK_THROWS_WITH(TwistedSmc(sde, uniform_grid(sde, 4), {.resample_below = 2}),
                    Contains("resample_below is 2"));
  CHECK_THROWS_WITH(TwistedSmc(sde, uniform_grid(1, 0, 4)), Contains("within (0, T]"));
  Gaussian<VpSde> model(sde, {0, 0}, {1, 1});
  const DenseOperator op({1, 2}, 1, 2);
  Batch y({4, 1}, {1, 1, 1, 2}), x({4, 2});
  const LinearProblem problem(op, y, 0.1), exact(op, y, 0);
  const auto run = [&](std::size_t particles, const auto& of) {
    TwistedSmc(sde, uniform_grid(sde, 4), {.particles = particles}).sample(model, of, x, Noise{});
  };
  CHECK_THROWS_WITH(run(3, problem), Contains("4 samples; it must be a multiple of the 3"));
  CHECK_THROWS_WITH(run(2, problem), Contains("samples 2 and 3 differ"));
  CHECK_THROWS_WITH(run(2, exact), Contains("noise_std is 0"));
}
