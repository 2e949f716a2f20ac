// SPDX-License-Identifier: MIT
/// Every name of the registry as a sampler, over an analytic score.
#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <scoresde/noise/noise.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/chain_settings.hpp>
#include <scoresde/registry/class_choice.hpp>
#include <scoresde/registry/preset_list.hpp>
#include <scoresde/registry/sampler_aliases.hpp>
#include <scoresde/registry/sampler_registry.hpp>
#include <scoresde/registry/sampler_visit.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/sde/ddpm_betas.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/time_grid.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

/// The score of N(0, 0.25 I) under any SDE.
struct QuarterGaussian {
  AnySde sde;
  std::function<void(double)> on_time = [](double) {};  ///< called with the time of an evaluation
  std::size_t evaluations = 0;

  [[nodiscard]] ScoreForm score_form(double) const { return {0, 1}; }
  void evaluate(const HostState<double>& x, double t, HostState<double>& output) {
    const std::vector<double> times(x.extents().samples, t);
    evaluate(x, std::span<const double>(times), output);
  }
  void evaluate(const HostState<double>& x, std::span<const double> times,
                HostState<double>& output) {
    ++evaluations;
    on_time(times[0]);
    for (std::size_t k = 0; k < times.size(); ++k) {
      const MarginalProb p = sde.marginal_prob(times[k]);
      const double variance = 0.25 * p.mean * p.mean + p.std * p.std;
      for (std::size_t e = 0; e < x.extents().dim; ++e) output[k][e] = -x[k][e] / variance;
    }
  }
};

struct Sampled {
  std::size_t nfe = 0;
  double variance = 0;
};

Sampled sampled(
    SamplerChoice choice, const AnySde& sde = VpSde(), std::size_t samples = 256,
    const std::function<void(double)>& on_time = [](double) {}) {
  resolve_defaults(choice, {});
  resolve_defaults(sde, choice);
  Sampled found;
  visit_sampler(sde, choice, [&](const auto& sampler) {
    QuarterGaussian model{sde, on_time};
    HostState<double> x({4, samples});
    sampler.sample(model, x, Noise{.seed = 5});
    found.nfe = model.evaluations;
    for (std::size_t i = 0; i < x.size(); ++i)
      found.variance += x.data()[i] * x.data()[i] / double(x.size());
  });
  return found;
}

SamplerChoice choice_of(const std::string& solver, std::size_t steps) {
  SamplerChoice choice;
  choice.solver = solver;
  choice.steps = steps;
  return choice;
}

}  // namespace

TEST_CASE("every solver of the registry samples with the evaluations of its row") {
  for (const std::string& name : sampler_names("--solver")) {
    if (name == "pc") continue;
    CAPTURE(name);
    const SamplerRow& row = sampler_row("--solver", name);
    const std::size_t steps = row.uses_time_grid() ? 100 : 0;
    const Sampled found = sampled(choice_of(name, steps));
    CHECK(found.variance == Approx(0.25).epsilon(row.stochastic ? 0.2 : 0.12));
    if (!row.uses_time_grid() || name == "restart") continue;
    SamplerChoice resolved = choice_of(name, steps);
    resolve_defaults(resolved, {});
    CHECK(found.nfe == detail::evaluations(resolved, steps));
  }
}

namespace {

/// Samples from a network of discrete levels; every evaluation must be at a time at which its
/// convention has a label.
void sample_at_levels(const SamplerChoice& choice, const Metadata& network) {
  std::function<void(double)> on_time;
  const AnySde sde = visit_sampled_score(network, [&](const auto& own, const auto& convention) {
    on_time = [=](double t) { static_cast<void>(convention.label(own, t)); };
    return AnySde(own);
  });
  const Sampled found = sampled(choice, sde, 8, on_time);
  REQUIRE(std::isfinite(found.variance));
  // Fewer are unstable for some; the probability flow's steps spread samples most.
  const double most = choice.predictor == "probability_flow" ? 3 : 2;
  if (choice.steps >= 30) CHECK(found.variance < most);
}

/// Whether the choice samples; if not, it must be rejected by its options before the first step.
bool samples_at_levels(const SamplerChoice& choice, const Metadata& network) {
  try {
    sample_at_levels(choice, network);
    return true;
  } catch (const UsageError& failure) {
    CHECK_THAT(failure.what(), Contains("--grid " + choice.grid));
    return false;
  } catch (const Error& failure) {
    FAIL_CHECK(failure.what());
    return false;
  }
}

/// A network of 50 levels of score_sde's VP.
Metadata fifty_levels(bool zero_terminal_snr) {
  Metadata network = describe(BetaList{
      .levels = 50, .first = 0.1 / 50, .last = 20.0 / 50, .zero_terminal_snr = zero_terminal_snr});
  network["training.loss"] = "discrete";
  return network;
}

}  // namespace

