// SPDX-License-Identifier: MIT
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <scoresde/ode/adaptive_runge_kutta.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/guidance.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/score/preconditioning.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/score_laws.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using X = HostState<double>;

namespace {

/// Two classes in the plane, of two Gaussians each, weighted by `first` and `second`.
template <Sde S>
GaussianMixture<S> data_of(const S& sde, double first, double second) {
  return {sde,
          {0.3 * first, 0.3 * first, 0.1 * second, 0.3 * second},
          {-1, 0.2, 1.3, -0.4, 0.4, 1, -0.6, -1.1},
          {0.1, 0.2, 0.3, 0.15}};
}

X points() { return X({4, 2}, {0.3, -0.2, 1.1, 0.7, -0.9, -0.1, 0.05, 0.6}); }

template <class M>
double score(const M& model, double t, double x, double output) {
  const ScoreForm form = model.score_form(t);
  return form.state * x + form.output * output;
}

/// The score of every element of x.
template <class M>
std::vector<double> scores(M& model, const X& x, double t) {
  X output(x.extents());
  model.evaluate(x, t, output);
  std::vector<double> result(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    result[i] = score(model, t, x.data()[i], output.data()[i]);
  return result;
}

void check_equal(const std::vector<double>& a, const std::vector<double>& b, double relative) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    CHECK(a[i] == Approx(b[i]).epsilon(relative).margin(relative));
}

/// Derivatives of f(x, y) at every point of x, by central differences.
template <class F>
std::vector<double> gradient(const F& f, const X& x) {
  std::vector<double> result;
  for (std::size_t k = 0; k < x.extents().samples; ++k)
    for (std::size_t e = 0; e < 2; ++e) {
      std::array<double, 2> up{x(k, 0), x(k, 1)}, down = up;
      up[e] += 1e-5;
      down[e] -= 1e-5;
      result.push_back((f(up) - f(down)) / 2e-5);
    }
  return result;
}

/// ∇ log p_t(class 1 | x), as the conditional score minus the unconditional one.
template <Sde S>
auto classifier_of(const S& sde) {
  return score_function(
      [one = data_of(sde, 1, 0), both = data_of(sde, 1, 1)](const X& x, auto t, X& out) mutable {
        X of_both(x.extents());
        one.evaluate(x, t, out);
        both.evaluate(x, t, of_both);
        for (std::size_t i = 0; i < x.size(); ++i) out.data()[i] -= of_both.data()[i];
      });
}

/// A model that counts its evaluations.
template <class M>
struct Counted {
  M model;
  int evaluations = 0;

  ScoreForm score_form(double t) const { return model.score_form(t); }
  template <class Times>
  void evaluate(const X& x, const Times& t, X& out) {
    ++evaluations;
    model.evaluate(x, t, out);
  }
};

}  // namespace

TEMPLATE_TEST_CASE("classifier-free guidance is the gradient of its tilted density", "", VpSde,
                   VeSde, SubVpSde, EdmSde) {
  const TestType sde;
  auto conditional = data_of(sde, 1, 0), unconditional = data_of(sde, 1, 1);
  const X x = points();
  for (const double weight : {-0.5, 0.0, 1.0, 3.0})
    for (const double sigma : {0.2, 0.5, 1.5}) {
      const double t = time_of_log_snr(sde, -2 * std::log(sigma));
      auto guided = classifier_free_guidance(conditional, unconditional, weight);
      const auto log_tilted = [&](const std::array<double, 2>& point) {
        return (1 + weight) * conditional.log_density(point, t) -
               weight * unconditional.log_density(point, t);
      };
      CAPTURE(weight, sigma);
      check_equal(scores(guided, x, t), gradient(log_tilted, x), 1e-7);
    }
}

TEST_CASE("guidance by the exact classifier with scale 1 is the conditional score") {
  const VpSde sde;
  auto conditional = data_of(sde, 1, 0), unconditional = data_of(sde, 1, 1);
  auto classifier = classifier_of(sde);
  const X x = points();
  auto guided = classifier_guidance(unconditional, classifier, 1);
  check_equal(scores(guided, x, 0.3), scores(conditional, x, 0.3), 1e-12);
  // p(x | c) ∝ p(c | x) p(x): a classifier's scale is the weight plus one
  for (const double weight : {-0.5, 0.7, 3.0}) {
    auto by_classifier = classifier_guidance(unconditional, classifier, 1 + weight);
    auto free = classifier_free_guidance(conditional, unconditional, weight);
    check_equal(scores(by_classifier, x, 0.3), scores(free, x, 0.3), 1e-12);
  }
}

