// SPDX-License-Identifier: MIT
/// Every parameterization of the same exact model gives the same score.
#include <cmath>
#include <functional>
#include <vector>

#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/cosine_vp_sde.hpp>
#include <scoresde/sde/rectified_flow_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/sde_laws.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

template <class S>
GaussianMixture<S> mixture(const S& sde) {
  return {sde, {0.3, 0.7}, {1, -2, 0.5, 0.1, 0.4, -0.6}, {0.04, 0.25}};
}

/// A prediction of the exact model, as a function (x, t, output).
template <class S>
struct Predicts {
  enum Kind { score, noise, data, velocity, flow } kind;
  GaussianMixture<S> exact;

  void operator()(const X& x, double t, X& output) {
    exact.evaluate(x, t, output);
    const auto [alpha, sigma] = exact.sde().marginal_prob(t);
    const auto [alpha_slope, sigma_slope] = kind == flow ? slopes(t) : MarginalProb{};
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double s = output.data()[i], eps = -sigma * s;
      const double x0 = (x.data()[i] - sigma * eps) / alpha;
      const double choices[] = {s, eps, x0, alpha * eps - sigma * x0,
                                alpha_slope * x0 + sigma_slope * eps};
      output.data()[i] = choices[kind];
    }
  }
  /// α' and σ' by numerical differentiation of the marginal, without f and g.
  MarginalProb slopes(double t) const {
    using testing::derivative;
    const S& sde = exact.sde();
    return {derivative([&](double s) { return sde.marginal_prob(s).mean; }, t, 1e-3),
            derivative([&](double s) { return sde.marginal_prob(s).std; }, t, 1e-3)};
  }
};

template <class M>
void check_score(M model, const X& x, double t, const X& wanted) {
  STATIC_REQUIRE(ScoreModel<M, X>);
  STATIC_REQUIRE_FALSE(PerSampleScoreModel<M, X>);
  X output(x.extents());
  model.evaluate(x, t, output);
  const ScoreForm form = model.score_form(t);
  for (std::size_t i = 0; i < x.size(); ++i)
    CHECK(form.state * x.data()[i] + form.output * output.data()[i] ==
          Approx(wanted.data()[i]).epsilon(1e-9));
}

template <class S>
void check_all(const S& sde) {
  const X x({2, 3}, {0.3, -1.2, 0.8, 2.0, 0.1, -0.4});
  for (const double t : {0.05, 0.4, 0.98 * sde.t_max(), sde.t_max()}) {
    X score(x.extents());
    mixture(sde).evaluate(x, t, score);
    using P = Predicts<S>;
    check_score(score_function(P{P::score, mixture(sde)}), x, t, score);
    check_score(noise_prediction(P{P::noise, mixture(sde)}, sde), x, t, score);
    check_score(denoiser(P{P::data, mixture(sde)}, sde), x, t, score);
    check_score(velocity(P{P::velocity, mixture(sde)}, sde), x, t, score);
    if (t < sde.t_max()) check_score(flow_velocity(P{P::flow, mixture(sde)}, sde), x, t, score);
  }
}

}  // namespace

TEST_CASE(
    "score, noise, denoiser, velocity and flow velocity of a model give the same score under every "
    "SDE") {
  check_all(VpSde());
  check_all(VeSde());
  check_all(SubVpSde());
  check_all(CosineVpSde());
  check_all(RectifiedFlowSde());
}

TEST_CASE("a DDIM step in the velocity of rectified flow is linear, including the first step") {
  const RectifiedFlowSde sde;
  const FlowVelocityOutput<RectifiedFlowSde> output{sde};
  for (const TimeStep step : {TimeStep{sde.t_max(), 0.9}, {sde.t_max(), 0.1}, {0.5, 0.3}}) {
    const auto [alpha, sigma] = sde.marginal_prob(step.t);
    const auto [alpha_next, sigma_next] = sde.marginal_prob(step.t_next);
    // DDIM: x ← (α'/α)x + (σ' − α'σ/α) ε with ε = −σ(p x + q F).
    const ScoreForm form = output(step.t);
    const double gain = -(sigma_next - alpha_next * sigma / alpha) * sigma;
    CHECK(alpha_next / alpha + gain * form.state == Approx(1).epsilon(1e-10));
    CHECK(gain * form.output == Approx(step.t_next - step.t).epsilon(1e-10));
  }
}

TEST_CASE("a function that takes a time per sample gives a per-sample score model") {
  struct Both {
    void operator()(const X& x, double t, X& out) { (*this)(x, std::vector<double>(2, t), out); }
    void operator()(const X& x, std::span<const double> times, X& out) {
      for (std::size_t k = 0; k < times.size(); ++k) out(k, 0) = times[k] * x(k, 0);
    }
  };
  auto model = noise_prediction(Both{}, VpSde());
  STATIC_REQUIRE(PerSampleScoreModel<decltype(model), X>);
  const X x({2, 1}, {1, 10});
  X out({2, 1});
  const std::vector<double> times{0.25, 0.5};
  model.evaluate(x, std::span<const double>(times), out);
  CHECK(out(0, 0) == 0.25);
  CHECK(out(1, 0) == 5);
}

TEST_CASE("a function is copied, or referenced with std::ref") {
  struct Counting {
    int calls = 0;
    void operator()(const X&, double, X&) { ++calls; }
  } counting;
  X x({1, 1});
  auto copied = score_function(counting);
  copied.evaluate(x, 0.5, x);
  CHECK(counting.calls == 0);
  CHECK(copied.function().calls == 1);
  auto referring = score_function(std::ref(counting));
  referring.evaluate(x, 0.5, x);
  CHECK(counting.calls == 1);
}
