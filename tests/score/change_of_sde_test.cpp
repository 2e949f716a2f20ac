// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <scoresde/score/change_of_sde.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using X = HostState<double>;

namespace {

template <Sde S>
GaussianMixture<S> mixture(const S& sde) {
  return {sde, {0.3, 0.7}, {-1, 0.2, 1.3, -0.4}, {0.1, 0.2, 0.3, 0.15}};
}

/// Points near the data under the SDE at time t.
template <Sde S>
X points(const S& sde, double t) {
  const auto [mean, std] = sde.marginal_prob(t);
  X x({4, 2}, {0.3, -0.2, 1.1, 0.7, -0.9, -0.1, 0.05, 0.6});
  const X z({4, 2}, {-1.2, 0.4, 0.1, 1.9, 0.7, -0.3, -0.5, -0.8});
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = mean * x.data()[i] + std * z.data()[i];
  return x;
}

/// The score of each element of x.
template <class M>
std::vector<double> scores(M& model, const X& x, double t) {
  X output(x.extents());
  model.evaluate(x, t, output);
  const ScoreForm form = model.score_form(t);
  std::vector<double> result(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    result[i] = form.state * x.data()[i] + form.output * output.data()[i];
  return result;
}

void check_equal(const std::vector<double>& a, const std::vector<double>& b, double relative) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    CHECK(a[i] == Approx(b[i]).epsilon(relative).margin(0));
}

/// A score model whose F is half of x minus the score.
template <class M>
struct Reparameterized {
  M model;
  [[nodiscard]] ScoreForm score_form(double) const { return {0.5, -1}; }
  void evaluate(const X& x, double t, X& output) {
    model.evaluate(x, t, output);
    for (std::size_t i = 0; i < x.size(); ++i)
      output.data()[i] = 0.5 * x.data()[i] - output.data()[i];
  }
};

/// The score through the change, and the times at which it is compared, all within the range.
template <Sde Training, Sde Target>
void check_change(const Training& training, const Target& target, std::vector<double> times) {
  auto exact = mixture(target);
  auto trained = mixture(training);
  Reparameterized<GaussianMixture<Training>> other{trained};
  ChangeOfSde changed(trained, training, target), reparameterized(other, training, target);
  for (const double t : times) {
    CAPTURE(t);
    CHECK_FALSE(changed.changed(t).clamped);
    const X x = points(target, t);
    check_equal(scores(changed, x, t), scores(exact, x, t), 1e-12);
    check_equal(scores(reparameterized, x, t), scores(exact, x, t), 1e-11);  // F cancels
  }
  CHECK(changed.evaluations() == 4 * times.size());
  CHECK(changed.clamped_evaluations() == 0);
}

}  // namespace

TEST_CASE("ChangeOfSde of an exact score is the exact score of the other SDE") {
  check_change(EdmSde(), VpSde(), {1e-3, 0.02, 0.1, 0.4, 0.7, 0.9});
  check_change(EdmSde(), SubVpSde(), {0.05, 0.1, 0.4, 0.7, 0.9});
  check_change(EdmSde(), VeSde(), {1e-5, 0.02, 0.1, 0.4, 0.7, 1});
  check_change(VpSde(), EdmSde(), {0.02, 0.1, 0.5, 3, 20, 80});
  check_change(VeSde(), VpSde(), {1e-3, 0.02, 0.1, 0.4, 0.7, 0.85});
  check_change(VpSde(), VpSde({.beta_min = 0.2, .beta_max = 15}), {0.01, 0.1, 0.5, 1});
  check_change(EdmSde(), EdmSde(), {0.002, 0.1, 3, 80});
}

TEST_CASE("ChangeOfSde of a time per sample is that of each time, and so are its products") {
  const VpSde target;
  auto trained = mixture(EdmSde());
  auto exact = mixture(target);
  ChangeOfSde changed(trained, EdmSde(), target);
  STATIC_REQUIRE(PerSampleDifferentiableScoreModel<decltype(changed), X>);
  const std::vector<double> times{0.01, 0.2, 0.6, 0.9};
  const X x = points(target, 0.3), v = points(target, 0.5);
  X output(x.extents()), expected(x.extents());
  changed.evaluate(x, std::span<const double>(times), output);
  exact.evaluate(x, std::span<const double>(times), expected);
  for (std::size_t k = 0; k < 4; ++k)
    for (std::size_t e = 0; e < 2; ++e)
      CHECK(changed.score_form(times[k]).output * output(k, e) ==
            Approx(expected(k, e)).epsilon(1e-12));
  changed.vjp(x, std::span<const double>(times), v, output);
  exact.vjp(x, std::span<const double>(times), v, expected);
  for (std::size_t k = 0; k < 4; ++k)
    for (std::size_t e = 0; e < 2; ++e)
      CHECK(changed.score_form(times[k]).output * output(k, e) ==
            Approx(expected(k, e)).epsilon(1e-11));
  changed.vjp(x, 0.2, v, output);
  CHECK(changed.score_form(0.2).output * output(1, 0) == Approx(expected(1, 0)).epsilon(1e-11));
  CHECK(changed.evaluations() == 12);
}

