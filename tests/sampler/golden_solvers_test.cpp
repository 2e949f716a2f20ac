// SPDX-License-Identifier: MIT
/// Fast solvers compared with their authors' code, on the exact score of a mixture, in double and
/// float.
#include <string>
#include <vector>

#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/solver/solver_table.hpp>
#include <scoresde/time/log_snr_grid.hpp>

#include "support/catch.hpp"
#include "support/golden_sampling.hpp"

using namespace scoresde;
using golden_sampling::Case;

namespace {

VpSde sde_of(const Case& c) {
  return VpSde(
      {.beta_min = c.entry.value("beta_min", 0.1), .beta_max = c.entry.value("beta_max", 20.0)});
}

TimeGrid grid_of(const Case& c, int order) {
  const std::string skip = c.entry.at("skip");
  const std::size_t steps = c.entry.at("steps");
  const double eps = c.entry.at("t_end"), first = c.entry.value("t_start", 1.0);
  if (skip == "time_uniform") return uniform_grid(first, eps, steps);
  if (skip == "time_quadratic") return quadratic_grid(first, eps, steps);
  if (skip != "logSNR") throw Error("golden case " + c.name + ": unknown skip " + skip);
  if (c.entry.value("method", "multistep") == "multistep")
    return log_snr_grid(sde_of(c), first, eps, steps);
  return single_step_log_snr_grid(sde_of(c), first, eps, steps, order);
}

/// ε, x₀ and the score represent the same model; the prediction must not change the result.
template <class T>
void run(const Case& c, const SolverTable& solver, const TimeGrid& grid) {
  using X = HostState<T>;
  const VpSde sde = sde_of(c);
  const SolverSampler sampler{sde, solver, grid, {.final_step = FinalStep::keep_noise}};
  GaussianMixture data(sde, c.file->at("weights").template as<double>(),
                       c.file->at("means").template as<double>(),
                       c.file->at("variances").template as<double>());
  X x = golden_sampling::state<T>(c, "x_T");
  Workspace<X, sampler.buffers> work(x);
  const SamplerStatistics done = sampler.integrate(data, x, Noise{}, work);
  INFO(c.name);
  CHECK(done.nfe == sampler.nfe());
  CHECK(done.nfe == c.entry.at("steps").template get<std::size_t>());
  CHECK(golden_sampling::relative_error(x, c.file->at(c.name + ".x_0").template as<double>()) <=
        golden_sampling::tolerance<T>);
}

template <class T, class Solver>
void solve(const Case& c, const Solver& solver) {
  const TimeGrid grid = grid_of(c, Solver::order);
  run<T>(c, solver_table(solver, sde_of(c), grid), grid);
}

/// Calls use(integral_constant) for the order that the case names.
template <int Highest, class Use>
void with_order(const Case& c, Use use) {
  const int order = c.entry.at("order");
  if (order == Highest)
    use(std::integral_constant<int, Highest>{});
  else if constexpr (Highest > 1)
    with_order<Highest - 1>(c, use);
  else
    throw Error("golden case " + c.name + ": unknown order");
}

template <class T, Prediction P>
void check_dpm(const Case& c) {
  const SolverForm form =
      c.entry.at("solver_type") == "taylor" ? SolverForm::taylor : SolverForm::dpm_solver;
  with_order<3>(c, [&](auto order) {
    if (c.entry.at("method") == "singlestep")
      solve<T>(c, ExponentialSingleStep<order(), P>{.form = form});
    else if (c.entry.at("method") == "multistep")
      solve<T>(c, ExponentialMultistep<order(), P>{.form = form,
                                                   .second_difference = SecondDifference::halved});
    else
      FAIL("unknown method in " << c.name);
  });
}

template <class T>
void check_unipc(const Case& c) {
  const auto variant = c.entry.at("variant") == "bh1" ? UniPcVariant::bh1 : UniPcVariant::bh2;
  const auto prediction =
      c.entry.at("prediction") == "noise_prediction" ? Prediction::noise : Prediction::data;
  with_order<4>(c, [&](auto order) {
    solve<T>(c, UniPc<order()>{.variant = variant, .prediction = prediction});
  });
}

template <class T>
void check(const Case& c) {
  const std::string algorithm = c.entry.at("algorithm");
  if (algorithm == "dpmsolver")
    check_dpm<T, Prediction::noise>(c);
  else if (algorithm == "dpmsolver++")
    check_dpm<T, Prediction::data>(c);
  else if (algorithm == "unipc")
    check_unipc<T>(c);
  else
    FAIL("unknown algorithm in " << c.name);
}

}  // namespace

TEST_CASE("fast solvers equal their authors' code in double and float", "[golden]") {
  const std::size_t count =
      golden_sampling::for_each_case({"algorithm", "order", "skip", "steps"}, [](const Case& c) {
        check<double>(c);
        check<float>(c);
      });
  golden::require_cases(count, "golden solver runs");
  if (std::getenv("SCORESDE_GOLDEN_DIR") == nullptr) CHECK(count >= 90);
}