TEST_CASE("the two models may have different parameterizations") {
  const SubVpSde sde;
  const double t = 0.4, weight = 1.7;
  const X x = points();
  auto conditional = data_of(sde, 1, 0), unconditional = data_of(sde, 1, 1);
  auto exact = classifier_free_guidance(conditional, unconditional, weight);
  const std::vector<double> wanted = scores(exact, x, t);
  // The same scores in each parameterization: F = (s − state·x)/output.
  const auto with_each_output = [&](auto& model, const auto& use) {
    const auto as = [&](auto make, auto form) {
      use(make([&model, form](const X& y, double time, X& out) {
        model.evaluate(y, time, out);
        const ScoreForm f = form(time);
        for (std::size_t i = 0; i < y.size(); ++i)
          out.data()[i] = (out.data()[i] - f.state * y.data()[i]) / f.output;
      }));
    };
    as([&](auto f) { return score_function(f); }, ScoreOutput{});
    as([&](auto f) { return noise_prediction(f, sde); }, NoiseOutput<SubVpSde>{sde});
    as([&](auto f) { return denoiser(f, sde); }, DenoiserOutput<SubVpSde>{sde});
    as([&](auto f) { return velocity(f, sde); }, VelocityOutput<SubVpSde>{sde});
    as([&](auto f) { return flow_velocity(f, sde); }, FlowVelocityOutput<SubVpSde>{sde});
  };
  int pairs = 0;
  with_each_output(conditional, [&](auto first) {
    with_each_output(unconditional, [&](auto second) {
      auto guided = classifier_free_guidance(first, second, weight);
      check_equal(scores(guided, x, t), wanted, 1e-11);
      CHECK(guided.score_form(t).output == first.score_form(t).output);
      ++pairs;
    });
  });
  CHECK(pairs == 25);
}

TEST_CASE(
    "a guided score satisfies the properties of scores, even if only some samples are in the "
    "interval") {
  const VpSde sde;
  auto conditional = data_of(sde, 1, 0), unconditional = data_of(sde, 1, 1);
  auto guided = classifier_free_guidance(conditional, unconditional, 1.5, {0.1, 0.4});
  STATIC_REQUIRE(PerSampleScoreModel<decltype(guided), X>);
  STATIC_REQUIRE(DifferentiableScoreModel<decltype(guided), X>);
  const X x = points();
  for (const double t : {0.05, 0.1, 0.3, 0.4, 0.7})
    CHECK(testing::check_score_laws(guided, x, t, {.same = 1e-14}) == std::vector<std::string>{});
  const std::vector<double> times{0.3, 0.05, 0.7, 0.4};
  X together(x.extents());
  guided.evaluate(x, std::span<const double>(times), together);
  for (std::size_t k = 0; k < 4; ++k) {
    X alone(x.extents());
    guided.evaluate(x, times[k], alone);
    for (std::size_t e = 0; e < 2; ++e)
      CHECK(together(k, e) == Approx(alone(k, e)).epsilon(1e-14).margin(1e-14));
  }
  auto noise = noise_prediction([](const X& y, double, X& out) { out = y; }, sde);
  STATIC_REQUIRE(ScoreModel<GuidedScore<decltype(conditional), decltype(noise)>, X>);
  STATIC_REQUIRE_FALSE(PerSampleScoreModel<GuidedScore<decltype(conditional), decltype(noise)>, X>);
  STATIC_REQUIRE_FALSE(
      DifferentiableScoreModel<GuidedScore<decltype(conditional), decltype(noise)>, X>);
}

TEST_CASE("outside the interval or with weight 0, guidance evaluates only the first model") {
  const VpSde sde;
  Counted first{data_of(sde, 1, 0)}, second{data_of(sde, 1, 1)};
  auto guided = classifier_free_guidance(first, second, 2, {0.1, 0.4});
  auto idle = classifier_free_guidance(first, second, 0);
  const X x = points();
  for (const double t : {0.05, 0.41}) {
    CHECK(scores(guided, x, t) == scores(first, x, t));
    CHECK(scores(idle, x, t) == scores(first, x, t));
  }
  X out(x.extents());
  guided.evaluate(x, std::span<const double>(std::vector<double>(4, 0.9)), out);
  CHECK(second.evaluations == 0);
  scores(guided, x, 0.1);
  scores(guided, x, 0.4);
  CHECK(second.evaluations == 2);
  guided.evaluate(x, std::span<const double>(std::vector<double>{0.9, 0.9, 0.4, 0.9}), out);
  CHECK(second.evaluations == 3);
}

