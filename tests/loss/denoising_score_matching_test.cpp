// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <vector>

#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/loss/trainable_score_model.hpp>
#include <scoresde/loss/training_draws.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/log_snr.hpp>

#include "loss/loss_gradient.hpp"
#include "loss/tanh_model.hpp"
#include "support/catch.hpp"

using namespace scoresde;

namespace {

using test::check_loss_gradient;
using test::normal_state;
using test::State64;

/// The exact score of data N(0, deviation²·I), scaled by a parameter θ: F = −θ·x/(mean²d² + std²).
template <Sde S>
struct ScaledGaussianScore {
  using Scalar = double;
  S sde;
  double deviation = 1;
  double theta = 1;
  const State64* x = nullptr;
  std::vector<double> variance{};

  [[nodiscard]] ScoreForm score_form(double) const { return {0, 1}; }
  void evaluate(const State64& state, double t, State64& output) {
    evaluate(state, std::vector<double>(state.extents().samples, t), output);
  }
  void evaluate(const State64& state, std::span<const double> times, State64& output) {
    x = &state;
    variance.clear();
    for (std::size_t k = 0; k < times.size(); ++k) {
      const auto [mean, std] = sde.marginal_prob(times[k]);
      variance.push_back(mean * mean * deviation * deviation + std * std);
      for (std::size_t e = 0; e < state.extents().dim; ++e)
        output(k, e) = -theta * state(k, e) / variance[k];
    }
  }
  /// The contribution of sample k to ∂loss/∂θ.
  [[nodiscard]] double gradient(const State64& v, std::size_t k) const {
    double sum = 0;
    for (std::size_t e = 0; e < v.extents().dim; ++e) sum -= v(k, e) * (*x)(k, e) / variance[k];
    return sum;
  }
};

/// For the exact score r ~ N(0, mean²d²/V) elementwise, and r is independent of x_t.
template <Sde S>
void check_minimizer(const S& sde, bool likelihood) {
  const std::size_t dim = 40000;
  const double deviation = 0.6;
  const std::vector<double> times{0.02, 0.3, 0.7, 1.0};
  const Noise noise{.seed = 17};
  const State64 x0 = normal_state({times.size(), dim}, noise.draw(0), deviation);
  LossWorkspace<State64> work(x0);
  std::copy(times.begin(), times.end(), work.times().begin());
  ScaledGaussianScore<S> model{sde, deviation};
  const DenoisingScoreMatching loss{.likelihood_weighting = likelihood, .reduce_mean = true};
  loss(sde, model, x0, noise.draw(1), work);
  for (std::size_t k = 0; k < times.size(); ++k) {
    const auto [mean, std] = sde.marginal_prob(times[k]);
    const double g = sde.diffusion(times[k]);
    const double weight = likelihood ? g * g / (std * std) : 1.0;
    const double signal = mean * mean * deviation * deviation, total = signal + std * std;
    const double exact = weight * signal / total;
    const double standard_error = exact * std::sqrt(2.0 / double(dim));
    CAPTURE(times[k], likelihood);
    CHECK(std::abs(work.losses()[k] - exact) < 5 * standard_error);
    // ∂loss/∂θ is a mean of −2·w·std·r·x/V over dim elements, averaged over the samples.
    const double gradient_error = 2 * weight * std * std::sqrt(signal / total / total) /
                                  std::sqrt(double(dim)) / double(times.size());
    CHECK(std::abs(model.gradient(work.output_gradient(), k)) < 5 * gradient_error);
  }
}

}  // namespace

TEST_CASE("the loss gradient equals finite differences for every SDE, weighting and reduction") {
  const auto check = [](const auto& sde) {
    for (const bool likelihood : {false, true})
      for (const bool mean : {false, true})
        for (const double gamma : {5.0, std::numeric_limits<double>::infinity()})
          check_loss_gradient(sde, DenoisingScoreMatching{.likelihood_weighting = likelihood,
                                                          .reduce_mean = mean,
                                                          .min_snr_gamma = gamma});
  };
  check(VpSde{});
  check(VeSde{});
  check(SubVpSde{});
}

