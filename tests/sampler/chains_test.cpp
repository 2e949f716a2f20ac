// SPDX-License-Identifier: MIT
/// Chains on Gaussian data: exact discrete mean and covariance, compared with runs of the sampler.
///
/// With an exact Gaussian score every step is affine, so a run is x = c + A x_T + Σᵢ Bᵢ zᵢ. One run
/// of the sampler over unit vectors yields c, A and all Bᵢ; the reference is the recursion of mean
/// and variance along each eigenvector of the data's covariance, written here by hand.
#include <array>
#include <cmath>
#include <functional>
#include <vector>

#include <scoresde/corrector/annealed_langevin.hpp>
#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/euler_maruyama.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/cosine_vp_sde.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/rectified_flow_sde.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/any_predictor.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

constexpr std::size_t dim = 3;
using Vector = std::array<double, dim>;
using Matrix = std::array<Vector, dim>;

const Vector data_mean{0.7, -1.1, 0.4};
const Vector eigenvalues{0.09, 0.8, 2.5};

/// Rows are eigenvectors: the product of two plane rotations.
Matrix eigenvectors() {
  const double a = 0.6, b = -1.1;
  const Matrix first{{{std::cos(a), std::sin(a), 0}, {-std::sin(a), std::cos(a), 0}, {0, 0, 1}}};
  const Matrix second{{{1, 0, 0}, {0, std::cos(b), std::sin(b)}, {0, -std::sin(b), std::cos(b)}}};
  Matrix product{};
  for (std::size_t i = 0; i < dim; ++i)
    for (std::size_t j = 0; j < dim; ++j)
      for (std::size_t l = 0; l < dim; ++l) product[i][j] += second[i][l] * first[l][j];
  return product;
}

/// Qᵀ diag(v) Q.
Matrix composed(const Vector& v) {
  const Matrix q = eigenvectors();
  Matrix c{};
  for (std::size_t i = 0; i < dim; ++i)
    for (std::size_t j = 0; j < dim; ++j)
      for (std::size_t l = 0; l < dim; ++l) c[i][j] += q[l][i] * v[l] * q[l][j];
  return c;
}

Gaussian<AnySde> data(const AnySde& sde) {
  const Matrix c = composed(eigenvalues);
  std::vector<double> flat;
  for (const Vector& row : c) flat.insert(flat.end(), row.begin(), row.end());
  return {sde, {data_mean.begin(), data_mean.end()}, flat};
}

struct Moments {
  Vector mean{};
  Matrix covariance{};
};

template <class P>
PredictorCorrector<AnySde, AnyPredictor<>> chain(const AnySde& sde, const P& predictor,
                                                 const TimeGrid& grid) {
  return {sde, AnyPredictor<>(predictor), grid};
}

/// Mean and covariance of the sampler's result over its prior and all its noise, without sampling:
/// sample 0 receives no noise, every other sample one unit vector.
template <class Sampler>
Moments moments_of(const Sampler& sampler) {
  const AnySde& sde = sampler.sde();
  const std::size_t draws = sampler.nfe(), samples = 1 + dim * (1 + draws);
  std::vector<X> noise(1 + draws, X({samples, dim}));
  for (std::size_t i = 0; i < draws; ++i)
    for (std::size_t e = 0; e < dim; ++e) noise[1 + i](1 + dim * (1 + i) + e, e) = 1;
  X x({samples, dim});
  for (std::size_t e = 0; e < dim; ++e) x(1 + e, e) = sde.prior_std();
  Workspace<X, Sampler::buffers> work(x);
  sampler.integrate(data(sde), x, RecordedNoise<X>{std::span<const X>(noise)}, work);
  Moments m;
  for (std::size_t e = 0; e < dim; ++e) m.mean[e] = x(0, e);
  for (std::size_t k = 1; k < samples; ++k)
    for (std::size_t i = 0; i < dim; ++i)
      for (std::size_t j = 0; j < dim; ++j)
        m.covariance[i][j] += (x(k, i) - m.mean[i]) * (x(k, j) - m.mean[j]);
  return m;
}

/// A step computed by hand: (t, t_next, last) → coefficients of x, the score and z.
using StepByHand = std::function<StepCoefficients(TimeStep)>;

struct Recursion {
  Vector mean{};
  Vector variance{};
};

/// x ← state·x + score·s(x) + noise·z along eigenvector l, s(x) = −(x − m μ)/(m²λ + std²).
void advance(Recursion& r, StepCoefficients c, MarginalProb p) {
  const Matrix q = eigenvectors();
  for (std::size_t l = 0; l < dim; ++l) {
    double mu = 0;
    for (std::size_t e = 0; e < dim; ++e) mu += q[l][e] * data_mean[e];
    const double v = p.mean * p.mean * eigenvalues[l] + p.std * p.std;
    const double factor = c.state - c.score / v;
    r.mean[l] = factor * r.mean[l] + c.score * p.mean * mu / v;
    r.variance[l] = factor * factor * r.variance[l] + c.noise * c.noise;
  }
}

