// SPDX-License-Identifier: MIT
/// A user-defined sampler: its order measured, and compared with others of equal cost.
#include <cmath>
#include <cstdio>
#include <vector>

#include <scoresde/scoresde.hpp>
#include <scoresde/testing/convergence_order.hpp>

using namespace scoresde;
//! [own_sampler]
/// The midpoint rule on the probability flow dx/dt = f x − ½g² ∇log p: two evaluations per step.
struct MidpointFlow {
  static constexpr std::size_t buffers = 2;
  VpSde sde;
  TimeGrid steps;
  const TimeGrid& grid() const { return steps; }
  template <class M, class X, class N>
  SamplerStatistics integrate(M& model, X& x, const N&, Workspace<X, buffers>& work) const {
    const auto step = [&](X& out, const X& at, double t, double h) {  // out ← x + h·(dx/dt)(at, t)
      const ProbabilityFlowField<VpSde, M> field{sde, model};
      const auto [state, output] = field.form(t);
      field.evaluate(at, t, work[0]);
      assign(out, {{1, x}, {h * state, at}, {h * output, work[0]}});
    };
    for (const auto& [t, t_next] : steps) {
      step(work[1], x, t, (t_next - t) / 2);
      step(x, work[1], (t + t_next) / 2, t_next - t);
    }
    return {.nfe = 2 * steps.size(), .accepted = steps.size()};
  }
  template <class M, class X, class N>
  SamplerStatistics sample(M& model, X& x, const N& noise) const {
    draw_prior(sde, steps.front().t, x, noise.draw(0));
    Workspace<X, buffers> work(x);
    return integrate(model, x, noise, work);
  }
};
static_assert(Sampler<MidpointFlow, Gaussian<VpSde>, HostState<double>, Noise>);
//! [own_sampler]

int main() {
  //! [compare]
  const VpSde sde;
  Gaussian data(sde, {1.0, -2.0}, {0.25, 0.04});
  const HostState<double> start({2, 2}, {1.1, -0.4, -0.8, 0.3});
  std::vector<testing::ConvergencePoint> points;
  for (const std::size_t steps : {20, 40, 80, 160}) {
    const TimeGrid grid = log_snr_grid(sde, steps), fine = log_snr_grid(sde, 2 * steps);
    const SolverSampler other{sde, DpmSolverPlusPlus<2>{}, fine, {FinalStep::keep_noise}};
    const double error = testing::flow_error(MidpointFlow{sde, grid}, data, data, start);
    points.push_back({double(steps), error});
    std::printf("%3zu evaluations: midpoint %.1e, DPM-Solver++ 2M %.1e\n", other.nfe(), error,
                testing::flow_error(other, data, data, start));
  }
  const double order = testing::observed_order(points).order;
  std::printf("observed order %.2f\n", order);
  //! [compare]
  return std::abs(order - 2) < 0.15 ? 0 : 1;
}