TEST_CASE("min-SNR-gamma keeps the weight at low SNR and reduces it at high SNR") {
  const VpSde sde;
  const Noise noise{.seed = 4};
  const State64 x0 = normal_state({2, 6}, noise.draw(0));
  LossWorkspace<State64> plain(x0), capped(x0);
  test::TanhModel<double, VpSde> model(sde, {0.7, -0.4, 1.1, 0.2, -0.9, 0.1});
  for (LossWorkspace<State64>* work : {&plain, &capped}) {
    work->times()[0] = 0.01;
    work->times()[1] = 0.8;
  }
  DenoisingScoreMatching{}(sde, model, x0, noise.draw(1), plain);
  DenoisingScoreMatching{.min_snr_gamma = 5}(sde, model, x0, noise.draw(1), capped);
  const double snr = std::exp(log_snr(sde, 0.01));
  REQUIRE(snr > 50);
  CHECK(capped.losses()[0] == Approx(5 / snr * plain.losses()[0]).epsilon(1e-12));
  CHECK(capped.losses()[1] == plain.losses()[1]);
}

TEST_CASE("the exact score attains the closed-form minimum with zero gradient") {
  for (const bool likelihood : {false, true}) {
    check_minimizer(VpSde{}, likelihood);
    check_minimizer(VeSde{}, likelihood);
    check_minimizer(SubVpSde{}, likelihood);
  }
}

TEST_CASE("an inexact score has a larger loss and a nonzero gradient") {
  const Noise noise{.seed = 17};
  const VpSde sde;
  const State64 x0 = normal_state({1, 40000}, noise.draw(0), 0.6);
  LossWorkspace<State64> work(x0);
  work.times()[0] = 0.3;
  const DenoisingScoreMatching loss{.reduce_mean = true};
  ScaledGaussianScore<VpSde> exact{sde, 0.6}, wrong{sde, 0.6, 1.2};
  const double best = loss(sde, exact, x0, noise.draw(1), work);
  const double worse = loss(sde, wrong, x0, noise.draw(1), work);
  CHECK(worse > best + 0.02);
  CHECK(wrong.gradient(work.output_gradient(), 0) > 0.1);
}

TEST_CASE("half the sum instead of the mean scales loss and gradient by dim/2") {
  const VpSde sde;
  const Noise noise{.seed = 4};
  const State64 x0 = normal_state({2, 6}, noise.draw(0));
  LossWorkspace<State64> mean(x0), sum(x0);
  test::TanhModel<double, VpSde> model(sde, {0.7, -0.4, 1.1, 0.2, -0.9, 0.1});
  for (LossWorkspace<State64>* work : {&mean, &sum}) {
    work->times()[0] = 0.2;
    work->times()[1] = 0.8;
  }
  const double a = DenoisingScoreMatching{.reduce_mean = true}(sde, model, x0, noise.draw(1), mean);
  const double b = DenoisingScoreMatching{.reduce_mean = false}(sde, model, x0, noise.draw(1), sum);
  CHECK(b == Approx(3 * a).epsilon(1e-14));
  for (std::size_t e = 0; e < 6; ++e)
    CHECK(sum.output_gradient()(1, e) == Approx(3 * mean.output_gradient()(1, e)).epsilon(1e-13));
}

