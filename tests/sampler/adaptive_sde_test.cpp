// SPDX-License-Identifier: MIT
/// AdaptiveSde: its step computed by hand, its moments, its noise, and independence of the batch.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/observer/step_statistics.hpp>
#include <scoresde/predictor/euler_maruyama.hpp>
#include <scoresde/sampler/adaptive_sde.hpp>
#include <scoresde/sampler/adaptive_stepper.hpp>
#include <scoresde/sampler/detail/rejection_memory.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/adaptive_runs.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using X = HostState<double>;

namespace {

/// A user-defined SDE: the Ornstein-Uhlenbeck process with stationary variance 1, up to T = 5.
struct OrnsteinUhlenbeck {
  [[nodiscard]] double drift(double) const { return -1; }
  [[nodiscard]] double diffusion(double) const { return std::sqrt(2.0); }
  [[nodiscard]] MarginalProb marginal_prob(double t) const {
    return {std::exp(-t), std::sqrt(-std::expm1(-2 * t))};
  }
  [[nodiscard]] double prior_std() const { return 1; }
  [[nodiscard]] double t_min() const { return 1e-3; }
  [[nodiscard]] double t_max() const { return 5; }
};

template <class S>
Gaussian<S> data(const S& sde) {
  return {sde, {0.5, -1}, {0.5, 0.3, 0.3, 1.2}};
}

template <class S>
GaussianMixture<S> mixture(const S& sde) {
  return {sde, {0.4, 0.6}, {1, 0, -1, -0.5}, {0.02, 0.1}};
}

/// A score of 0: the reversed VE process then consists of its noise alone.
struct NoScore {
  void evaluate(const X& x, double, X& out) const { fill(x, out); }
  void evaluate(const X& x, std::span<const double>, X& out) const { fill(x, out); }
  [[nodiscard]] ScoreForm score_form(double) const { return {0, 1}; }
  static void fill(const X& x, X& out) { std::fill_n(out.data(), x.size(), 0.0); }
};

struct Moments {
  double mean[2] = {};
  double covariance[2][2] = {};
};

Moments moments(const X& x) {
  Moments m;
  const std::size_t n = x.extents().samples;
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t e = 0; e < 2; ++e) m.mean[e] += x(k, e) / double(n);
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t a = 0; a < 2; ++a)
      for (std::size_t b = 0; b < 2; ++b)
        m.covariance[a][b] += (x(k, a) - m.mean[a]) * (x(k, b) - m.mean[b]) / double(n);
  return m;
}

template <class S>
void has_the_moments_of_the_data(const S& sde) {
  constexpr std::size_t n = 3000;
  X x({n, 2});
  auto model = data(sde);
  AdaptiveSde{sde, {.rtol = 0.03, .atol = 0.01, .final_step = FinalStep::keep_noise}}.sample(
      model, x, Noise{.seed = 2});
  const Moments m = moments(x);
  const auto mean = model.marginal_mean(sde.t_min());
  const auto c = model.marginal_covariance(sde.t_min());
  for (std::size_t a = 0; a < 2; ++a) {
    // Three standard errors of a mean and of a covariance.
    CHECK(m.mean[a] == Approx(mean[a]).margin(3 * std::sqrt(c[3 * a] / n)));
    for (std::size_t b = 0; b < 2; ++b) {
      const double variance = c[3 * a] * c[3 * b] + c[2 * a + b] * c[2 * a + b];
      CHECK(m.covariance[a][b] == Approx(c[2 * a + b]).margin(3 * std::sqrt(variance / n)));
    }
  }
}

/// Two sharp modes in 16 dimensions, of variances 4e-4 and 2.5e-3.
constexpr std::size_t sharp_dim = 16;
const double sharp_variance[2] = {4e-4, 2.5e-3};

GaussianMixture<VpSde> sharp_mixture() {
  std::vector<double> means(2 * sharp_dim, 0.3);
  std::fill(means.begin() + sharp_dim, means.end(), -0.3);
  return {VpSde(), {0.5, 0.5}, means, {sharp_variance[0], sharp_variance[1]}};
}

