// SPDX-License-Identifier: MIT
/// Bounds with exact scores: their gap is the prior's and the decoder's divergence.
#include <cmath>
#include <cstdio>
#include <limits>
#include <span>
#include <vector>

#include <scoresde/likelihood/likelihood_bound.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/sde/with_prior_mean.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

struct MeanWithError {
  double mean = 0, error = 0;
};

MeanWithError mean_of(const std::vector<double>& values) {
  MeanWithError result;
  const auto n = static_cast<double>(values.size());
  for (const double value : values) result.mean += value / n;
  for (const double value : values)
    result.error += (value - result.mean) * (value - result.mean) / (n - 1) / n;
  result.error = std::sqrt(result.error);
  return result;
}

/// Points of N(mean, diag(variance)).
X data(const std::vector<double>& mean, const std::vector<double>& variance, std::size_t samples) {
  X x({samples, mean.size()});
  backend(x).assign(x, std::span<const Term<X>>(), NoiseTerm{1, Noise{.seed = 8}.draw(0)});
  for (std::size_t k = 0; k < samples; ++k)
    for (std::size_t e = 0; e < mean.size(); ++e)
      x(k, e) = mean[e] + std::sqrt(variance[e]) * x(k, e);
  return x;
}

/// KL(p_T ‖ π) of the data, for a prior of mean 0.
template <class S>
double prior_divergence(const S& sde, const std::vector<double>& mean,
                        const std::vector<double>& variance) {
  const MarginalProb p = sde.marginal_prob(sde.t_max());
  const double s2 = sde.prior_std() * sde.prior_std();
  double sum = 0;
  for (std::size_t e = 0; e < mean.size(); ++e) {
    const double v = p.mean * p.mean * variance[e] + p.std * p.std, m = p.mean * mean[e];
    sum += 0.5 * ((v + m * m) / s2 - 1 - std::log(v / s2));
  }
  return sum;
}

/// KL of the data given x_ε from the decoder N(Tweedie mean, (s/m)²), which has the same mean.
template <class S>
double decoder_divergence(const S& sde, double eps, const std::vector<double>& variance) {
  const MarginalProb p = sde.marginal_prob(eps);
  double sum = 0;
  for (const double v : variance) {
    const double r = p.mean * p.mean * v / (p.mean * p.mean * v + p.std * p.std);
    sum += 0.5 * (r - 1 - std::log(r));
  }
  return sum;
}

}  // namespace

TEST_CASE("bounds with the exact score exceed −log p by the prior's and the decoder's divergence") {
  const std::vector<double> mean{0.5, -1, 0.2}, variance{0.05, 1, 0.4};
  const X x = data(mean, variance, 400);
  const auto check = [&](const char* name, const auto& sde, BoundObjective objective,
                         BoundTimes times, double eps = 1e-3) {
    Gaussian model(sde, mean, variance);
    const LikelihoodBound bound(sde, eps, {.objective = objective, .times = times, .draws = 100});
    const auto found = bound.evaluate(model, x, Noise{.seed = 1});
    CHECK(found.nfe == 200);
    std::vector<double> over;
    for (std::size_t k = 0; k < x.extents().samples; ++k) {
      double log_p = 0;  // of the data themselves, at no noise
      for (std::size_t e = 0; e < 3; ++e)
        log_p -= 0.5 * (std::log(2 * std::numbers::pi * variance[e]) +
                        (x(k, e) - mean[e]) * (x(k, e) - mean[e]) / variance[e]);
      over.push_back(found.negative_log_p[k] + log_p);
    }
    const auto [gap, error] = mean_of(over);
    const double prior = prior_divergence(sde, mean, variance);
    const double decoder = decoder_divergence(sde, eps, variance);
    std::printf("%-28s gap %.4f +- %.4f nats, prior %.4f, decoder %.4f\n", name, gap, error, prior,
                decoder);
    CHECK(gap >= -3 * error);
    CHECK(std::abs(gap - prior - decoder) < 3.5 * error + 2e-3);
    CHECK(error < 0.3);
  };
  using enum BoundObjective;
  using enum BoundTimes;
  check("VP denoising importance", VpSde{}, denoising, importance);
  check("VP sliced importance", VpSde{}, sliced, importance);
  check("VP sliced uniform", VpSde{}, sliced, uniform);
  check("sub-VP denoising importance", SubVpSde{}, denoising, importance);
  check("VE denoising importance", VeSde{}, denoising, importance);
  check("VE denoising uniform", VeSde{}, denoising, uniform);
  // Both divergences are large where T is too early for the prior and ε late.
  const VpSde early({.beta_min = 0.1, .beta_max = 2});
  check("early VP denoising", early, denoising, importance, 0.3);
  check("early VP sliced", early, sliced, uniform, 0.3);
}

