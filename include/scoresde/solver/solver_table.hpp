// SPDX-License-Identifier: MIT
/// SolverTable: the stages of any solver as one type.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include <scoresde/sde/sde.hpp>
#include <scoresde/solver/solver.hpp>
#include <scoresde/time/log_snr.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// The precomputed stages of any solver, so that programs that choose at run time instantiate a
/// single sampler.
struct SolverTable {
  static constexpr std::size_t history = 6;
  static constexpr bool counted_at_run_time = true;

  int order = 1;
  Prediction prediction = Prediction::data;
  std::vector<SolverStage> to_eps, to_data;

  /// The precomputed stages; the arguments must be the SDE and grid they were computed for.
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S&, const TimeGrid&) const {
    return to_eps;
  }
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages_to_data(const S&, const TimeGrid&) const {
    return to_data;
  }
};

/// The stages of a solver; to_eps is empty for a grid that ends at noise-free data, which no step
/// in λ reaches. Throws Error for members and grids that the solver rejects.
template <class R, Sde S>
[[nodiscard]] SolverTable solver_table(const R& solver, const S& sde, const TimeGrid& grid) {
  static_assert(Solver<R, S>, "solver_table: the first argument is not a solver for this SDE");
  static_assert(R::history <= SolverTable::history);
  if constexpr (requires { solver.validate(); }) solver.validate();
  SolverTable table{solver.order, solver.prediction, {}, {}};
  if (std::isfinite(log_snr(sde, grid.back().t_next))) table.to_eps = solver.stages(sde, grid);
  if (grid.generates()) table.to_data = stages_to_data(solver, sde, grid);
  return table;
}

}  // namespace scoresde