/// The larger of the relative errors of the two variances.
double error_of_sharp_variances(const X& x) {
  const MarginalProb p = VpSde().marginal_prob(VpSde().t_min());
  double sums[2] = {}, counts[2] = {};
  for (std::size_t k = 0; k < x.extents().samples; ++k) {
    const std::size_t mode = x(k, 0) < 0 ? 1 : 0;
    const double mean = p.mean * (mode == 0 ? 0.3 : -0.3);
    for (std::size_t e = 0; e < sharp_dim; ++e) sums[mode] += std::pow(x(k, e) - mean, 2);
    counts[mode] += sharp_dim;
  }
  double worst = 0;
  for (std::size_t mode = 0; mode < 2; ++mode) {
    const double wanted = p.mean * p.mean * sharp_variance[mode] + p.std * p.std;
    worst = std::max(worst, std::abs(sums[mode] / counts[mode] / wanted - 1));
  }
  return worst;
}

/// Compares batches split into pairs, and single samples, with the whole batch.
template <class Sampler, class M>
void is_alone_in_its_batch(const Sampler& sampler, const M& model, std::size_t dim) {
  X whole({64, dim});
  sampler.sample(M(model), whole, Noise{.seed = 3});
  for (std::uint32_t first = 0; first < 64; first += 16) {
    X part({16, dim});
    sampler.sample(M(model), part, Noise{.seed = 3, .first_sample = first});
    for (std::size_t i = 0; i < part.size(); ++i)
      CHECK(part.data()[i] == whole.data()[dim * first + i]);
  }
  for (const std::uint32_t k : {0u, 17u, 63u}) {
    X one({1, dim});
    sampler.sample(M(model), one, Noise{.seed = 3, .first_sample = k});
    for (std::size_t e = 0; e < dim; ++e) CHECK(one(0, e) == whole(k, e));
  }
}

}  // namespace

static_assert(Sampler<AdaptiveSde<VpSde>, Gaussian<VpSde>, X, Noise>);
static_assert(adaptive_sde_fits<OrnsteinUhlenbeck, Gaussian<OrnsteinUhlenbeck>, X>);

TEST_CASE("one adaptive step is the stochastic improved Euler step of the paper") {
  const VpSde sde;
  auto model = data(sde);
  const TimeStep span{0.8, 0.7};
  const AdaptiveSde sampler{
      sde, span, {.rtol = 1e3, .first_step = 1, .final_step = FinalStep::keep_noise}};
  X x({1, 2}, {0.3, -0.9}), z({1, 2}), score({1, 2});
  draw_prior(z, 1, Noise{.seed = 5}.draw(1));
  double start[2] = {x(0, 0), x(0, 1)}, low[2], wanted[2];
  const auto step = [&](const X& at, double t, std::size_t e) {
    const double g = sde.diffusion(t), h = span.t - span.t_next;
    return h * (g * g * score(0, e) - sde.drift(t) * at(0, e)) + g * std::sqrt(h) * z(0, e);
  };
  model.evaluate(x, span.t, score);
  for (std::size_t e = 0; e < 2; ++e) low[e] = start[e] + step(x, span.t, e);
  const X moved({1, 2}, {low[0], low[1]});
  model.evaluate(moved, span.t_next, score);
  for (std::size_t e = 0; e < 2; ++e)
    wanted[e] = 0.5 * (low[e] + start[e] + step(moved, span.t_next, e));
  Workspace<X, sampler.buffers> work(x);
  const SamplerStatistics done = sampler.integrate(model, x, Noise{.seed = 5}, work);
  CHECK(done.nfe == 2);
  CHECK(done.accepted == 1);
  CHECK(done.rejected == 0);
  for (std::size_t e = 0; e < 2; ++e) CHECK(x(0, e) == Approx(wanted[e]).epsilon(1e-13));
}