TEST_CASE("the standard error is that of the draws") {
  const VpSde sde;
  GaussianMixture model(sde, {0.4, 0.6}, {1, 0, -1, -0.5, 0.5, 2}, {0.2, 0.3});
  X x({300, 3});  // the same point with 300 independent sets of draws
  for (std::size_t k = 0; k < 300; ++k) x(k, 0) = 0.7, x(k, 1) = -0.2, x(k, 2) = 0.1;
  const auto found = LikelihoodBound(sde, 1e-3, {.draws = 40}).evaluate(model, x, Noise{});
  const auto spread = mean_of(found.negative_log_p);
  CHECK(mean_of(found.standard_error).mean ==
        Approx(spread.error * std::sqrt(300.0)).epsilon(0.15));
}

TEST_CASE("importance times are uniform in the log-SNR on every SDE") {
  const auto check = [](const auto& sde, double eps) {
    const LikelihoodBound bound(sde, eps);
    const double total = bound.importance(sde.t_max());
    for (const double u : {1e-6, 0.1, 0.5, 0.9, 1 - 1e-6})
      CHECK(bound.importance(bound.time(u)) == Approx(u * total).epsilon(1e-9));
    // ∫ g²/s² by Simpson's rule in √t.
    const double a = std::sqrt(0.1 * sde.t_max()), b = std::sqrt(sde.t_max());
    double sum = 0;
    constexpr int steps = 2000;
    for (int i = 0; i <= steps; ++i) {
      const double root = a + (b - a) * i / steps, t = root * root;
      const double g = sde.diffusion(std::fmin(t, sde.t_max()));
      const double s = sde.marginal_prob(std::fmin(t, sde.t_max())).std;
      sum += (i == 0 || i == steps ? 1 : i % 2 == 1 ? 4 : 2) * 2 * root * (g * g) / (s * s);
    }
    sum *= (b - a) / (3 * steps);
    CHECK(total - bound.importance(0.1 * sde.t_max()) == Approx(sum).epsilon(1e-8));
  };
  check(VpSde{}, 1e-5);
  check(SubVpSde{}, 1e-5);
  check(VeSde{}, 1e-5);
  check(EdmSde{}, 2e-3);
}

TEST_CASE("the prior term is the mean over the noise at T") {
  const auto check = [](const auto& sde) {
    const LikelihoodBound bound(sde, 1e-3);
    const X point({1, 2}, {0.7, -1.5});
    std::vector<double> found(1);
    bound.prior(point, found);
    X noised({100000, 2});
    for (std::size_t k = 0; k < 100000; ++k) noised(k, 0) = 0.7, noised(k, 1) = -1.5;
    const MarginalProb p = sde.marginal_prob(sde.t_max());
    const std::array<Term<X>, 1> terms{Term<X>{p.mean, &noised}};
    backend(noised).assign(noised, std::span<const Term<X>>(terms),
                           NoiseTerm{p.std, Noise{.seed = 6}.draw(0)});
    std::vector<double> log_p(100000);
    prior_log_density(sde, noised, log_p);
    const auto [mean, error] = mean_of(log_p);
    CHECK(std::abs(found[0] + mean) < 4 * error);
  };
  check(VpSde{});
  check(WithPriorMean(VeSde({.sigma_max = 3}), std::vector<double>{1, -2}));
}

TEST_CASE("bounds reject bad input by name") {
  using Catch::Contains;
  const VpSde sde;
  CHECK_THROWS_WITH(LikelihoodBound(sde, 0), Contains("eps is 0"));
  CHECK_THROWS_WITH(LikelihoodBound(sde, 1), Contains("eps is 1"));
  CHECK_THROWS_WITH(LikelihoodBound(sde, 1e-3, {.draws = 0}), Contains("draws is 0"));
  Gaussian model(sde, {0, 0}, {1, 1});
  X x({2, 2});
  x(1, 0) = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH(LikelihoodBound(sde, 1e-3).evaluate(model, x, Noise{}),
                    Contains("the bound of sample 1"));
  CHECK_THROWS_WITH(LikelihoodBound(sde, 1e-3).evaluate(model, X({0, 2}), Noise{}),
                    Contains("0 samples"));
}
