// SPDX-License-Identifier: MIT
/// DDPM's bound: against its definition, and against data whose probability is known.
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

#include <scoresde/likelihood/bits_per_dim.hpp>
#include <scoresde/likelihood/discrete_likelihood_bound.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"
#include "support/remote_state.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

/// KL(N(a, u) ‖ N(b, v)) in one dimension.
double divergence(double a, double u, double b, double v) {
  return 0.5 * (std::log(v / u) + (u + (a - b) * (a - b)) / v - 1);
}

/// A model that always predicts the data 0.25.
struct ConstantPrediction {
  DdpmSde sde;
  ScoreForm score_form(double t) const {
    return score_form_of(PredictionType::data, sde.marginal_prob(t));
  }
  template <class State>
  void evaluate(const State& x, double, State& output) const {
    for (std::size_t i = 0; i < x.size(); ++i) output.data()[i] = 0.25;
  }
};

}  // namespace

TEST_CASE("every term of DDPM's bound equals its definition") {
  const std::vector<double> betas{0.1, 0.3, 0.6};
  const double bars[] = {1, 0.9, 0.9 * 0.7, 0.9 * 0.7 * 0.4};  // ᾱ_0 … ᾱ_3
  const double x_0 = 2 * 200 / 255.0 - 1;
  const X x({1, 1}, {x_0});
  ConstantPrediction model{DdpmSde(betas)};
  const Noise noise{.seed = 3};
  for (const auto variance : {PosteriorVariance::small, PosteriorVariance::large}) {
    const auto found =
        DiscreteLikelihoodBound<>(DdpmSde(betas), {.variance = variance}).evaluate(model, x, noise);
    CHECK(found.nfe == 3);
    CHECK(found.prior[0] ==
          Approx(divergence(std::sqrt(bars[3]) * x_0, 1 - bars[3], 0, 1)).epsilon(1e-12));
    double sum = 0;
    const auto posterior = [&](std::size_t i) {
      return betas[i - 1] * (1 - bars[i - 1]) / (1 - bars[i]);
    };
    for (const std::size_t i : {3, 2}) {
      // Ho et al. 2020, eq. 7; x_i enters both means alike.
      const double c = std::sqrt(bars[i - 1]) * betas[i - 1] / (1 - bars[i]);
      sum += divergence(c * x_0, posterior(i), c * 0.25,
                        variance == PosteriorVariance::small ? posterior(i) : betas[i - 1]);
    }
    CHECK(found.transitions[0] == Approx(sum).epsilon(1e-12));
    const double s = std::sqrt(2 * posterior(2)), half = 1 / 255.0;
    const double p = 0.5 * (std::erf((x_0 + half - 0.25) / s) - std::erf((x_0 - half - 0.25) / s));
    CHECK(found.decoder[0] == Approx(-std::log(p)).epsilon(1e-9));
    CHECK(found.negative_log_p[0] == found.prior[0] + found.transitions[0] + found.decoder[0]);
  }
}

TEST_CASE("the bound of uniformly distributed values under their exact score is just above 8 bits",
          "[slow]") {
  const DdpmSde sde(linear_betas(1000));
  std::vector<double> values;
  for (int k = 0; k < 256; ++k) values.push_back(2 * k / 255.0 - 1);
  GaussianMixture model(sde, std::vector<double>(256, 1), values, std::vector<double>(256, 0));
  // Every value twice; the model's score at level 1 decides between the neighbors of a value.
  std::vector<double> twice = values;
  twice.insert(twice.end(), values.begin(), values.end());
  const X x({512, 1}, twice);
  const auto found = DiscreteLikelihoodBound<>(sde, {.variance = PosteriorVariance::small})
                         .evaluate(model, x, Noise{.seed = 7});
  double mean = 0, squares = 0;
  for (const double nats : found.negative_log_p) mean += bits_of_nats(nats, 1) / 512;
  for (const double nats : found.negative_log_p)
    squares += (bits_of_nats(nats, 1) - mean) * (bits_of_nats(nats, 1) - mean) / 511;
  const double error = std::sqrt(squares / 512);
  std::printf("DDPM's bound of uniform values: %.3f +- %.3f bits\n", mean, error);
  CHECK(mean > 8 - 3 * error);
  // Above 8 by the coarse low levels, whose signal-to-noise ratio doubles from one to the next.
  CHECK(mean < 9.5);
}