TEST_CASE("rejected steps do not change the Brownian path, compared to a record kept by the test") {
  // W is recorded at the end of every trial; a trial that ends between two recorded points is a
  // bridge.
  const VeSde sde({.sigma_min = 0.01, .sigma_max = 1});
  const AdaptiveSde sampler{
      sde, {.rtol = 0, .atol = 2e-3, .first_step = 0.3, .final_step = FinalStep::keep_noise}};
  StepStatistics seen;
  X x({1, 1});
  Workspace<X, sampler.buffers> work(x);
  const SamplerStatistics done = sampler.integrate(NoScore{}, x, Noise{.seed = 7}, work, seen);
  REQUIRE(done.rejected > 10);
  struct Place {
    double t, w;
  };
  std::vector<Place> ahead;  // the later points, the nearest last
  Place now{1, 0};
  double wanted = 0;
  std::size_t deepest = 0, bridges = 0;
  for (std::size_t n = 0; n < seen.attempts().size(); ++n) {
    const StepStatistics::Attempt& tried = seen.attempts()[n];
    REQUIRE(tried.time.t == now.t);
    X z({1, 1});
    draw_prior(z, 1, Noise{.seed = 7}.draw(n + 1));
    const double end = tried.time.t_next, h = now.t - end;
    double w = now.w + std::sqrt(h) * z(0, 0);
    const bool known = !ahead.empty() && ahead.back().t == end;
    if (!ahead.empty()) {
      const auto [t, at_t] = ahead.back();
      REQUIRE(end >= t);
      const double whole = now.t - t;
      w = now.w + (at_t - now.w) * h / whole + std::sqrt(h * (end - t) / whole) * z(0, 0);
      if (known) w = at_t;
      bridges += !known;
    }
    if (tried.accepted) {
      wanted += 0.5 * (sde.diffusion(now.t) + sde.diffusion(end)) * (w - now.w);
      now = {end, w};
      if (known) ahead.pop_back();
    } else if (!known) {
      ahead.push_back({end, w});
      deepest = std::max(deepest, ahead.size());
    }
  }
  CHECK(now.t == sde.t_min());
  CHECK(deepest >= 3);
  CHECK(bridges > 10);
  CHECK(x(0, 0) == Approx(wanted).epsilon(1e-10));
}

TEST_CASE("rejections do not shrink the noise", "[slow]") {
  // The size of every increment decides its own step; if it were stored in part, or drawn again,
  // the variance would be too small by 10 % or more.
  constexpr std::size_t n = 10000;
  const VeSde sde({.sigma_min = 0.01, .sigma_max = 1});
  const AdaptiveSde sampler{sde, {.rtol = 0, .atol = 5e-3, .final_step = FinalStep::keep_noise}};
  X x({n, 1});
  Workspace<X, sampler.buffers> work(x);
  const SamplerStatistics done = sampler.integrate(NoScore{}, x, Noise{.seed = 1}, work);
  CHECK(double(done.rejected) > 0.25 * double(done.accepted));
  double variance = 0;
  for (std::size_t k = 0; k < n; ++k) variance += x(k, 0) * x(k, 0) / n;
  // ∫g² dt = σ(1)² − σ(t_min)²; its standard error is 1.4 %.
  CHECK(variance == Approx(1 - std::pow(sde.sigma(sde.t_min()), 2)).epsilon(0.03));
}

TEST_CASE("Gaussian data keep mean and covariance under VP, VE, sub-VP and a user-defined SDE",
          "[slow]") {
  has_the_moments_of_the_data(VpSde());
  has_the_moments_of_the_data(VeSde({.sigma_min = 0.01, .sigma_max = 20}));
  has_the_moments_of_the_data(SubVpSde());
  has_the_moments_of_the_data(OrnsteinUhlenbeck());
}

TEST_CASE("the error falls with the tolerance", "[slow]") {
  // Growth is not bounded here, so that the tolerance alone sets the steps.
  const auto error = [](double tolerance) {
    constexpr std::size_t n = 16000;
    X x({n, 2});
    AdaptiveSde{VpSde(),
                {.rtol = tolerance,
                 .atol = tolerance / 4,
                 .max_growth = std::numeric_limits<double>::infinity(),
                 .final_step = FinalStep::keep_noise}}
        .sample(data(VpSde()), x, Noise{.seed = 4});
    const Moments m = moments(x);
    const auto c = data(VpSde()).marginal_covariance(VpSde().t_min());
    return std::abs(m.covariance[0][0] - c[0]) + std::abs(m.covariance[0][1] - c[1]) +
           std::abs(m.covariance[1][1] - c[3]);
  };
  const double coarse = error(1), fine = error(0.06);
  INFO("errors " << coarse << ", " << fine);
  CHECK(coarse > 3 * fine);
}

