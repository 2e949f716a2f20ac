// SPDX-License-Identifier: MIT
/// Log-likelihoods against closed forms: Gaussians and mixtures on every linear SDE.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <scoresde/likelihood/probability_flow_likelihood.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/cosine_vp_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/rectified_flow_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "likelihood/models.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using likelihood_models::Counted;
using likelihood_models::ReflectedGaussian;
using likelihood_models::Untraced;
using X = HostState<double>;

namespace {

const AdaptiveRungeKutta<> tight = scipy_rk45(1e-9, 1e-9);
const AdaptiveRungeKutta<> tight_per_sample{.rtol = 1e-9, .atol = 1e-9};

template <class S>
Gaussian<S> gaussian(const S& sde) {
  return {sde, {0.5, -1, 2}, {0.4, 0.2, 0.1, 0.2, 2, 0.3, 0.1, 0.3, 6}};
}
template <class S>
GaussianMixture<S> mixture(const S& sde) {
  return {sde, {0.4, 0.6}, {1, 0, -1, -0.5, 0.5, 2}, {0.2, 0.3}};
}
/// Standard normals times `scale`.
X normals(Extents shape, double scale = 1) {
  X x(shape);
  backend(x).assign(x, std::span<const Term<X>>(), NoiseTerm{scale, Noise{.seed = 2}.draw(0)});
  return x;
}

/// A Aᵀ/dim + 0.1 I with normal A.
std::vector<double> dense_covariance(std::size_t dim) {
  const X a = normals({dim, dim});
  std::vector<double> matrix(dim * dim);
  for (std::size_t i = 0; i < dim; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = i == j ? 0.1 : 0;
      for (std::size_t l = 0; l < dim; ++l) sum += a(i, l) * a(j, l) / static_cast<double>(dim);
      matrix[i * dim + j] = matrix[j * dim + i] = sum;
    }
  return matrix;
}

struct Errors {
  double log_p = 0;  ///< the largest |log p_T(z) + change − log p_ε(x)| per dimension
  double gap = 0;    ///< the largest |log π(z) − log p_T(z)| per dimension
};

/// Also checks that log_p differs from the closed form by the prior gap and that error only.
template <class L, class M>
Errors errors(const L& likelihood, M& model, const X& x) {
  X z = x;
  const LogLikelihood found = likelihood.log_likelihood(model, z, Noise{.seed = 5});
  const double first = likelihood.grid().front().t, last = likelihood.grid().back().t_next;
  const auto dim = static_cast<double>(x.extents().dim);
  Errors worst;
  for (std::size_t k = 0; k < x.extents().samples; ++k) {
    const double exact = model.log_density(x[k], first), at_prior = model.log_density(z[k], last);
    const double off = at_prior + found.change[k] - exact, gap = found.prior[k] - at_prior;
    CHECK(found.log_p[k] - exact == Approx(gap + off).margin(1e-9 * std::abs(exact)));
    worst.log_p = std::max(worst.log_p, std::abs(off) / dim);
    worst.gap = std::max(worst.gap, std::abs(gap) / dim);
  }
  return worst;
}
template <class L, class M>
double error(const L& likelihood, M& model, const X& x) {
  return errors(likelihood, model, x).log_p;
}

/// A model whose score is −0.3x − F/s.
struct NoisePredictor {
  Gaussian<VpSde> data;
  VpSde sde{};

  ScoreForm score_form(double t) const { return {-0.3, -1 / sde.marginal_prob(t).std}; }
  void evaluate(const X& x, double t, X& output) {
    data.evaluate(x, t, output);
    const double s = sde.marginal_prob(t).std;
    for (std::size_t i = 0; i < x.size(); ++i)
      output.data()[i] = -s * (output.data()[i] + 0.3 * x.data()[i]);
  }
  void vjp(const X& x, double t, const X& v, X& out) {
    data.vjp(x, t, v, out);
    const double s = sde.marginal_prob(t).std;
    for (std::size_t i = 0; i < x.size(); ++i)
      out.data()[i] = -s * (out.data()[i] + 0.3 * v.data()[i]);
  }
  double log_density(std::span<const double> x, double t) { return data.log_density(x, t); }
};

}  // namespace

TEST_CASE("log-likelihoods of Gaussians and mixtures equal the closed forms on every SDE") {
  const auto check = [&](const char* name, const auto& sde) {
    INFO(name);
    const ProbabilityFlowLikelihood batch{sde, tight, ExactTrace{}};
    const ProbabilityFlowLikelihood each{sde, tight_per_sample, ExactTrace{}};
    auto one = gaussian(sde);
    auto several = mixture(sde);
    const X x = normals({4, 3});
    for (const Errors found : {errors(batch, one, x), errors(each, one, x),
                               errors(batch, several, x), errors(each, several, x)}) {
      std::printf("%-8s nats per dimension: error %.1e, prior gap %.1e\n", name, found.log_p,
                  found.gap);
      CHECK(found.log_p < 1e-6);
    }
  };
  check("VP", VpSde{});
  check("sub-VP", SubVpSde{});
  check("VE", VeSde{});
  check("cosine", CosineVpSde{});
  check("EDM", EdmSde{});
}

