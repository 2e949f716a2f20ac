// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <scoresde/loss/discrete_score_matching.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/sde/smld_sde.hpp>

#include "loss/loss_gradient.hpp"
#include "loss/tanh_model.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using test::normal_state;
using test::State64;

namespace {

const std::vector<double> weights{0.7, -0.4, 1.1, 0.2, -0.9};

template <DiscreteSde S>
using Model = test::TanhModel<double, S, nn::level_convention_of<S>>;

/// The loss of one sample at level i.
template <DiscreteSde S>
double loss_at(const S& sde, std::size_t level, const DiscreteScoreMatching& loss = {}) {
  const State64 x0 = normal_state({1, 5}, Noise{.seed = 1}.draw(0), 0.5);
  LossWorkspace<State64> work(x0);
  work.times()[0] = sde.training_time(level);
  Model<S> model(sde, weights);
  return loss(sde, model, x0, Noise{.seed = 2}.draw(0), work);
}

}  // namespace

TEST_CASE("the gradients of discrete losses equal finite differences for every chain") {
  const auto check = [](const auto& sde) {
    for (const bool mean : {false, true})
      for (const double gamma : {0.5, std::numeric_limits<double>::infinity()})
        test::check_loss_gradient(
            sde, DiscreteScoreMatching{.reduce_mean = mean, .min_snr_gamma = gamma});
  };
  check(DiscreteVpSde(1000));
  check(DdpmSde(cosine_betas(50)));
  check(DiscreteVeSde(1000));
  check(SmldSde(10));
}

TEST_CASE("DDPM's loss is the squared error of the predicted noise") {
  const DdpmSde sde(linear_betas(1000));
  const State64 x0 = normal_state({1, 5}, Noise{.seed = 1}.draw(0), 0.5);
  const State64 z = normal_state({1, 5}, Noise{.seed = 2}.draw(0));
  double alpha_bar = 1, sum = 0;
  for (const double beta : linear_betas(1000)) {
    alpha_bar *= 1 - beta;
    if (alpha_bar < 0.3) break;
  }
  std::size_t level = 0;
  while (sde.marginal_prob(sde.training_time(level)).mean > std::sqrt(0.3)) ++level;
  for (std::size_t e = 0; e < 5; ++e) {
    const double x = std::sqrt(alpha_bar) * x0(0, e) + std::sqrt(1 - alpha_bar) * z(0, e);
    const double predicted = std::tanh(weights[e] * x) * (1 + 0.001 * double(level));
    sum += (predicted - z(0, e)) * (predicted - z(0, e));
  }
  CHECK(loss_at(sde, level) == Approx(sum / 2).epsilon(1e-11));
  CHECK(loss_at(sde, level, {.reduce_mean = true}) == Approx(sum / 5).epsilon(1e-11));
}

TEST_CASE("SMLD's loss is sigma squared times the squared error of the score") {
  const SmldSde sde(10, {.sigma_min = 0.01, .sigma_max = 1});
  const State64 x0 = normal_state({1, 5}, Noise{.seed = 1}.draw(0), 0.5);
  const State64 z = normal_state({1, 5}, Noise{.seed = 2}.draw(0));
  const double sigma = 0.01 * std::pow(100.0, 7.0 / 9);
  double sum = 0;
  for (std::size_t e = 0; e < 5; ++e) {
    // Level 7 in ascending order is label 2 in descending order.
    const double score = std::tanh(weights[e] * (x0(0, e) + sigma * z(0, e))) * 1.002;
    sum += std::pow(sigma * (score + z(0, e) / sigma), 2);
  }
  CHECK(loss_at(sde, 7) == Approx(sum / 2).epsilon(1e-11));
}

TEST_CASE("levels are drawn equally often and depend only on seed, step and sample") {
  const DdpmSde sde(linear_betas(8));
  const DiscreteScoreMatching loss;
  std::vector<double> times(8000), tail(100);
  loss.draw_times(sde, TrainingDraws{.seed = 1, .step = 5}.time(), times);
  std::vector<int> count(8);
  for (const double t : times) ++count[training_level(sde, t)];
  // 1000 each, with a standard deviation of 30.
  for (const int n : count) CHECK(std::abs(n - 1000) < 150);
  loss.draw_times(sde, TrainingDraws{.seed = 1, .step = 5, .first_sample = 7900}.time(), tail);
  CHECK(std::equal(tail.begin(), tail.end(), times.begin() + 7900));
}

TEST_CASE("a discrete loss rejects times between levels and options out of range") {
  const DdpmSde sde(linear_betas(8));
  const State64 x0 = normal_state({1, 5}, Noise{.seed = 1}.draw(0));
  LossWorkspace<State64> work(x0);
  Model<DdpmSde> model(sde, weights);
  work.times()[0] = 0.3125;
  CHECK_THROWS_WITH(DiscreteScoreMatching{}(sde, model, x0, NoiseDraw{}, work),
                    Catch::Contains("0.3125 lies between levels, at 1.5"));
  CHECK_THROWS_WITH((DiscreteScoreMatching{.min_snr_gamma = -1}.check(sde)),
                    Catch::Contains("min_snr_gamma is -1"));
}
