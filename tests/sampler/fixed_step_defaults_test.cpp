// SPDX-License-Identifier: MIT
/// Fixed-step samplers with default options on the grids of docs/choosing_a_sampler.md: Gaussian
/// data under every SDE of the library.
///
/// For isotropic Gaussian data every step acts on each coordinate alone, so the exact moments in
/// one dimension are those in any; only correctors with norms depend on the dimension.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <scoresde/corrector/annealed_langevin.hpp>
#include <scoresde/corrector/langevin.hpp>
#include <scoresde/ode/tableaux.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/ddim.hpp>
#include <scoresde/predictor/euler_maruyama.hpp>
#include <scoresde/predictor/no_predictor.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/sampler/clipped_ddim.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/sampler/score_sde_samplers.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/solver/solver_table.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/chain_moments.hpp>
#include <scoresde/time/log_snr_grid.hpp>

#include "support/any_predictor.hpp"
#include "support/catch.hpp"
#include "support/every_sde.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

constexpr std::size_t first_order = 500, higher_order = 100;

struct Outcome {
  double mean = 0, variance = 0;
};

/// Normals for three samples of one dimension: x̄, x̄ + u₁ and x̄ + u₂ with u₁² + u₂² the variance.
/// A draw is (−u₂, u₁)/‖u‖, of variance 1 and uncorrelated with x, so that a chain whose steps
/// depend on nothing but x has its exact moments, in a run of three samples.
class UncorrelatedNoise {
 public:
  explicit UncorrelatedNoise(const X& x) : x_(x), z_(x.extents()) {}

  [[nodiscard]] const X& draw(std::uint64_t) const {
    const double u1 = x_(1, 0) - x_(0, 0), u2 = x_(2, 0) - x_(0, 0), length = std::hypot(u1, u2);
    z_(1, 0) = -u2 / length, z_(2, 0) = u1 / length;
    return z_;
  }

 private:
  const X& x_;
  mutable X z_;
};

Gaussian<AnySde> data(const AnySde& sde, double v, std::size_t dim = 1) {
  return {sde, std::vector<double>(dim, 1), std::vector<double>(dim, v)};
}

/// The exact moments, from x ~ N(start.mean, start.variance), of a deterministic sampler and of a
/// chain that stores nothing but x.
template <class Sampler>
Outcome chain(const Sampler& sampler, double v, Outcome start) {
  X x({3, 1}, {start.mean, start.mean + std::sqrt(start.variance), start.mean});
  auto model = data(sampler.sde(), v);
  Workspace<X, Sampler::buffers> work(x);
  sampler.integrate(model, x, UncorrelatedNoise(x), work);
  return {x(0, 0), std::pow(x(1, 0) - x(0, 0), 2) + std::pow(x(2, 0) - x(0, 0), 2)};
}

/// The exact moments of what sample() returns.
template <class Sampler>
Outcome outcome(const Sampler& sampler, double v, bool stores_more_than_x = false) {
  const double prior = sampler.sde().prior_std();
  if (!stores_more_than_x) return chain(sampler, v, {0, prior * prior});
  auto model = data(sampler.sde(), v);
  const testing::Moments found = testing::chain_moments(sampler, model, {{0.0}, {prior * prior}});
  return {found.mean[0], found.covariance[0]};
}

/// Mean and variance of data N(1, v) are kept within 5 % for v = 1, 0.25, 0.01.
template <class Make>
void keeps_the_moments(const std::string& name, const std::vector<NamedSde>& sdes, const Make& make,
                       bool stores_more_than_x = false) {
  for (const auto& [sde_name, sde] : sdes)
    for (const double v : {1.0, 0.25, 0.01}) {
      INFO(name << " under " << sde_name << ", variance " << v);
      const Outcome found = outcome(make(sde), v, stores_more_than_x);
      CHECK(found.mean == Approx(1).margin(0.05));
      CHECK(found.variance == Approx(v).epsilon(0.05));
    }
}

/// The SDEs whose predictors step between any two times.
std::vector<NamedSde> sdes_of_any_step() {
  std::vector<NamedSde> all = every_sde();
  for (std::size_t i = 0; i < score_sde_chains().size(); ++i) all.pop_back();
  return all;
}

TimeGrid levels(const AnySde& sde) { return score_sde_grid(sde.t_max(), sde.t_min(), 1000); }

/// Every predictor with default options, by name.
template <class Use>
void for_each_predictor(const Use& use) {
  use("Euler-Maruyama", AnyPredictor<>(EulerMaruyama{}));
  use("reverse diffusion", AnyPredictor<>(ReverseDiffusion{}));
  use("ancestral", AnyPredictor<>(Ancestral{}));
  use("DDIM", AnyPredictor<>(Ddim{}));
  use("Euler-ancestral", AnyPredictor<>(EulerAncestral{}));
}