TEST_CASE("every spacing of timesteps samples with every sampler, or is rejected by its options",
          "[slow]") {
  const Metadata usual = fifty_levels(false), zero_snr = fifty_levels(true);
  std::vector<SamplerChoice> choices;
  for (const SamplerRow& row : sampler_rows()) {
    const bool solver = row.family == SamplerFamily::fast;
    if (!solver && row.option != "--predictor") continue;
    SamplerChoice choice = choice_of(solver ? row.name : "pc", 0);
    if (!solver && row.name == "none") continue;
    if (!solver) choice.predictor = row.name, choice.corrector = "none";
    choices.push_back(choice);
  }
  for (SamplerChoice& choice : choices)
    for (const char* grid : {"leading", "linspace", "trailing"})
      for (const std::size_t steps : {1u, 2u, 5u, 7u, 10u, 30u, 49u, 50u, 51u})
        for (const std::size_t offset : {0u, 1u}) {
          if (offset == 1 && choice.grid != "leading") continue;
          choice.grid = grid;
          choice.steps = steps;
          choice.steps_offset = offset;
          CAPTURE(grid, steps, offset, choice.solver, choice.predictor);
          const bool found = samples_at_levels(choice, usual);
          samples_at_levels(choice, zero_snr);
          const bool strides = choice.solver == "pndm" || choice.solver == "plms";
          if (steps >= 5 && steps < 49 && !strides) CHECK(found);
          if (steps == 10 && choice.grid != "linspace") CHECK(found);
          if (steps == 51) CHECK(!found);
        }
}

TEST_CASE("a spacing of timesteps ends at the first level with --final eps, as in diffusers") {
  SamplerChoice choice;
  choice.preset = "PNDMScheduler";
  choice.grid = "leading";
  choice.steps = 10;
  resolve_aliases(choice);
  CHECK(samples_at_levels(choice, fifty_levels(false)));
  choice.steps_offset = 1;
  resolve_defaults(choice, {});
  const DdpmSde sde(linear_betas(50, 0.1 / 50, 20.0 / 50));
  visit_sampler(sde, choice, [&](const auto& sampler) {
    if constexpr (requires { sampler.grid(); }) {
      CHECK(sampler.grid().size() == 10);
      CHECK(sampler.grid().back() == TimeStep{sde.training_time(1), sde.training_time(0)});
    }
  });
  choice.eps = 0.1;
  CHECK_THROWS_WITH(resolve_defaults(choice, {}), Contains("--eps cannot be combined"));
}

TEST_CASE("every predictor combines with every corrector, except clipped DDIM") {
  for (const std::string& predictor : sampler_names("--predictor"))
    for (const std::string& corrector : sampler_names("--corrector")) {
      CAPTURE(predictor, corrector);
      const std::size_t steps = predictor == "probability_flow" ? 400 : 60;
      SamplerChoice choice = choice_of("pc", steps);
      choice.predictor = predictor;
      choice.corrector = corrector;
      const bool idle = predictor == "none" && corrector == "none";
      if (idle || (predictor == "clipped_ddim" && corrector != "none")) {
        CHECK_THROWS_AS(sampled(choice), UsageError);
        continue;
      }
      const Sampled found = sampled(choice);
      CHECK(found.nfe == detail::evaluations(choice, steps));
      CHECK(std::isfinite(found.variance));
      if (predictor != "none") CHECK(found.variance == Approx(0.25).epsilon(0.3));
    }
}

