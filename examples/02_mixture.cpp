// SPDX-License-Identifier: MIT
/// A mixture in the plane: sampled with its exact score, learned from the samples, sampled again.
//! [mixture]
#include <cstdio>

#include <scoresde/eigen/eigen_backend.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/networks.hpp>
#include <scoresde/scoresde.hpp>

/// Fractions of the samples to the left and above, and the mean square of all coordinates.
Eigen::Array3d summary(const Eigen::ArrayXXf& x) {
  const auto n = static_cast<double>(x.cols());
  return {static_cast<double>((x.row(0) < 0).count()) / n,
          static_cast<double>((x.row(1) > 1.5F).count()) / n, x.cast<double>().square().mean()};
}

int main() {
  // Weights 0.5, 0.3, 0.2; means (-2, 0), (2, 0), (0, 3); variances 0.1.
  const scoresde::VpSde sde;
  scoresde::GaussianMixture exact(sde, {0.5, 0.3, 0.2}, {-2, 0, 2, 0, 0, 3}, {0.1, 0.1, 0.1});
  const scoresde::ProbabilityFlow flow{sde, scoresde::AdaptiveRungeKutta<>{.rtol = 1e-4}};
  const scoresde::PredictorCorrector chain{sde, scoresde::Ancestral{},
                                           scoresde::uniform_grid(sde, 100)};

  Eigen::ArrayXXf data(2, 5'000), by_chain(2, 5'000);  // one column per sample
  flow.sample(exact, data, scoresde::Noise{.seed = 1});
  chain.sample(exact, by_chain, scoresde::Noise{.seed = 2});

  using Ops = scoresde::eigen::Ops<float>;
  const auto graph = scoresde::nn::mlp({.dim = 2, .width = 32, .depth = 2});
  scoresde::Trainer<Ops, scoresde::ScoreMatching<scoresde::VpSde>> trainer(
      graph, sde, {.optimizer = {.learning_rate = 5e-3, .warm_up = 50}, .ema = {.decay = 0.99}},
      250);
  for (int step = 0; step < 500; ++step)
    trainer.step({data.data() + 500 * (step % 20), 500});  // 250 points of two floats

  scoresde::nn::Network<Ops> network(graph, 1000, scoresde::nn::Mode::inference);
  scoresde::nn::ScoreNetwork learned(network, trainer.state().average, sde);
  Eigen::ArrayXXf by_network(2, 1'000);
  chain.sample(learned, by_network, scoresde::Noise{.seed = 3});

  // Left: 0.5 and half of the 0.2 in the middle; E‖x‖²/2 = (0.8·4 + 0.2·9)/2 + 0.1. Tolerance: four
  // standard errors, doubled for prior, steps and t_min; twice that for the network.
  const Eigen::Array3d right{0.6, 0.2, 2.6}, allowed{0.055, 0.045, 0.12};
  std::puts("             left    above  mean square");
  const auto wrong = [&](const char* name, const Eigen::ArrayXXf& x, double factor) {
    const Eigen::Array3d s = summary(x);
    std::printf("%-8s %8.4f %8.4f %12.4f\n", name, s[0], s[1], s[2]);
    return ((s - right).abs() < factor * allowed).all() ? 0 : 1;
  };
  return wrong("flow", data, 1) + wrong("chain", by_chain, 1) + wrong("network", by_network, 2);
}
//! [mixture]