TEST_CASE("a sample is bit-identical in any batch") {
  is_alone_in_its_batch(AdaptiveSde{VpSde(), {.rtol = 0.1}}, mixture(VpSde()), 2);
  is_alone_in_its_batch(AdaptiveSde{SubVpSde(), {.rtol = 0.05, .final_step = FinalStep::denoise}},
                        mixture(SubVpSde()), 2);
}

TEST_CASE("AdaptiveSde reports its evaluations, trials and times") {
  for (const auto final_step : {FinalStep::keep_noise, FinalStep::denoise}) {
    test::CountedMixture model(mixture(VpSde()));
    X x({5, 2});
    StepStatistics seen;
    const AdaptiveSde sampler{VpSde(), {.final_step = final_step}};
    const SamplerStatistics done = sampler.sample(model, x, Noise{.seed = 1}, seen);
    CHECK(model.calls == done.nfe);
    CHECK(seen.attempts().size() == done.accepted + done.rejected);
    CHECK(seen.steps().back().time.t_next == VpSde().t_min());
    std::vector<std::size_t> tries(5);
    std::size_t rejected = 0;
    for (const auto& tried : seen.attempts()) {
      ++tries[tried.sample];
      rejected += !tried.accepted;
      CHECK(tried.accepted == (tried.error <= 1));
    }
    CHECK(rejected == done.rejected);
    const std::size_t final_ones = final_step == FinalStep::keep_noise ? 0 : 1;
    CHECK(done.nfe == 2 * *std::max_element(tries.begin(), tries.end()) + final_ones);
  }
}

TEST_CASE("in an AdaptiveSde run finished samples make no trials and have no error") {
  test::FinishedSamples finished{VpSde().t_min()};
  X x({5, 2});
  AdaptiveSde{VpSde()}.sample(mixture(VpSde()), x, Noise{.seed = 1}, finished);
  CHECK(finished.seen > 0);
}

TEST_CASE("the run does not depend on the parameterization or on recorded or named noise") {
  const VpSde sde;
  auto exact = data(sde);
  const auto predicted = [&](const X& x, auto t, X& out) {
    exact.evaluate(x, t, out);
    for (std::size_t k = 0; k < x.extents().samples; ++k) {
      const double at = [&] {
        if constexpr (requires { t[k]; })
          return double(t[k]);
        else
          return double(t);
      }();
      const auto [alpha, sigma] = sde.marginal_prob(at);
      for (std::size_t e = 0; e < 2; ++e) out(k, e) = (x(k, e) + sigma * sigma * out(k, e)) / alpha;
    }
  };
  const AdaptiveSde sampler{sde, {.rtol = 0.1}};
  X x({3, 2}), y({3, 2}), replayed({3, 2});
  const SamplerStatistics done = sampler.sample(data(sde), x, Noise{.seed = 1});
  sampler.sample(denoiser(predicted, sde), y, Noise{.seed = 1});
  std::vector<X> draws(1 + done.nfe / 2, X({3, 2}));
  for (std::size_t i = 0; i < draws.size(); ++i) draw_prior(draws[i], 1, Noise{.seed = 1}.draw(i));
  sampler.sample(data(sde), replayed, RecordedNoise<X>{draws});
  for (std::size_t i = 0; i < x.size(); ++i) {
    CHECK(y.data()[i] == Approx(x.data()[i]).epsilon(1e-8));
    CHECK(replayed.data()[i] == Approx(x.data()[i]).epsilon(1e-8));
  }
}