/// A time at which mean(t) = std(t).
double equal_parts(const AnySde& sde) { return time_of_log_snr(sde, 0); }

/// The variance of p_t.
double marginal_variance(const AnySde& sde, double v, double t) {
  const MarginalProb p = sde.marginal_prob(t);
  return p.mean * p.mean * v + p.std * p.std;
}

/// `steps` corrections at t, and nothing else.
template <class C>
PredictorCorrector<AnySde, NoPredictor, C> corrections(const AnySde& sde, C corrector, double t,
                                                       int steps) {
  corrector.steps = steps;
  return {sde, NoPredictor{}, corrector, TimeGrid({t, 0.99 * t})};
}

/// The sampled variance after the sampler, from draws of N(mean(t), variance(t)) at its first time.
template <class Sampler>
double sampled_variance(const Sampler& sampler, double v, Extents shape) {
  const AnySde& sde = sampler.sde();
  const double t = sampler.grid().front().t, mean = sde.marginal_prob(t).mean;
  auto model = data(sde, v, shape.dim);
  X x(shape);
  draw_prior(x, std::sqrt(marginal_variance(sde, v, t)), Noise{.seed = 5}.draw(0));
  for (double& value : x.span()) value += mean;
  Workspace<X, Sampler::buffers> work(x);
  sampler.integrate(model, x, Noise{.seed = 5}, work);
  double sum = 0, squares = 0;
  for (const double value : x.span()) sum += value, squares += value * value;
  const auto n = static_cast<double>(x.size());
  return squares / n - sum / n * sum / n;
}

}  // namespace

TEST_CASE("predictors with default options keep the moments of Gaussian data under every SDE") {
  for_each_predictor([](const std::string& name, const AnyPredictor<>& predictor) {
    keeps_the_moments(name, sdes_of_any_step(), [&](const AnySde& sde) {
      return PredictorCorrector{sde, predictor, log_snr_grid(sde, first_order)};
    });
  });
}

TEST_CASE("predictors keep the moments of Gaussian data on the levels of score_sde's chains") {
  const auto on_levels = [](const AnyPredictor<>& predictor) {
    return [=](const AnySde& sde) { return PredictorCorrector{sde, predictor, levels(sde)}; };
  };
  const auto& chains = score_sde_chains();
  keeps_the_moments("Euler-Maruyama", chains, on_levels(AnyPredictor<>(EulerMaruyama{})));
  keeps_the_moments("reverse diffusion", chains, on_levels(AnyPredictor<>(ReverseDiffusion{})));
  keeps_the_moments("DDIM", chains, on_levels(AnyPredictor<>(Ddim{})));
  keeps_the_moments("ancestral, large variance", chains,
                    on_levels(AnyPredictor<>(Ancestral{PosteriorVariance::large})));
  // The small posterior variance with the chain's own number of steps is too small under VP.
  const auto small = on_levels(AnyPredictor<>(Ancestral{}));
  keeps_the_moments("ancestral", {chains[1], chains[2]}, small);
  CHECK(outcome(small(chains[0].sde), 0.25).variance == Approx(0.25).epsilon(0.02));
  CHECK(outcome(small(chains[0].sde), 0.01).variance == Approx(0.00947).epsilon(0.002));
}

TEST_CASE("annealed Langevin before each predictor keeps the moments of Gaussian data") {
  for_each_predictor([](const std::string& name, const AnyPredictor<>& predictor) {
    keeps_the_moments(name + " and annealed Langevin", sdes_of_any_step(), [&](const AnySde& sde) {
      return PredictorCorrector{sde, predictor, AnnealedLangevin{}, log_snr_grid(sde, first_order)};
    });
  });
}

TEST_CASE("clipped DDIM keeps the moments of Gaussian data that lie within its range") {
  for (const auto& [name, sde] : sdes_of_any_step()) {
    INFO(name);
    const ClippedDdim sampler{sde, Ddim{}, log_snr_grid(sde, first_order), {.range = {-9, 11}}};
    CHECK(outcome(sampler, 0.01).variance == Approx(0.01).epsilon(0.05));
    CHECK(outcome(sampler, 0.01).mean == Approx(1).margin(0.05));
  }
}

TEST_CASE("fixed-step flows with default options keep the moments of Gaussian data") {
  const auto check = [](const std::string& name, auto method, std::size_t steps) {
    keeps_the_moments(name, every_sde(), [&](const AnySde& sde) {
      return ProbabilityFlow{sde, method, log_snr_grid(sde, steps)};
    });
  };
  check("Euler", Euler{}, 4 * first_order);
  check("Heun", Heun{}, higher_order);
  check("Runge-Kutta 4", RungeKutta4{}, higher_order);
  check("Dormand-Prince 5", DormandPrince54{}, higher_order);
}

