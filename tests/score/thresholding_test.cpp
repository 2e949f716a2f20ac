// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/score/thresholding.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/score_laws.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

/// F(x, t) = 3t − x, with the score x/2 − 2F.
struct LinearModel {
  ScoreForm score_form(double) const { return {0.5, -2}; }
  template <class T>
  void evaluate(const HostState<T>& x, double t, HostState<T>& output) const {
    evaluate(x, std::vector<double>(x.extents().samples, t), output);
  }
  template <class T>
  void evaluate(const HostState<T>& x, std::span<const double> times, HostState<T>& output) const {
    for (std::size_t k = 0; k < x.extents().samples; ++k)
      for (std::size_t e = 0; e < x.extents().dim; ++e)
        output(k, e) = static_cast<T>(3 * times[k]) - x(k, e);
  }
};

/// Predicts the given data for any x.
struct Fixed {
  X data;
  void operator()(const X&, double, X& output) const { output = data; }
};

double score(const ScoreForm& form, double x, double output) {
  return form.state * x + form.output * output;
}

/// x̂₀ of LinearModel.
double denoised(MarginalProb p, double t, double x) {
  return (x + p.std * p.std * (0.5 * x - 2 * (3 * t - x))) / p.mean;
}

/// The quantile by sorting.
double quantile(std::vector<double> list, double q) {
  for (double& value : list) value = std::abs(value);
  std::sort(list.begin(), list.end());
  const double rank = q * double(list.size() - 1);
  const auto low = std::size_t(rank);
  return std::lerp(list[low], list[std::min(low + 1, list.size() - 1)], rank - double(low));
}

}  // namespace

TEST_CASE("a range that clips nothing does not change the score") {
  const VpSde sde;
  LinearModel model;
  ClippedDenoiser clipped(model, sde, {-1e9, 1e9});
  DynamicallyThresholdedDenoiser limited(model, sde, {.bound = 1e9});
  const X x({2, 2}, {0.3, -1.2, 0.0, 2.5});
  X own({2, 2}), output({2, 2}), dynamic({2, 2});
  for (const double t : {0.01, 0.3, 0.9}) {
    model.evaluate(x, t, own);
    clipped.evaluate(x, t, output);
    limited.evaluate(x, t, dynamic);
    for (std::size_t i = 0; i < 4; ++i) {
      // the two forms cancel to 1/std², which is at most 1e3 here
      const auto wanted =
          Approx(score(model.score_form(t), x.data()[i], own.data()[i])).epsilon(1e-9);
      CHECK(score(clipped.score_form(t), x.data()[i], output.data()[i]) == wanted);
      CHECK(score(limited.score_form(t), x.data()[i], dynamic.data()[i]) == wanted);
    }
  }
}

TEMPLATE_TEST_CASE("a clipped denoiser predicts data within the range", "", float, double) {
  using Y = HostState<TestType>;
  const VpSde sde;
  LinearModel model;
  ClippedDenoiser clipped(model, sde, {-0.5, 1});
  const std::vector<TestType> values{TestType(0.84), -9, 9, TestType(0.3)};
  const Y x({2, 2}, values);
  Y output({2, 2}), together({2, 2});
  const std::vector<double> times{0.5, 0.2}, same{0.5, 0.5};
  clipped.evaluate(x, std::span<const double>(times), output);
  const double unit = std::is_same_v<TestType, float> ? 1e-6 : 1e-14;
  std::size_t inside = 0;
  for (std::size_t k = 0; k < 2; ++k)
    for (std::size_t e = 0; e < 2; ++e) {
      const double raw = denoised(sde.marginal_prob(times[k]), times[k], x(k, e));
      CHECK(double(output(k, e)) == Approx(std::clamp(raw, -0.5, 1.0)).margin(10 * unit));
      if (raw > -0.5 && raw < 1) ++inside;
    }
  CHECK(inside == 2);
  clipped.evaluate(x, 0.5, together);
  clipped.evaluate(x, std::span<const double>(same), output);
  for (std::size_t i = 0; i < 4; ++i) CHECK(together.data()[i] == output.data()[i]);
}

TEST_CASE("a dynamic threshold is the quantile of each sample, but at least the bound") {
  const VeSde sde;
  const std::vector<double> calm{0.3, -0.9, 0.1, 0.8, -0.2}, loud{0.5, -3, 0.7, 2, -1.5};
  X data({2, 5}), x({2, 5}), output({2, 5});
  std::copy(calm.begin(), calm.end(), data[0].begin());
  std::copy(loud.begin(), loud.end(), data[1].begin());
  auto model = denoiser(Fixed{data}, sde);
  for (const double q : {0.5, 0.8, 0.995, 1.0})
    for (const double bound : {1.0, 0.25}) {
      DynamicallyThresholdedDenoiser limited(model, sde, {.quantile = q, .bound = bound});
      limited.evaluate(x, 0.4, output);
      for (std::size_t k = 0; k < 2; ++k) {
        const double s = std::max(bound, quantile(k == 0 ? calm : loud, q));
        for (std::size_t e = 0; e < 5; ++e)
          CHECK(output(k, e) == Approx(std::clamp(data(k, e), -s, s) / s * bound).epsilon(1e-14));
      }
    }
  DynamicallyThresholdedDenoiser limited(model, sde);
  limited.evaluate(x, 0.4, output);
  for (std::size_t e = 0; e < 5; ++e) CHECK(output(0, e) == Approx(calm[e]).epsilon(1e-14));
  CHECK(output(1, 1) == -1);
}

