// SPDX-License-Identifier: MIT
/// Three classes in the plane, learned by one network and sampled with increasing guidance.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

#include <scoresde/eigen/eigen_backend.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/networks.hpp>
#include <scoresde/scoresde.hpp>

/// Point k belongs to class k mod 3, N(mean, 0.49 I).
constexpr float mean[3][2] = {{-1, -0.5F}, {1, -0.5F}, {0, 1}};

/// How many points lie nearest to the mean of their own class.
int at_home(const Eigen::ArrayXXf& x) {
  int count = 0;
  for (Eigen::Index k = 0; k < x.cols(); ++k) {
    const auto to_class = [&](Eigen::Index c) {
      return std::hypot(x(0, k) - mean[c % 3][0], x(1, k) - mean[c % 3][1]);
    };
    count += to_class(k) < to_class(k + 1) && to_class(k) < to_class(k + 2);
  }
  return count;
}

int main() {
  const scoresde::VpSde sde;
  //! [guidance]
  using Ops = scoresde::eigen::Ops<float>;
  const auto graph = scoresde::nn::mlp({.dim = 2, .width = 32, .depth = 2, .num_class_embeds = 3});
  scoresde::TrainingConfiguration settings{.label_dropout = 0.2};
  settings.optimizer = {.learning_rate = 5e-3, .warm_up = 50};
  scoresde::Trainer<Ops, scoresde::ScoreMatching<scoresde::VpSde>> trainer(graph, sde, settings,
                                                                           300);
  Eigen::ArrayXXf x(2, 300);  // one column per point
  std::vector<std::uint32_t> classes(300);
  for (std::size_t k = 0; k < 300; ++k) classes[k] = k % 3;
  for (std::uint64_t step = 0; step < 500; ++step) {
    scoresde::draw_prior(x, 0.7, scoresde::Noise{.seed = 1}.draw(step));
    for (Eigen::Index i = 0; i < 600; ++i) x(i % 2, i / 2) += mean[i / 2 % 3][i % 2];
    trainer.step({x.data(), 600}, classes);
  }
  scoresde::nn::Network<Ops> network(graph, 300, scoresde::nn::Mode::inference);
  scoresde::nn::ScoreNetwork learned(network, trainer.state().average, sde);
  scoresde::nn::ClassConditional of_class(learned, classes);
  scoresde::nn::ClassConditional of_none(learned, 300, scoresde::nn::no_class);
  //! [guidance]
  for (const double weight : {0.0, 1.0, 4.0}) {
    //! [guided]
    auto guided = scoresde::classifier_free_guidance(of_class, of_none, weight);
    scoresde::SolverSampler{sde, scoresde::DpmSolverPlusPlus<2>{}, scoresde::log_snr_grid(sde, 20)}
        .sample(guided, x, scoresde::Noise{.seed = 2});
    //! [guided]
    const int own = at_home(x);
    std::printf("w = %g: %d of 300 points lie nearest to their own class\n", weight, own);
    if (weight > 0 ? own < 290 : std::abs(own - 253) > 24) return 1;  // 253 +- 6 for exact samples
  }
}