TEMPLATE_TEST_CASE("guided samples match the closed-form guided flow", "", VpSde, EdmSde) {
  // With y = x/α and τ = (σ/α)² the flow is dy/dτ = −α·s/2, linear for Gaussian data. For class
  // data N(m, v) in N(0, u):
  //   m = 0:  y ∝ (v + τ)^((1+w)/2) (u + τ)^(−w/2)
  //   u = v:  y − (1 + w)·m ∝ √(v + τ), as if the class mean were further out
  const TestType sde;
  const double weight = 1.5, v = 0.5;
  const ProbabilityFlow flow{sde, scipy_rk45(1e-11, 1e-11), {.final_step = FinalStep::keep_noise}};
  const MarginalProb begin = sde.marginal_prob(sde.t_max()), end = sde.marginal_prob(sde.t_min());
  const auto tau = [](MarginalProb p) { return std::pow(p.std / p.mean, 2); };
  const auto run = [&](double mean, double u) {
    Gaussian conditional(sde, std::vector<double>(3, mean), std::vector<double>(3, v));
    Gaussian unconditional(sde, std::vector<double>(3, 0.0), std::vector<double>(3, u));
    auto guided = classifier_free_guidance(conditional, unconditional, weight);
    X x({2, 3});
    draw_prior(sde, x, Noise{.seed = 3}.draw(0));
    X start = x;
    Workspace<X, decltype(flow)::buffers> work(x);
    flow.integrate(guided, x, Noise{}, work);
    return std::pair{start, x};
  };
  const double u = 2;
  const auto [from, to] = run(0, u);
  const double growth = std::pow((v + tau(end)) / (v + tau(begin)), (1 + weight) / 2) *
                        std::pow((u + tau(end)) / (u + tau(begin)), -weight / 2);
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(to.data()[i] / end.mean ==
          Approx(growth * from.data()[i] / begin.mean).epsilon(1e-7).margin(1e-8));

  const double mean = 0.8, further = (1 + weight) * mean;
  const auto [first, last] = run(mean, v);
  const double scale = std::sqrt((v + tau(end)) / (v + tau(begin)));
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(last.data()[i] / end.mean - further ==
          Approx(scale * (first.data()[i] / begin.mean - further)).epsilon(1e-7).margin(1e-8));
}

TEST_CASE("an interval of noise levels maps to times within the range of the SDE") {
  const VeSde ve;  // from 0.01 to 50
  const TimeInterval some = noise_interval(ve, 0.2, 3);
  CHECK(ve.marginal_prob(some.first).std == Approx(0.2).epsilon(1e-12));
  CHECK(ve.marginal_prob(some.last).std == Approx(3).epsilon(1e-12));
  const TimeInterval all = noise_interval(ve, 0, 100);
  CHECK(all.first == 0);
  CHECK(all.last == 1);
  const VpSde vp;
  const TimeInterval inner = noise_interval(vp, 0.3, 2);
  const auto [alpha, sigma] = vp.marginal_prob(inner.first);
  CHECK(sigma / alpha == Approx(0.3).epsilon(1e-12));
  CHECK(noise_interval(vp, 0, 1).first == 0);
  CHECK_THROWS_WITH(noise_interval(vp, 2, 0.3), Contains("from 2 to 0.3"));
  CHECK_THROWS_WITH(noise_interval(vp, -1, 0.3), Contains("from -1 to 0.3"));
  CHECK_THROWS_AS(noise_interval(vp, 0, std::nan("")), Error);
}

TEST_CASE("invalid guidance is rejected") {
  const VpSde sde;
  auto model = data_of(sde, 1, 1);
  CHECK_THROWS_WITH(classifier_free_guidance(model, model, std::nan("")), Contains("finite"));
  CHECK_THROWS_WITH(classifier_guidance(model, model, INFINITY), Contains("0 and inf"));
  CHECK_THROWS_WITH(classifier_free_guidance(model, model, 1, {0.4, 0.1}),
                    Contains("from 0.4 to 0.1"));
  struct Silent {
    ScoreForm score_form(double) const { return {-1, 0}; }
    void evaluate(const X&, double, X&) const {}
  } silent;
  auto guided = classifier_free_guidance(silent, model, 1);
  X x = points(), out = x;
  CHECK_THROWS_WITH(guided.evaluate(x, 0.3, out), Contains("does not depend on its output"));
}