TEST_CASE("a cap limits the dynamic threshold, and a cap equal to the bound makes it static") {
  const VeSde sde;
  const std::vector<double> loud{0.5, -3, 0.7, 2, -1.5};
  X data({1, 5}, loud), x({1, 5}), output({1, 5});
  auto model = denoiser(Fixed{data}, sde);
  for (const double cap : {1.0, 1.5, 2.5, 10.0}) {
    DynamicallyThresholdedDenoiser limited(model, sde, {.cap = cap});
    limited.evaluate(x, 0.4, output);
    const double s = std::min(cap, quantile(loud, 0.995));
    for (std::size_t e = 0; e < 5; ++e)
      CHECK(output(0, e) == Approx(std::clamp(loud[e], -s, s) / s).epsilon(1e-14));
  }
  using Limited = DynamicallyThresholdedDenoiser<decltype(model), VeSde>;
  CHECK_THROWS_WITH(Limited(model, sde, {.bound = 2, .cap = 1}),
                    "dynamic thresholding: cap is 1; it must be at least the bound of 2");
}

TEST_CASE("a dynamic threshold takes a time per sample") {
  const VpSde sde;
  LinearModel model;
  DynamicallyThresholdedDenoiser limited(model, sde, {.quantile = 0.5});
  const X x({2, 3}, {0.3, -9.0, 2.0, 9.0, 0.9, -1.0});
  X output({2, 3});
  const std::vector<double> times{0.7, 0.1};
  limited.evaluate(x, std::span<const double>(times), output);
  for (std::size_t k = 0; k < 2; ++k) {
    std::vector<double> raw;
    for (std::size_t e = 0; e < 3; ++e)
      raw.push_back(denoised(sde.marginal_prob(times[k]), times[k], x(k, e)));
    const double s = std::max(1.0, quantile(raw, 0.5));
    for (std::size_t e = 0; e < 3; ++e)
      CHECK(output(k, e) == Approx(std::clamp(raw[e], -s, s) / s).epsilon(1e-13));
  }
}

TEST_CASE("wrapped models are functions of (x, t), and per-sample if the model is") {
  const VpSde sde;
  LinearModel model;
  auto fixed = denoiser(Fixed{X({2, 2})}, sde);
  ClippedDenoiser clipped(model, sde);
  DynamicallyThresholdedDenoiser limited(model, sde);
  STATIC_REQUIRE(PerSampleScoreModel<decltype(clipped), X>);
  STATIC_REQUIRE(PerSampleScoreModel<decltype(limited), X>);
  STATIC_REQUIRE(ScoreModel<ClippedDenoiser<decltype(fixed), VpSde>, X>);
  STATIC_REQUIRE_FALSE(PerSampleScoreModel<ClippedDenoiser<decltype(fixed), VpSde>, X>);
  STATIC_REQUIRE_FALSE(
      PerSampleScoreModel<DynamicallyThresholdedDenoiser<decltype(fixed), VpSde>, X>);
  const X x({3, 2}, {0.3, -1.2, 0.0, 2.5, -2, 7});
  CHECK(testing::check_score_laws(clipped, x, 0.4) == std::vector<std::string>{});
  CHECK(testing::check_score_laws(limited, x, 0.4) == std::vector<std::string>{});
}

TEST_CASE("sampling with a clipped denoiser ends within the range") {
  const VpSde sde;
  LinearModel model;  // diverges without clipping
  ClippedDenoiser clipped(model, sde, {-1, 1});
  const PredictorCorrector sampler{sde, Ancestral{}, NoCorrector{}, uniform_grid(sde, 20)};
  X x({4, 3});
  sampler.sample(clipped, x, Noise{.seed = 5});
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(std::abs(x.data()[i]) < 1.05);
}

TEST_CASE("invalid thresholds are rejected") {
  const VpSde sde;
  LinearModel model;
  using Clipped = ClippedDenoiser<LinearModel, VpSde>;
  using Limited = DynamicallyThresholdedDenoiser<LinearModel, VpSde>;
  CHECK_THROWS_WITH(Clipped(model, sde, {1, -1}),
                    "clipped denoiser: the range goes from 1 to -1; low must be less than high");
  CHECK_THROWS_AS(Clipped(model, sde, {0, std::nan("")}), Error);
  CHECK_THROWS_WITH(Limited(model, sde, {.quantile = 1.5}),
                    "dynamic thresholding: quantile is 1.5; it must lie in (0, 1]");
  CHECK_THROWS_AS(Limited(model, sde, {.quantile = 0}), Error);
  CHECK_THROWS_WITH(Limited(model, sde, {.bound = -1}),
                    "dynamic thresholding: bound is -1; it must be positive and finite");
}