/// The moments by recursion; `correct` (may be empty) is applied before each predictor step.
template <class S>
Moments recursion(const S& sde, const TimeGrid& grid, const StepByHand& predict,
                  const StepByHand& correct = {}) {
  Recursion r;
  r.variance.fill(sde.prior_std() * sde.prior_std());
  for (std::size_t i = 0; i < grid.size(); ++i) {
    const MarginalProb p = sde.marginal_prob(grid[i].t);
    if (correct) advance(r, correct(grid[i]), p);
    StepCoefficients c = predict(grid[i]);
    if (i + 1 == grid.size()) c.noise = 0;
    advance(r, c, p);
  }
  Moments m;
  const Matrix q = eigenvectors();
  for (std::size_t e = 0; e < dim; ++e)
    for (std::size_t l = 0; l < dim; ++l) m.mean[e] += q[l][e] * r.mean[l];
  m.covariance = composed(r.variance);
  return m;
}

void equal(const Moments& a, const Moments& b, double tolerance) {
  double scale = 0;
  for (const Vector& row : b.covariance)
    for (const double c : row) scale = std::max(scale, std::abs(c));
  for (std::size_t i = 0; i < dim; ++i) {
    CHECK(std::abs(a.mean[i] - b.mean[i]) <= tolerance);
    for (std::size_t j = 0; j < dim; ++j)
      CHECK(std::abs(a.covariance[i][j] - b.covariance[i][j]) <= tolerance * scale);
  }
}

StepByHand euler_maruyama(const AnySde& sde) {
  return [sde](TimeStep s) -> StepCoefficients {
    const double h = s.t - s.t_next, g = sde.diffusion(s.t);
    return {1 - h * sde.drift(s.t), h * g * g, std::sqrt(h) * g};
  };
}
StepByHand reverse_diffusion(const AnySde& sde) {
  return [sde](TimeStep s) -> StepCoefficients {
    const MarginalProb p = sde.marginal_prob(s.t), q = sde.marginal_prob(s.t_next);
    const double a = p.mean / q.mean, v = p.std * p.std - a * a * q.std * q.std;
    return {2 - a, v, std::sqrt(v)};
  };
}
StepByHand ancestral(const AnySde& sde, bool large) {
  return [sde, large](TimeStep s) -> StepCoefficients {
    const MarginalProb p = sde.marginal_prob(s.t), q = sde.marginal_prob(s.t_next);
    const double a = p.mean / q.mean, v = p.std * p.std - a * a * q.std * q.std;
    return {1 / a, v / a, std::sqrt(v) * (large ? 1 : q.std / p.std)};
  };
}

void chains_are_exact(const AnySde& sde) {
  const TimeGrid grid = uniform_grid(sde, 25);
  const auto check = [&](const auto& predictor, const StepByHand& by_hand) {
    const auto sampler = chain(sde, predictor, grid);
    equal(moments_of(sampler), recursion(sde, grid, by_hand), 1e-12);
  };
  check(EulerMaruyama{}, euler_maruyama(sde));
  check(ReverseDiffusion{}, reverse_diffusion(sde));
  check(Ancestral{}, ancestral(sde, false));
  check(Ancestral{.variance = PosteriorVariance::large}, ancestral(sde, true));
}

}  // namespace

TEST_CASE(
    "Euler-Maruyama, reverse diffusion and ancestral chains have the exact discrete moments") {
  chains_are_exact(AnySde(VpSde()));
  chains_are_exact(AnySde(SubVpSde()));
  chains_are_exact(AnySde(VeSde({.sigma_min = 0.01, .sigma_max = 8})));
  chains_are_exact(AnySde(EdmSde({.sigma_min = 0.01, .sigma_max = 8})));
  chains_are_exact(AnySde(CosineVpSde()));
  chains_are_exact(AnySde(RectifiedFlowSde({.t_max = 0.99})));
  chains_are_exact(AnySde(DdpmSde(linear_betas(1000))));
}

TEST_CASE("annealed Langevin before each predictor has the exact discrete moments") {
  const VpSde sde;
  const TimeGrid grid = uniform_grid(sde, 20);
  const StepByHand langevin = [&](TimeStep s) -> StepCoefficients {
    const double size = 0.1 * sde.marginal_prob(s.t).std;
    return {1, 2 * size * size, 2 * size};
  };
  const PredictorCorrector sampler{AnySde(sde), ReverseDiffusion{}, AnnealedLangevin{.snr = 0.1},
                                   grid};
  equal(moments_of(sampler), recursion(sde, grid, reverse_diffusion(AnySde(sde)), langevin), 1e-12);
}