TEST_CASE(
    "FinalStep::denoise applies Tweedie's formula, and an observer can stop the run before it") {
  const VpSde sde;
  X plain({3, 2}), denoised({3, 2}), score({3, 2});
  auto model = data(sde);
  AdaptiveSde{sde, {.final_step = FinalStep::keep_noise}}.sample(model, plain, Noise{.seed = 1});
  const AdaptiveSde sampler{sde, {.final_step = FinalStep::denoise}};
  sampler.sample(model, denoised, Noise{.seed = 1});
  model.evaluate(plain, sde.t_min(), score);
  const MarginalProb p = sde.marginal_prob(sde.t_min());
  for (std::size_t i = 0; i < plain.size(); ++i)
    CHECK(denoised.data()[i] ==
          Approx((plain.data()[i] + p.std * p.std * score.data()[i]) / p.mean).epsilon(1e-12));
  struct Stopper {
    std::size_t steps = 0, finishes = 0;
    StepAction on_step(const ObservedStep&, const X&) {
      return ++steps == 2 ? StepAction::stop : StepAction::proceed;
    }
    void on_finish(const X&) { ++finishes; }
  } stopper;
  const SamplerStatistics done = sampler.sample(model, denoised, Noise{.seed = 1}, stopper);
  CHECK(stopper.steps == 2);
  CHECK(stopper.finishes == 1);
  CHECK(done.nfe % 2 == 0);
  CHECK(done.accepted >= 6);
  CHECK(done.accepted < 60);
}

TEST_CASE("Euler-Maruyama takes over twice the evaluations for the error of the default",
          "[slow]") {
  X x({200, sharp_dim});
  const SamplerStatistics done = AdaptiveSde{VpSde(), {.final_step = FinalStep::keep_noise}}.sample(
      sharp_mixture(), x, Noise{.seed = 6});
  const double adaptive = error_of_sharp_variances(x);
  std::size_t steps = 128;
  double fixed = 0;
  for (;; steps *= 2) {
    const PredictorCorrector em{VpSde(),
                                EulerMaruyama{},
                                uniform_grid(VpSde(), steps),
                                {.final_step = FinalStep::keep_noise}};
    em.sample(sharp_mixture(), x, Noise{.seed = 6});
    fixed = error_of_sharp_variances(x);
    if (fixed <= adaptive || steps == 4096) break;
  }
  WARN("sharp modes: " << 100 * adaptive << " % off after " << done.nfe << " evaluations ("
                       << double(2 * (done.accepted + done.rejected)) / 200
                       << " for one sample alone); Euler-Maruyama " << 100 * fixed << " % after "
                       << steps);
  CHECK(adaptive < 0.15);
  CHECK(2 * done.nfe < steps);
}

TEST_CASE("AdaptiveSde rejects invalid arguments and names them") {
  const VpSde sde;
  using Options = AdaptiveSdeOptions;
  const auto rejected = [&](const Options& options, const std::string& text) {
    CHECK_THROWS_WITH((AdaptiveSde{sde, options}), Contains(text));
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  rejected({.rtol = -1}, "rtol is -1");
  rejected({.rtol = nan}, "rtol is nan");
  rejected({.rtol = 0, .atol = 0}, "atol 0");
  rejected({.first_step = 0}, "first_step is 0");
  rejected({.safety = 1}, "safety is 1");
  rejected({.exponent = 0}, "exponent is 0");
  rejected({.max_growth = 1}, "max_growth is 1");
  rejected({.max_steps = 0}, "max_steps is 0");
  rejected({.final_step = FinalStep::reverse_diffusion}, "discrete chain");
  CHECK_THROWS_WITH((AdaptiveSde{sde, TimeStep{0.1, 0.2}}), Contains("time must decrease"));
  CHECK_THROWS_WITH((AdaptiveSde{sde, TimeStep{1.5, 0.2}}), Contains("[0, T]"));
  X x({3, 2}), other({2, 2});
  const AdaptiveSde sampler{sde, {.max_steps = 5}};
  Workspace<X, sampler.buffers> work(other);
  CHECK_THROWS_WITH(sampler.integrate(data(sde), x, Noise{}, work), Contains("2 samples"));
  CHECK_THROWS_WITH(sampler.sample(data(sde), x, Noise{}), Contains("5 steps were attempted"));
  struct Bad : NoScore {
    void evaluate(const X& at, double, X& out) const {
      std::fill_n(out.data(), at.size(), std::numeric_limits<double>::quiet_NaN());
    }
    void evaluate(const X& at, std::span<const double>, X& out) const { evaluate(at, 0, out); }
  };
  CHECK_THROWS_WITH(sampler.sample(Bad{}, x, Noise{}),
                    Contains("output of sample 0 at t = 1 is not finite"));
}