TEST_CASE("log-likelihoods equal the closed forms from 2 to 3072 dimensions") {
  const VpSde sde;
  const ProbabilityFlowLikelihood exact{sde, tight, ExactTrace{}};
  for (const std::size_t dim : {2, 27}) {
    Gaussian model(sde, std::vector<double>(dim, 0.5), dense_covariance(dim));
    CHECK(error(exact, model, normals({3, dim})) < 1e-6);
    Untraced untraced{model};
    X z = normals({3, dim}), same = z;
    const auto traced = exact.log_likelihood(model, z, Noise{});
    const auto by_units = exact.log_likelihood(untraced, same, Noise{});
    for (std::size_t k = 0; k < 3; ++k)
      CHECK(by_units.log_p[k] == Approx(traced.log_p[k]).epsilon(1e-9));
  }
  std::vector<double> variances(3072);
  for (std::size_t e = 0; e < 3072; ++e) variances[e] = 0.01 + 2.0 * double(e) / 3072;
  ReflectedGaussian dense(sde, variances);
  CHECK(error(exact, dense, normals({2, 3072})) < 1e-6);
  // Rademacher probes are exact for a diagonal Jacobian.
  Gaussian diagonal(sde, std::vector<double>(3072, 0.2), variances);
  const ProbabilityFlowLikelihood estimate{sde, tight, HutchinsonTrace{}};
  CHECK(error(estimate, diagonal, normals({2, 3072})) < 1e-6);
}

TEST_CASE("the form of the score enters the divergence") {
  const VpSde sde;
  NoisePredictor model{gaussian(sde)};
  CHECK(error(ProbabilityFlowLikelihood{sde, tight, ExactTrace{}}, model, normals({3, 3})) < 1e-6);
}

TEST_CASE("fixed steps converge to the closed form with the order of the method") {
  const VpSde sde;
  auto model = mixture(sde);
  const auto at = [&](std::size_t steps) {
    return error(
        ProbabilityFlowLikelihood{sde, RungeKutta4{}, ExactTrace{}, quadratic_grid(1, 1e-3, steps)},
        model, normals({4, 3}));
  };
  const double coarse = at(60), fine = at(120);
  CHECK(fine < 1e-4);
  CHECK(std::log2(coarse / fine) > 3.4);
}

TEST_CASE("estimates lie within 3 standard errors of the exact trace's in 98 % of 200 seeds",
          "[slow]") {
  const VpSde sde;
  const TimeGrid grid = quadratic_grid(1, 1e-3, 12);
  const auto check = [&](auto model, ProbeDistribution distribution, std::size_t probes) {
    const X x = normals({1, 8});
    X z = x;
    const double exact = ProbabilityFlowLikelihood{sde, RungeKutta4{}, ExactTrace{}, grid}
                             .log_likelihood(model, z, Noise{})
                             .log_p[0];
    const HutchinsonTrace trace{.probes = probes, .distribution = distribution};
    const ProbabilityFlowLikelihood estimate{sde, RungeKutta4{}, trace, grid};
    int inside = 0;
    double squares = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      z = x;
      const auto found = estimate.log_likelihood(model, z, Noise{.seed = seed});
      const double ratio = (found.log_p[0] - exact) / found.standard_error[0];
      inside += std::abs(ratio) < 3 ? 1 : 0;
      squares += ratio * ratio / 200;
    }
    std::printf("%zu probes: %d of 200 within 3 standard errors, mean square %.2f\n", probes,
                inside, squares);
    CHECK(inside >= 196);
    CHECK(squares > 0.6);  // the standard error is not too large either
    CHECK(squares < 1.6);
  };
  const Gaussian dense(sde, std::vector<double>(8, 0.5), dense_covariance(8));
  std::vector<double> means(16);
  for (std::size_t e = 0; e < 16; ++e) means[e] = e < 8 ? 0.6 : -0.3;
  const GaussianMixture two(sde, {0.4, 0.6}, means, {0.2, 0.3});
  for (const auto distribution : {ProbeDistribution::rademacher, ProbeDistribution::gaussian}) {
    check(dense, distribution, 32);
    // The Jacobian is nearly of rank 1 off the diagonal: the estimates are skewed, as a χ² of one
    // degree of freedom, so their mean is normal later.
    check(two, distribution, 128);
  }
}

TEST_CASE("an evaluation is one forward and one vjp per probe") {
  const VpSde sde;
  auto model = mixture(sde);
  for (const std::size_t probes : {1, 3}) {
    for (const AdaptiveRungeKutta<>& method : {AdaptiveRungeKutta<>{}, scipy_rk45()}) {
      Counted counted{model};
      X x = normals({2, 3});
      const ProbabilityFlowLikelihood likelihood{sde, method, HutchinsonTrace{.probes = probes}};
      const auto found = likelihood.log_likelihood(counted, x, Noise{});
      CHECK(counted.evaluations == found.statistics.nfe);
      CHECK(counted.products == probes * found.statistics.nfe);
      CHECK(found.change_by_probe.size() == 2 * probes);
      CHECK(std::isnan(found.standard_error[0]) == (probes == 1));
    }
  }
}