TEST_CASE("DDPM's and SMLD's own chains have the exact discrete moments") {
  constexpr std::size_t n = 40;
  const DiscreteVpSde vp(n);
  const TimeGrid vp_grid = score_sde_grid(1, 1e-3, n);
  const StepByHand ddpm = [&](TimeStep s) -> StepCoefficients {
    const double beta = vp.discrete_beta(vp.index(s.t)), a = std::sqrt(1 - beta);
    return {1 / a, beta / a, std::sqrt(beta)};
  };
  const auto ancestral_vp =
      chain(AnySde(vp), Ancestral{.variance = PosteriorVariance::large}, vp_grid);
  equal(moments_of(ancestral_vp), recursion(vp, vp_grid, ddpm), 1e-12);

  const DiscreteVeSde ve(n, {.sigma_min = 0.01, .sigma_max = 8});
  const TimeGrid ve_grid = score_sde_grid(1, 1e-5, n);
  const StepByHand smld = [&](TimeStep s) -> StepCoefficients {
    const std::size_t i = ve.index(s.t);
    const double sigma = ve.discrete_sigma(i), below = i > 0 ? ve.discrete_sigma(i - 1) : 0;
    const double v = sigma * sigma - below * below;
    return {1, v, std::sqrt(v) * below / sigma};
  };
  const auto ancestral_ve = chain(AnySde(ve), Ancestral{}, ve_grid);
  equal(moments_of(ancestral_ve), recursion(ve, ve_grid, smld), 1e-12);
}

TEST_CASE("ancestral sampling on any of a chain's levels is DDPM with respaced betas") {
  for (const auto& betas : {linear_betas(1000), zero_terminal_snr_betas(cosine_betas(60))}) {
    const DdpmSde sde(betas);
    for (const std::size_t steps : {7, 30}) {
      const TimeGrid grid = level_grid(sde, steps);
      // 1 − β' = ᾱ_i/ᾱ_j from the list itself, where j is the level of the next step.
      const StepByHand respaced = [&](TimeStep s) -> StepCoefficients {
        const auto product = [&](double t) {
          double alpha_bar = 1;
          for (int i = 0; i < std::lround(t * double(betas.size())); ++i)
            alpha_bar *= 1 - betas[std::size_t(i)];
          return alpha_bar;
        };
        const double now = product(s.t), next = product(s.t_next), beta = 1 - now / next;
        return {1 / std::sqrt(1 - beta), beta / std::sqrt(1 - beta),
                std::sqrt(beta * (1 - next) / (1 - now))};
      };
      const auto sampler = chain(AnySde(sde), Ancestral{}, grid);
      equal(moments_of(sampler), recursion(sde, grid, respaced), 1e-10);
    }
  }
}

TEST_CASE("the chains' moments converge to the data's at first order") {
  const VpSde sde({.t_min = 1e-5});
  const auto error = [&](const auto& predictor, std::size_t steps) {
    const auto sampler = chain(AnySde(sde), predictor, uniform_grid(sde, steps));
    const Moments m = moments_of(sampler);
    const Matrix c = composed(eigenvalues);
    double worst = 0;
    for (std::size_t i = 0; i < dim; ++i)
      for (std::size_t j = 0; j < dim; ++j)
        worst = std::max(worst, std::abs(m.covariance[i][j] - c[i][j]));
    return worst;
  };
  const auto has_first_order = [&](const auto& predictor) {
    const double coarse = error(predictor, 150), fine = error(predictor, 300);
    CHECK(fine < 0.2);
    CHECK(std::log2(coarse / fine) == Approx(1).margin(0.25));
  };
  has_first_order(EulerMaruyama{});
  has_first_order(ReverseDiffusion{});
  has_first_order(Ancestral{});
}

TEST_CASE("a run of 100000 samples agrees with the exact moments within its standard error",
          "[slow]") {
  constexpr std::size_t samples = 100000;
  const auto check = [&](const auto& sde, const auto& predictor) {
    const auto sampler = chain(AnySde(sde), predictor, uniform_grid(sde, 25));
    const Moments exact = moments_of(sampler);
    X x({samples, dim});
    sampler.sample(data(sampler.sde()), x, Noise{.seed = 2021});
    Vector mean{};
    Matrix second{};
    for (std::size_t k = 0; k < samples; ++k)
      for (std::size_t i = 0; i < dim; ++i) {
        mean[i] += x(k, i) / samples;
        for (std::size_t j = 0; j < dim; ++j)
          second[i][j] += (x(k, i) - exact.mean[i]) * (x(k, j) - exact.mean[j]) / samples;
      }
    // 4.5 standard errors: a correct sampler fails one of these 36 checks with probability 2.4e-4.
    for (std::size_t i = 0; i < dim; ++i) {
      const auto& c = exact.covariance;
      CHECK(std::abs(mean[i] - exact.mean[i]) < 4.5 * std::sqrt(c[i][i] / samples));
      for (std::size_t j = 0; j < dim; ++j)
        CHECK(std::abs(second[i][j] - c[i][j]) <
              4.5 * std::sqrt((c[i][i] * c[j][j] + c[i][j] * c[i][j]) / samples));
    }
  };
  check(VpSde(), EulerMaruyama{});
  check(VeSde({.sigma_min = 0.01, .sigma_max = 8}), ReverseDiffusion{});
  check(SubVpSde(), Ancestral{});
}
