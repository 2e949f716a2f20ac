// SPDX-License-Identifier: MIT
/// A model whose evaluate takes its output by value writes to a copy.
// expect: sampler: the model is not a score model for this state; it needs evaluate(const State& x,
// double t, State& output) and score_form(double t)
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/solver/dpm_solver.hpp>
#include <scoresde/state/host_state.hpp>

using Batch = scoresde::HostState<double>;

struct Model {
  void evaluate(const Batch& x, double, Batch output) { output = x; }
  scoresde::ScoreForm score_form(double) const { return {}; }
};

int main() {
  const scoresde::VpSde sde;
  const scoresde::SolverSampler sampler{sde, scoresde::DdimSolver{}, uniform_grid(sde, 10)};
  Model model;
  Batch x({4, 3});
  sampler.sample(model, x, scoresde::Noise{});
}
