// SPDX-License-Identifier: MIT
#include <cmath>
#include <functional>
#include <vector>

#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/preconditioning.hpp>
#include <scoresde/score/tweedie.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/score_laws.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

const std::vector<double> data_mean{0.4, -1.2, 0}, data_variance{0.09, 0.5, 2};

/// The exact F of N(mean, variance) for α = 1 in the notation of the paper: from D = mean +
/// variance (y − mean)/(variance + s²) and its table 1, with y = x/α and s = σ/α.
struct ExactF {
  double sigma_data;

  double operator()(std::size_t e, double scaled, double c_noise) const {
    const double s = std::exp(4 * c_noise), d2 = sigma_data * sigma_data, s2 = s * s;
    const double y = scaled * std::sqrt(s2 + d2), m = data_mean[e], v = data_variance[e];
    // (D − c_skip y)/c_out without cancellation
    return s * std::sqrt(s2 + d2) / sigma_data *
           (m / (v + s2) + y * (v - d2) / ((v + s2) * (s2 + d2)));
  }
};

/// Takes the scaled input.
struct TakesScaled : ExactF {
  void operator()(const X& x, double c_noise, X& out) const {
    (*this)(x, std::vector<double>(x.extents().samples, c_noise), out);
  }
  void operator()(const X& x, std::span<const double> c_noise, X& out) const {
    for (std::size_t k = 0; k < x.extents().samples; ++k)
      for (std::size_t e = 0; e < 3; ++e) out(k, e) = ExactF::operator()(e, x(k, e), c_noise[k]);
  }
};

/// Scales the input itself.
struct Scales : ExactF {
  void operator()(const X& x, double c_in, double c_noise, X& out) const {
    const std::size_t n = x.extents().samples;
    (*this)(x, std::vector<double>(n, c_in), std::vector<double>(n, c_noise), out);
  }
  void operator()(const X& x, std::span<const double> c_in, std::span<const double> c_noise,
                  X& out) const {
    for (std::size_t k = 0; k < x.extents().samples; ++k)
      for (std::size_t e = 0; e < 3; ++e)
        out(k, e) = ExactF::operator()(e, c_in[k] * x(k, e), c_noise[k]);
  }
};

void check_scores(const ScoreForm& form, const X& x, const X& output, const X& score,
                  std::size_t k) {
  for (std::size_t e = 0; e < 3; ++e)
    CHECK(form.state * x(k, e) + form.output * output(k, e) ==
          Approx(score(k, e)).epsilon(1e-12).margin(1e-13));
}

template <class S, class F>
void check_exact(const S& sde, F f) {
  auto model = edm_preconditioning(f, sde, f.sigma_data);
  STATIC_REQUIRE(PerSampleScoreModel<decltype(model), X>);
  Gaussian data(sde, data_mean, data_variance);
  const X x({3, 3}, {0.3, -1.2, 0.8, 2.0, 0.1, -0.4, -3, 5, 1});
  X output({3, 3}), score({3, 3});
  for (const double t : {1e-4, 0.01, 0.2, 0.6, 1.0}) {
    data.evaluate(x, t, score);
    model.evaluate(x, t, output);
    for (std::size_t k = 0; k < 3; ++k) check_scores(model.score_form(t), x, output, score, k);
  }
  const std::vector<double> times{0.9, 1e-3, 0.3};
  data.evaluate(x, times, score);
  model.evaluate(x, std::span<const double>(times), output);
  for (std::size_t k = 0; k < 3; ++k) check_scores(model.score_form(times[k]), x, output, score, k);
}

template <class S>
void check_both_forms(const S& sde) {
  for (const double sigma_data : {0.5, 1.3}) {
    check_exact(sde, TakesScaled{{sigma_data}});
    check_exact(sde, Scales{{sigma_data}});
  }
}

}  // namespace

TEST_CASE("the exact F of Gaussian data gives the exact score under every SDE") {
  check_both_forms(VpSde());
  check_both_forms(VeSde());
  check_both_forms(SubVpSde());
}

TEST_CASE("for mean 1 the coefficients are those of table 1 of the paper") {
  for (const double sigma : {0.002, 0.5, 80.0}) {
    const auto c = edm_coefficients({1, sigma}, 0.5);
    const double sum = sigma * sigma + 0.25;
    CHECK(c.skip == Approx(0.25 / sum).epsilon(1e-14));
    CHECK(c.out == Approx(sigma * 0.5 / std::sqrt(sum)).epsilon(1e-14));
    CHECK(c.in == Approx(1 / std::sqrt(sum)).epsilon(1e-14));
    CHECK(c.noise == Approx(std::log(sigma) / 4).epsilon(1e-14));
  }
}

TEST_CASE("the score form corresponds to the prediction by c_skip and c_out") {
  const VpSde sde;
  for (const double t : {0.05, 0.4, 1.0}) {
    const MarginalProb p = sde.marginal_prob(t);
    const auto c = edm_coefficients(p, 0.7);
    const ScoreForm denoised = tweedie_form(p, edm_score_form(p, 0.7));
    CHECK(denoised.state == Approx(c.skip).epsilon(1e-9));
    CHECK(denoised.output == Approx(c.out).epsilon(1e-12));
  }
}

TEST_CASE("an f that scales x itself receives x, any other a persistent scratch state") {
  struct Remembers {
    std::vector<const X*> seen;
    void operator()(const X& x, double, X& out) { seen.push_back(&x), out = x; }
  } plain;
  struct RemembersToo {
    std::vector<const X*> seen;
    void operator()(const X& x, double, double, X& out) { seen.push_back(&x), out = x; }
  } scaling;
  auto first = edm_preconditioning(std::ref(plain), VpSde());
  auto second = edm_preconditioning(std::ref(scaling), VpSde());
  STATIC_REQUIRE_FALSE(PerSampleScoreModel<decltype(first), X>);
  const X x({2, 3});
  X out({2, 3});
  for (int i = 0; i < 2; ++i) first.evaluate(x, 0.5, out), second.evaluate(x, 0.5, out);
  CHECK(plain.seen[0] != &x);
  CHECK(plain.seen[0] == plain.seen[1]);
  CHECK(scaling.seen[0] == &x);
}

TEST_CASE("a preconditioned model satisfies the properties of score models") {
  auto model = edm_preconditioning(TakesScaled{{0.5}}, VpSde());
  CHECK(model.sigma_data() == 0.5);
  const X x({2, 3}, {0.3, -1.2, 0.8, 2.0, 0.1, -0.4});
  CHECK(testing::check_score_laws(model, x, 0.4) == std::vector<std::string>{});
}

TEST_CASE("preconditioning rejects invalid arguments") {
  CHECK_THROWS_WITH(edm_preconditioning(TakesScaled{{0.5}}, VpSde(), 0),
                    "EDM preconditioning: sigma_data is 0; it must be positive and finite");
  auto model = edm_preconditioning(TakesScaled{{0.5}}, VpSde());
  CHECK_THROWS_WITH(model.score_form(0), "EDM preconditioning: std is 0; it must be positive");
  X x({2, 3});
  const std::vector<double> one{0.5};
  CHECK_THROWS_WITH(model.evaluate(x, std::span<const double>(one), x),
                    "EDM preconditioning: 1 times for 2 samples; one per sample is required");
}
