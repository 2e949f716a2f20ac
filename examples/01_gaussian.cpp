// SPDX-License-Identifier: MIT
/// Samples a Gaussian from its exact score.
//! [gaussian]
#include <iostream>

#include <scoresde/eigen/eigen_backend.hpp>
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  const scoresde::PredictorCorrector sampler{sde, scoresde::ReverseDiffusion{},
                                             scoresde::log_snr_grid(sde, 500)};

  // Data ~ N(mean, ¼ I): the score is known in closed form at every t.
  const Eigen::Array2d mean{1.0, -2.0};
  auto model =
      scoresde::score_function([&](const Eigen::ArrayXXd& x, double t, Eigen::ArrayXXd& score) {
        const scoresde::MarginalProb p = sde.marginal_prob(t);
        score =
            ((p.mean * mean).replicate(1, x.cols()) - x) / (0.25 * p.mean * p.mean + p.std * p.std);
      });

  Eigen::ArrayXXd x(2, 10'000);  // one column per sample
  sampler.sample(model, x, scoresde::Noise{.seed = 42});
  const Eigen::Array2d found = x.rowwise().mean();
  std::cout << "mean " << found.transpose() << '\n'                           // near 1 -2
            << "variance " << (x.colwise() - found).square().mean() << '\n';  // near 0.25
}
//! [gaussian]