TEST_CASE("DDPM's bound of a state in other memory is that of a host state") {
  const DdpmSde sde(linear_betas(5, 0.01, 0.4));
  ConstantPrediction model{sde};
  const X x({2, 2}, {-1, 0.2, 0.6, 1});
  test::RemoteState remote({2, 2});
  remote.write({x.data(), x.size()});
  const DiscreteLikelihoodBound<> bound(sde);
  CHECK(bound.evaluate(model, remote, Noise{}).negative_log_p ==
        bound.evaluate(model, x, Noise{}).negative_log_p);
}

TEST_CASE("the probabilities of all bins sum to 1, and are finite far away") {
  for (const double mean : {-1.2, 0.0, 0.999})
    for (const double std : {1e-3, 0.02, 3.0}) {
      const detail::DiscretizedNormal<Centered> bin{256, std};
      double sum = 0;
      for (int k = 0; k < 256; ++k) sum += std::exp(bin({}, 2 * k / 255.0 - 1, mean));
      CHECK(sum == Approx(1).epsilon(1e-12));
      CHECK(std::isfinite(bin({}, 1.0, -1.0)));
    }
  CHECK(detail::log_normal_tail(29.999) == Approx(detail::log_normal_tail(30.001)).epsilon(2e-4));
  CHECK(detail::log_normal_tail(30) == Approx(-454.3212).epsilon(1e-6));
}

TEST_CASE("DDPM's bound of several draws is their mean, with its standard error") {
  const DdpmSde sde(linear_betas(20));
  const X x({2, 3}, {0.1, -0.3, 1, -1, 0.5, 0.2});
  Gaussian model(sde, {0.1, 0, 0.2}, {0.5, 1, 2});
  const auto bound = [&](std::size_t draws) {
    return DiscreteLikelihoodBound<>(sde, {.draws = draws}).evaluate(model, x, Noise{.seed = 2});
  };
  const auto one = bound(1), two = bound(2), three = bound(3);
  CHECK(three.nfe == 60);
  for (std::size_t k = 0; k < 2; ++k) {
    CHECK(std::isnan(one.standard_error[k]));
    const double a = one.negative_log_p[k], b = 2 * two.negative_log_p[k] - a,
                 c = 3 * three.negative_log_p[k] - a - b;
    CHECK(a != b);
    CHECK(b != c);
    CHECK(two.standard_error[k] == Approx(std::abs(a - b) / 2).epsilon(1e-9));
    const double mean = three.negative_log_p[k];
    const double squares =
        (a - mean) * (a - mean) + (b - mean) * (b - mean) + (c - mean) * (c - mean);
    CHECK(three.standard_error[k] == Approx(std::sqrt(squares / 6)).epsilon(1e-9));
    CHECK(three.negative_log_p[k] ==
          Approx(three.prior[k] + three.transitions[k] + three.decoder[k]).epsilon(1e-12));
  }
}

TEST_CASE("DDPM's bound rejects bad input by name") {
  using Catch::Contains;
  const DdpmSde sde(linear_betas(10));
  CHECK_THROWS_WITH(DiscreteLikelihoodBound<>(sde, {.levels = 1}), Contains("levels is 1"));
  CHECK_THROWS_WITH(DiscreteLikelihoodBound<>(sde, {.draws = 0}), Contains("draws is 0"));
  Gaussian model(sde, {0, 0}, {1, 1});
  CHECK_THROWS_WITH(DiscreteLikelihoodBound<>(sde).evaluate(model, X({0, 2}), Noise{}),
                    Contains("0 samples"));
  X x({1, 2});
  x(0, 1) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(DiscreteLikelihoodBound<>(sde).evaluate(model, x, Noise{}),
                    Contains("the bound of sample 0"));
}