TEST_CASE("with per-sample steps a likelihood does not depend on the batch") {
  const VpSde sde;
  auto model = mixture(sde);
  const ProbabilityFlowLikelihood likelihood{sde, AdaptiveRungeKutta<>{},
                                             HutchinsonTrace{.probes = 2}};
  X all = normals({3, 3});
  X last({1, 3}, {all(2, 0), all(2, 1), all(2, 2)});
  const auto together = likelihood.log_likelihood(model, all, Noise{.seed = 1});
  const auto alone = likelihood.log_likelihood(model, last, Noise{.seed = 1, .first_sample = 2});
  CHECK(alone.log_p[0] == together.log_p[2]);
  CHECK(alone.standard_error[0] == together.standard_error[2]);
  CHECK(last(0, 1) == all(2, 1));
}

TEST_CASE("the tolerance of log p is its own") {
  const VpSde sde;
  auto model = mixture(sde);
  const AdaptiveRungeKutta<> loose{.rtol = 1e-3, .atol = 1e-3};
  const TimeStep span{sde.t_min(), 1};
  const auto run = [&](std::optional<Tolerance> log_p) {
    X z = normals({4, 3});
    return ProbabilityFlowLikelihood{sde, loose, ExactTrace{}, span, log_p}
        .log_likelihood(model, z, Noise{})
        .statistics.nfe;
  };
  const auto off = [&](Tolerance log_p) {
    return error(ProbabilityFlowLikelihood{sde, loose, ExactTrace{}, span, log_p}, model,
                 normals({4, 3}));
  };
  CHECK(run({}) == run(Tolerance{1e-3, 1e-3}));
  CHECK(run(Tolerance{1e-8, 1e-8}) > run({}));
  CHECK(off({1e-8, 1e-8}) < 1e-5);
}

TEST_CASE("a float state gives the likelihood of its rounded points") {
  const VpSde sde;
  auto model = mixture(sde);
  const ProbabilityFlowLikelihood likelihood{sde, AdaptiveRungeKutta<>{}, ExactTrace{}};
  X x = normals({3, 3});
  HostState<float> rounded({3, 3});
  for (std::size_t i = 0; i < 9; ++i) {
    rounded.data()[i] = static_cast<float>(x.data()[i]);
    x.data()[i] = static_cast<double>(rounded.data()[i]);
  }
  const auto expected = likelihood.log_likelihood(model, x, Noise{});
  const auto found = likelihood.log_likelihood(model, rounded, Noise{});
  for (std::size_t k = 0; k < 3; ++k)
    CHECK(found.log_p[k] == Approx(expected.log_p[k]).margin(2e-4));
}

TEST_CASE("bad input is rejected by name before the solve, and x is unchanged") {
  using Catch::Contains;
  const VpSde sde;
  auto model = mixture(sde);
  using Adaptive = ProbabilityFlowLikelihood<VpSde, AdaptiveRungeKutta<>, HutchinsonTrace>;
  CHECK_THROWS_WITH(Adaptive(sde, {}, {.probes = 0}), Contains("probes is 0"));
  CHECK_THROWS_WITH(Adaptive(sde, {.rtol = -1}), Contains("rtol is -1"));
  CHECK_THROWS_WITH(Adaptive(sde, {}, {}, TimeStep{1e-5, 0.5}), Contains("from 1e-05 to 0.5"));
  CHECK_THROWS_WITH(Adaptive(sde, {}, {}, TimeStep{-0.1, 1}), Contains("from -0.1 to 1"));
  CHECK_THROWS_WITH(Adaptive(sde, {}, {}, uniform_grid(sde, 5)), Contains("5 steps"));
  CHECK_THROWS_WITH(Adaptive(sde, {}, {}, Tolerance{1e-5, 0}), Contains("atol 0"));
  X empty({0, 3});
  CHECK_THROWS_WITH(Adaptive(sde, {}).log_likelihood(model, empty, Noise{}),
                    Contains("0 samples of dimension 3"));
  NoisePredictor untimed{gaussian(sde)};
  X x = normals({2, 3});
  const X kept = x;
  CHECK_THROWS_WITH(Adaptive(sde, {}).log_likelihood(untimed, x, Noise{}),
                    Contains("vjp(x, times, v, out)") && Contains("use Scope::batch"));
  x(1, 0) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(Adaptive(sde, {}).log_likelihood(model, x, Noise{}), Contains("not finite"));
  const ProbabilityFlowLikelihood fixed{sde, Euler{}, ExactTrace{}, uniform_grid(sde, 5)};
  CHECK_THROWS_WITH(fixed.log_likelihood(model, x, Noise{}), Contains("log p of sample 1"));
  CHECK(x(0, 0) == kept(0, 0));
}