TEST_CASE("below the range of training ChangeOfSde is the score of data with its least noise") {
  const EdmSde training({.sigma_min = 0.5, .sigma_max = 80});
  const VpSde target;
  auto trained = mixture(training);
  ChangeOfSde changed(trained, training, target);
  const double t = 0.05;
  const auto [mean, std] = target.marginal_prob(t);
  REQUIRE(std / mean < 0.5);
  const X x = points(target, t);
  // p(x) = ∫ p₀(x₀) N(x; αx₀, (0.5 α)² I): the mixture in x/α with variances 0.5² larger
  X in_units_of_data = x;
  for (std::size_t i = 0; i < x.size(); ++i) in_units_of_data.data()[i] /= mean;
  GaussianMixture smoothed(training, {0.3, 0.7}, {-1, 0.2, 1.3, -0.4},
                           {0.1 + 0.25, 0.2 + 0.25, 0.3 + 0.25, 0.15 + 0.25});
  auto expected = scores(smoothed, in_units_of_data, 0);
  for (double& value : expected) value /= mean;
  check_equal(scores(changed, x, t), expected, 1e-12);
  CHECK(changed.changed(t).clamped);
  CHECK(changed.clamped_evaluations() == 4);
  CHECK(changed.evaluations() == 4);
}

TEST_CASE("above the range of training ChangeOfSde predicts the noise as at its most noise") {
  const EdmSde training({.sigma_min = 0.002, .sigma_max = 20});
  const VpSde target;
  auto trained = mixture(training);
  ChangeOfSde changed(trained, training, target);
  for (const double t : {0.9, 1.0}) {
    const auto [mean, std] = target.marginal_prob(t);
    REQUIRE(std / mean > 20);
    const X x = points(target, t);
    X scaled = x;
    for (std::size_t i = 0; i < x.size(); ++i) scaled.data()[i] *= 20 / std;
    auto noise = scores(trained, scaled, 20);  // −20 times this is the predicted noise
    for (double& value : noise) value *= 20 / std;
    check_equal(scores(changed, x, t), noise, 1e-12);
    CHECK(changed.changed(t).clamped);
  }
}

TEST_CASE("the error of ChangeOfSde outside the range is within its bounds on Gaussian data") {
  const double v = 0.25;
  const EdmSde training({.sigma_min = 0.05, .sigma_max = 20});
  const VpSde target;
  const std::vector<double> weight{1}, zero{0, 0}, variance{v};
  GaussianMixture trained(training, weight, zero, variance);
  GaussianMixture exact(target, weight, zero, variance);
  ChangeOfSde changed(trained, training, target);
  for (const double t : {1e-3, 5e-3, 0.85, 0.95, 1.0}) {
    const X x = points(target, t);
    const auto found = scores(changed, x, t), wanted = scores(exact, x, t);
    const auto [mean, std] = target.marginal_prob(t);
    const double r = std / mean;
    const double error = found[0] / wanted[0] - 1;
    if (r < 0.05) {
      CHECK(1 / (1 + error) - 1 == Approx((0.05 * 0.05 - r * r) / (v + r * r)).epsilon(1e-9));
    } else {
      CHECK(std::abs(error) < v / 400);
    }
  }
}

TEST_CASE("ChangeOfSde rejects a first time of training outside [0, T)") {
  auto trained = mixture(EdmSde());
  CHECK_THROWS_WITH((ChangeOfSde(trained, EdmSde(), VpSde(), 80)),
                    Contains("first time of training is 80"));
  CHECK_THROWS_WITH((ChangeOfSde(trained, EdmSde(), VpSde(), -1)), Contains("at least 0"));
}
