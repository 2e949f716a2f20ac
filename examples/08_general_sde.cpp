// SPDX-License-Identifier: MIT
/// An SDE with state-dependent terms: forward in time, backward as SDE, backward by its flow.
#include <cmath>
#include <cstdio>

#include <scoresde/scoresde.hpp>

using State = scoresde::HostState<double>;

//! [general_sde]
/// Geometric Brownian motion dx = μx dt + σx dw. From ln x₀ ~ N(0, v₀), ln x_t ~ N(m(t), v(t)).
struct GeometricBrownianMotion {
  double mu = 0.2, sigma = 0.6, v0 = 0.1;
  double drift(double x, double) const { return mu * x; }
  double diffusion(double x, double) const { return sigma * x; }
  double diffusion_derivative(double, double) const { return sigma; }

  double m(double t) const { return (mu - 0.5 * sigma * sigma) * t; }
  double v(double t) const { return v0 + sigma * sigma * t; }
};
static_assert(scoresde::GeneralSdeWithDerivative<GeometricBrownianMotion>);
//! [general_sde]

/// True if ln x is N(m(t), v(t)) within 4 standard errors and a discretization error of 0.003.
bool check(const char* name, const State& x, double t, const GeometricBrownianMotion& sde) {
  const auto n = static_cast<double>(x.size());
  double mean = 0, variance = 0;
  for (std::size_t i = 0; i < x.size(); ++i) mean += std::log(x.data()[i]) / n;
  for (std::size_t i = 0; i < x.size(); ++i)
    variance += std::pow(std::log(x.data()[i]) - mean, 2) / n;
  std::printf("%-8s t = %.0f   mean of ln x %7.4f, exactly %7.4f   variance %.4f, exactly %.4f\n",
              name, t, mean, sde.m(t), variance, sde.v(t));
  return std::abs(mean - sde.m(t)) < 4 * std::sqrt(sde.v(t) / n) + 0.003 &&
         std::abs(variance - sde.v(t)) < 4 * sde.v(t) * std::sqrt(2 / n) + 0.003;
}

int main() {
  const GeometricBrownianMotion sde;
  State x({20'000, 1});
  scoresde::draw_prior(x, std::sqrt(sde.v0), scoresde::Noise{.seed = 1}.draw(0));
  for (double* value = x.data(); value != x.data() + x.size(); ++value) *value = std::exp(*value);

  //! [runs]
  const scoresde::TimeGrid back = scoresde::uniform_grid(1, 0, 200);
  const scoresde::Simulation forth{sde, scoresde::Milstein{}, back.reversed()};
  forth.run(x, scoresde::Noise{.seed = 2});

  auto model = scoresde::score_function([&](const State& at, double t, State& score) {
    for (std::size_t i = 0; i < at.size(); ++i)
      score.data()[i] = -(1 + (std::log(at.data()[i]) - sde.m(t)) / sde.v(t)) / at.data()[i];
  });
  State by_sde = x, by_flow = x;
  const scoresde::ReverseSimulation reverse{sde, scoresde::EulerMaruyama{}, back};
  reverse.run(model, by_sde, scoresde::Noise{.seed = 3});
  scoresde::GeneralProbabilityFlow{sde, scoresde::Heun{}, back}.run(model, by_flow);
  //! [runs]
  const bool right[] = {check("forth", x, 1, sde), check("back", by_sde, 0, sde),
                        check("flow", by_flow, 0, sde)};
  return right[0] && right[1] && right[2] ? 0 : 1;
}
