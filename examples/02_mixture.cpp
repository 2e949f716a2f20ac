// SPDX-License-Identifier: MIT
/// One mixture in the plane, sampled by the probability-flow ODE and by predictor and corrector.
#include <array>
#include <cmath>
#include <cstdio>

#include <scoresde/eigen/eigen_backend.hpp>
#include <scoresde/scoresde.hpp>

namespace {

/// Fractions of the samples to the left and above, and the mean square of all coordinates.
std::array<double, 3> summary(const Eigen::ArrayXXd& x) {
  const auto n = static_cast<double>(x.cols());
  return {static_cast<double>((x.row(0) < 0).count()) / n,
          static_cast<double>((x.row(1) > 1.5).count()) / n, x.square().mean()};
}

void print(const char* name, std::size_t nfe, const std::array<double, 3>& s) {
  std::printf("%-6s %5zu %8.4f %8.4f %12.4f\n", name, nfe, s[0], s[1], s[2]);
}

}  // namespace

int main() {
  //! [mixture]
  // Weights 0.5, 0.3, 0.2; means (-2, 0), (2, 0), (0, 3); variances 0.1.
  const scoresde::VpSde sde;
  scoresde::GaussianMixture model(sde, {0.5, 0.3, 0.2}, {-2, 0, 2, 0, 0, 3}, {0.1, 0.1, 0.1});

  const scoresde::ProbabilityFlow flow{sde, scoresde::AdaptiveRungeKutta<>{.rtol = 1e-5}};
  const scoresde::PredictorCorrector chain{
      sde, scoresde::Ancestral{},
      scoresde::Langevin{.snr = 0.1, .norm_scope = scoresde::NormScope::batch_mean},
      scoresde::uniform_grid(sde, 200)};

  Eigen::ArrayXXd by_flow(2, 20'000), by_chain(2, 20'000);  // one column per sample
  const auto flow_run = flow.sample(model, by_flow, scoresde::Noise{.seed = 1});
  const auto chain_run = chain.sample(model, by_chain, scoresde::Noise{.seed = 2});
  //! [mixture]

  // Half lie left and half of the fifth in the middle; E‖x‖²/2 = (0.8·4 + 0.2·9)/2 + 0.1.
  const std::array<double, 3> exact{0.6, 0.2, 2.6};
  std::printf("%-6s %5s %8s %8s %12s\n", "", "nfe", "left", "above", "mean square");
  print("flow", flow_run.nfe, summary(by_flow));
  print("chain", chain_run.nfe, summary(by_chain));
  print("exact", 0, exact);

  // Four standard errors of 20 000 samples, and as much again for what the prior, the steps of the
  // chain and the data's end at t_min leave.
  const std::array<double, 3> allowed{0.028, 0.023, 0.06};
  bool right = true;
  for (const auto& found : {summary(by_flow), summary(by_chain)})
    for (std::size_t i = 0; i < 3; ++i) right = right && std::abs(found[i] - exact[i]) < allowed[i];
  return right ? 0 : 1;
}