TEST_CASE("a batch in parts uses the same times and noise and adds up to the same loss") {
  const VpSde sde;
  const State64 x0 = normal_state({4, 5}, Noise{.seed = 1}.draw(0));
  const DenoisingScoreMatching loss{};
  test::TanhModel<double, VpSde> model(sde, {0.7, -0.4, 1.1, 0.2, -0.9});
  const auto part = [&](std::uint32_t first, std::size_t count, std::vector<double>& gradient) {
    State64 x({count, 5});
    std::copy_n(x0.data() + first * 5, x.size(), x.data());
    LossWorkspace<State64> work(x);
    const TrainingDraws draws{.seed = 8, .step = 3, .first_sample = first};
    loss.draw_times(sde, draws.time(), work.times());
    const double share = double(count) / 4;
    const double value = loss(sde, model, x, draws.noise(), work, share);
    model.backward(work.output_gradient(), gradient);
    return share * value;
  };
  std::vector<double> whole(5, 0.0), parts(5, 0.0);
  const double together = part(0, 4, whole);
  const double apart = part(0, 1, parts) + part(1, 3, parts);
  CHECK(apart == Approx(together).epsilon(1e-14));
  for (std::size_t e = 0; e < 5; ++e) CHECK(parts[e] == Approx(whole[e]).epsilon(1e-12));
}

TEST_CASE("a named draw and the same normals given as a state give the same loss") {
  const VeSde sde;
  const Noise noise{.seed = 4};
  const State64 x0 = normal_state({2, 5}, noise.draw(0)), z = normal_state({2, 5}, noise.draw(7));
  LossWorkspace<State64> work(x0);
  work.times()[0] = 0.1;
  work.times()[1] = 0.9;
  test::TanhModel<double, VeSde> model(sde, {0.7, -0.4, 1.1, 0.2, -0.9});
  const DenoisingScoreMatching loss{};
  const double named = loss(sde, model, x0, noise.draw(7), work);
  CHECK(loss(sde, model, x0, z, work) == Approx(named).epsilon(1e-14));
}

TEST_CASE("training times lie in (epsilon, T) and depend only on seed, step and sample") {
  const VpSde sde;
  const DenoisingScoreMatching loss{.epsilon = 0.25};
  std::vector<double> times(4096), tail(96);
  loss.draw_times(sde, TrainingDraws{.seed = 1, .step = 5}.time(), times);
  for (const double t : times) CHECK((t > 0.25 && t < 1));
  const double mean = std::accumulate(times.begin(), times.end(), 0.0) / 4096;
  CHECK(std::abs(mean - 0.625) < 5 * 0.75 / std::sqrt(12.0 * 4096));
  loss.draw_times(sde, TrainingDraws{.seed = 1, .step = 5, .first_sample = 4000}.time(), tail);
  CHECK(std::equal(tail.begin(), tail.end(), times.begin() + 4000));
  loss.draw_times(sde, TrainingDraws{.seed = 1, .step = 6}.time(), tail);
  CHECK(tail[0] != times[0]);
}

TEST_CASE("the draws of a step for time, noise and dropout are disjoint") {
  const TrainingDraws draws{.seed = 3, .step = 9, .first_sample = 2};
  CHECK(draws.time().index != draws.noise().index);
  CHECK(draws.noise().index != draws.dropout().index);
  CHECK(draws.dropout().first_sample == 2);
}

TEST_CASE("the loss rejects an epsilon beyond T and a batch of other extents") {
  CHECK_THROWS_WITH((DenoisingScoreMatching{.epsilon = 1}.time(VpSde{}, 0.5)),
                    Catch::Contains("epsilon is 1") && Catch::Contains("[0, 1)"));
  CHECK_THROWS_AS((DenoisingScoreMatching{.epsilon = -0.1}.time(VpSde{}, 0.5)), Error);
  CHECK_THROWS_WITH((DenoisingScoreMatching{.min_snr_gamma = 0}.check(VpSde{})),
                    Catch::Contains("min_snr_gamma is 0"));
  const VpSde sde;
  test::TanhModel<double, VpSde> model(sde, {1, 1});
  LossWorkspace<State64> work(State64({2, 2}));
  CHECK_THROWS_WITH((DenoisingScoreMatching{}(sde, model, State64({3, 2}), NoiseDraw{}, work)),
                    Catch::Contains("3 samples of dimension 2"));
}