TEST_CASE("the predictor probability_flow has the bias of its first-order steps, without noise") {
  const VpSde sde;
  const auto grid = uniform_grid(sde, 100);
  double std = 1;  // of N(0, 0.25) data at T
  for (const TimeStep& step : grid) {
    const auto [state, score, noise] =
        ReverseDiffusion{.probability_flow = true}.coefficients(sde, step);
    const MarginalProb p = sde.marginal_prob(step.t);
    CHECK(noise == 0);
    std *= state - score / (0.25 * p.mean * p.mean + p.std * p.std);
  }
  CHECK(std * std == Approx(0.3666).epsilon(1e-3));
  SamplerChoice choice = choice_of("pc", 100);
  choice.predictor = "probability_flow";
  choice.corrector = "none";
  CHECK(sampled(choice).variance == Approx(std * std).epsilon(0.15));
  choice.corrector = "langevin";
  resolve_defaults(choice, {});
  resolve_defaults(sde, choice);
  CHECK(*choice.snr == 0.04);
}

TEST_CASE("a name without a type is rejected, not replaced by another sampler") {
  SamplerChoice choice = choice_of("pc", 10);
  choice.predictor = "ancestral";
  choice.corrector = "none";
  resolve_defaults(choice, {});
  const AnySde sde = VpSde();
  resolve_defaults(sde, choice);
  const auto visit = [&sde](const SamplerChoice& c) { visit_sampler(sde, c, [](const auto&) {}); };
  CHECK_NOTHROW(visit(choice));
  SamplerChoice predictor = choice, corrector = choice;
  predictor.predictor = "other";
  CHECK_THROWS_WITH(visit(predictor), Contains("--predictor: 'other' has no type"));
  corrector.corrector = "other";
  CHECK_THROWS_WITH(visit(corrector), Contains("--corrector: 'other' has no type"));
}

TEST_CASE("the default grid and final time depend on the SDE") {
  SamplerChoice karras = choice_of("heun", 10);
  resolve_defaults(karras, {});
  resolve_defaults(AnySde(EdmSde()), karras);
  CHECK(karras.grid == "karras");
  CHECK(karras.eps == EdmSde().t_min());
  SamplerChoice levels = choice_of("ddim", 0);
  resolve_defaults(levels, {});
  resolve_defaults(AnySde(DdpmSde(linear_betas(10, 0.01, 0.5))), levels);
  CHECK(levels.steps == 9);
  CHECK_THROWS_WITH(sampled(choice_of("dopri5", 0), DdpmSde(linear_betas(10, 0.01, 0.5))),
                    Contains("only at its 10 discrete levels"));
}

TEST_CASE("tables of samplers, aliases and presets have a line per name") {
  std::ostringstream samplers, aliases, presets;
  list_samplers(samplers);
  list_aliases(aliases);
  list_presets(presets);
  const auto lines = [](const std::string& text) {
    return std::size_t(std::count(text.begin(), text.end(), '\n'));
  };
  CHECK(lines(samplers.str()) == sampler_rows().size() + 1);
  CHECK(lines(aliases.str()) == sampler_aliases.size() + 1);
  CHECK(lines(presets.str()) == nn::presets().size() + nn::classifier_presets().size() + 1);
  CHECK(presets.str().find("61,804,419") != std::string::npos);
}

TEST_CASE("the default class is all, and none for a network without classes") {
  ClassChoice choice;
  resolve_defaults(choice, {}, 10);
  CHECK(choice.name == "all");
  ClassChoice none;
  resolve_defaults(none, {}, 0);
  CHECK(none.name == "none");
  CHECK(describe(none, 0).empty());
  ClassChoice guided{.name = "3", .guidance = 1.5, .interval = {0.1, 2}};
  CHECK_THROWS_WITH(resolve_defaults(guided, {}, 0), Contains("--class"));
  CHECK_THROWS_WITH(resolve_defaults(guided, {{"training.label_dropout", "0"}}, 10),
                    Contains("without label dropout"));
  ClassChoice half = guided;
  half.interval = {1};
  CHECK_THROWS_WITH(resolve_defaults(half, {}, 10),
                    "--guidance-interval has 1 value; it must have 2");
  resolve_defaults(guided, {}, 10);
  CHECK(guided.evaluations() == 2);
  CHECK(describe(guided, 10) == "class 3, guidance 1.5 where sigma is from 0.1 to 2");
  const TimeInterval interval = guidance_interval(VpSde(), guided);
  CHECK(interval.contains(0.2));
  CHECK_FALSE(interval.contains(0.99));
}
