// SPDX-License-Identifier: MIT
#include "cli/table1_cells.hpp"

#include <scoresde/error.hpp>
#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/run_names.hpp>
#include <scoresde/registry/sampler_visit.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/time/time_grid.hpp>

#include "cli/sampling_options.hpp"

namespace programs {
namespace {

using scoresde::text;

/// Table 5.
double snr_of(const std::string& sde, const std::string& predictor) {
  return scoresde::usual_snr(
      scoresde::default_sde(scoresde::from_name<scoresde::SdeKind>("--table1", sde)), predictor);
}

}  // namespace

std::string TableCell::name() const {
  return text(sde, '/', sampler, predicts() ? "_" + predictor : "");
}

void TableCell::choose(SampleOptions& o) const {
  o.sde = sde;
  o.sampler.solver = "pc";
  o.sampler.predictor = predictor;
  o.sampler.corrector = corrections > 0 ? "langevin" : "none";
  if (corrections > 0) o.sampler.corrector_steps = corrections;
  o.sampler.steps = steps;
  o.sampler.grid = "uniform";
  o.sampler.snr = snr;
  o.sampler.variance = sde == "vp" ? "large" : "small";
}

std::vector<std::string> table1_samplers(std::size_t n) {
  return {text("P", n), text("P", 2 * n), text("C", 2 * n), text("PC", n)};
}
std::vector<std::string> table1_predictors() {
  return {"ancestral", "reverse_diffusion", "probability_flow"};
}
std::vector<std::string> table1_sdes() { return {"ve", "vp"}; }

std::vector<TableCell> table1_cells(std::size_t n) {
  const auto samplers = table1_samplers(n);
  std::vector<TableCell> cells;
  for (const std::string& sde : table1_sdes()) {
    const auto add_each = [&](const std::string& sampler, std::size_t steps,
                              std::size_t corrections) {
      for (const std::string& predictor : table1_predictors()) {
        cells.push_back({sde, predictor, sampler, steps, corrections, {}});
        if (corrections > 0) cells.back().snr = snr_of(sde, predictor);
      }
    };
    add_each(samplers[0], n, 0);
    add_each(samplers[1], 2 * n, 0);
    cells.push_back({sde, "none", samplers[2], n, 2, snr_of(sde, "none")});
    add_each(samplers[3], n, 1);
  }
  return cells;
}

double clamped_share(const TableCell& cell, const SampleOptions& o,
                     const scoresde::Metadata& configuration) {
  const auto other = other_sde(o);
  if (!other) {
    scoresde::sampled_sde(configuration).visit([&]<class S>(const S& sde) {
      if constexpr (scoresde::DiscreteSde<S>)
        scoresde::require_usage(cell.steps <= sde.training_steps(),
                                "--table1-steps: ", cell.sampler, " has ", cell.steps,
                                " steps; the network of ", o.checkpoint.string(), " has ",
                                sde.training_steps(), " levels");
    });
    return 0;
  }
  const auto trained = scoresde::trained_under(configuration);
  double clamped = 0;
  const auto grid = scoresde::uniform_grid(*other, cell.steps);
  for (const scoresde::TimeStep& step : grid) clamped += trained.changed(*other, step.t).clamped;
  return clamped / static_cast<double>(grid.size());
}

}  // namespace programs