TEST_CASE("every solver with default options keeps the moments of Gaussian data under every SDE") {
  const auto check = []<class R>(const SolverEntry& entry, const R& solver) {
    const bool first = entry.order == 1 && R::history == 1;  // one evaluation of the model per step
    keeps_the_moments(
        entry.name, every_sde(),
        [&](const AnySde& sde) {
          const TimeGrid grid = log_snr_grid(sde, first ? first_order : higher_order);
          return SolverSampler{sde, solver_table(solver, sde, grid), grid};
        },
        entry.stochastic && R::history > 1);
  };
  for_each_solver(check);
  check(restart_entry, Restart{});
}

TEST_CASE("P1000 and P2000 keep the moments of Gaussian data under the SDEs of score_sde") {
  const auto& all = continuous_sdes();
  const std::vector<NamedSde> sdes{all[0], all[1], all[2]};
  keeps_the_moments("P1000", sdes, [](const AnySde& sde) { return p1000(sde); });
  keeps_the_moments("P2000", sdes, [](const AnySde& sde) { return p2000(sde); });
  // Equal steps of σ are too long near the data.
  CHECK(outcome(p1000(AnySde(EdmSde())), 0.01).variance > 0.0115);
}

TEST_CASE("annealed Langevin settles at v/(1 - snr^2 std^2/v) under every SDE") {
  for (const auto& [name, sde] : every_sde())
    for (const double v : {1.0, 0.25, 0.01})
      for (const double t : {equal_parts(sde), sde.t_max()}) {
        const AnnealedLangevin corrector;
        const double variance = marginal_variance(sde, v, t), mean = sde.marginal_prob(t).mean;
        const double noise = sde.marginal_prob(t).std * sde.marginal_prob(t).std;
        const double part =
            sde.langevin_scale(t) * corrector.snr * corrector.snr * noise / variance;
        const Outcome found = chain(corrections(sde, corrector, t, 400), v, {mean, variance});
        INFO(name << ", variance " << v << ", t = " << t);
        CHECK(found.mean == Approx(mean));
        CHECK(found.variance == Approx(variance / (1 - part)).epsilon(1e-6));
        CHECK(found.variance == Approx(variance).epsilon(0.05));
      }
}

TEST_CASE("Langevin settles at the variance of its own bias in 1, 8 and 3072 dimensions") {
  const AnySde sde = VpSde();
  const double t = equal_parts(sde), exact = marginal_variance(sde, 0.25, t);
  const Langevin alone, batch{.scope = Scope::batch};
  const auto variance = [&](const Langevin& corrector, Extents shape) {
    return sampled_variance(corrections(sde, corrector, t, 60), 0.25, shape) / exact;
  };
  // Standard errors of 0.9 %.
  const double biased = 1 + alone.snr * alone.snr;
  CHECK(variance(alone, {8, 3072}) == Approx(biased).epsilon(0.02));
  CHECK(variance(batch, {24'000, 1}) == Approx(biased).epsilon(0.02));
  CHECK(variance(batch, {3'000, 8}) == Approx(biased).epsilon(0.02));
  CHECK(variance(alone, {3'000, 8}) == Approx(std::pow(1 + 2.0 / 8, 2)).epsilon(0.05));
}

TEST_CASE("samplers keep the variance of Gaussian data in 8 and 3072 dimensions") {
  const AnySde sde = VpSde();
  const TimeGrid fine = log_snr_grid(sde, first_order), coarse = log_snr_grid(sde, higher_order);
  const SdeDpmSolverPlusPlus<2> solver;
  for (const Extents shape : {Extents{800, 8}, Extents{2, 3072}}) {
    INFO("dimension " << shape.dim);
    const auto keeps = [&](const auto& sampler) {
      // 5 % and half a standard error
      CHECK(sampled_variance(sampler, 0.01, shape) == Approx(0.01).epsilon(0.06));
    };
    keeps(PredictorCorrector{sde, AnyPredictor<>(Ancestral{}), fine});
    keeps(ProbabilityFlow{sde, Heun{}, coarse});
    keeps(SolverSampler{sde, solver_table(solver, sde, coarse), coarse});
  }
}

TEST_CASE("PC1000 and C2000 keep the variance in 3072 dimensions, but for Langevin's bias",
          "[slow]") {
  for (std::size_t i = 0; i < 3; ++i)
    for (const double v : {1.0, 0.25, 0.01}) {
      const AnySde& sde = continuous_sdes()[i].sde;
      const auto biased = [&](const ScoreSdeSampler& sampler) {
        const double snr = score_sde_snr(sde, sampler);
        return Approx(v * (1 + snr * snr)).epsilon(0.06);  // standard error 1.3 %
      };
      INFO(continuous_sdes()[i].name << ", variance " << v);
      CHECK(sampled_variance(pc1000(sde), v, {4, 3072}) == biased(score_sde_pc1000));
      CHECK(sampled_variance(c2000(sde), v, {4, 3072}) == biased(score_sde_c2000));
    }
}
