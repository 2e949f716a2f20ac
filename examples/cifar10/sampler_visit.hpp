// SPDX-License-Identifier: MIT
/// From a choice to sampler types: one generic call for each that is compiled.
///
/// Predictors, and solvers as tables, are chosen inside one type each: what is compiled grows with
/// the kinds of samplers and not with their names.
#pragma once

#include <algorithm>
#include <concepts>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <scoresde/corrector/annealed_langevin.hpp>
#include <scoresde/corrector/langevin.hpp>
#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/ode/adaptive_runge_kutta.hpp>
#include <scoresde/ode/tableaux.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/ddim.hpp>
#include <scoresde/predictor/euler_maruyama.hpp>
#include <scoresde/predictor/no_predictor.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/sampler/adaptive_dpm_solver.hpp>
#include <scoresde/sampler/adaptive_sde.hpp>
#include <scoresde/sampler/clipped_ddim.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/sampler/score_sde_samplers.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/solver/catalogue.hpp>
#include <scoresde/time/log_snr_grid.hpp>
#include <scoresde/time/time_grid.hpp>

#include "sampler_choice.hpp"
#include "timestep_spacing.hpp"

namespace cifar10 {

/// A predictor of a kind chosen at run time.
struct ChosenPredictor {
  std::variant<scoresde::EulerMaruyama, scoresde::ReverseDiffusion, scoresde::Ancestral,
               scoresde::Ddim, scoresde::EulerAncestral>
      kind;

  void validate() const {
    std::visit(
        [](const auto& predictor) {
          if constexpr (requires { predictor.validate(); }) predictor.validate();
        },
        kind);
  }
  template <scoresde::Sde S>
  [[nodiscard]] scoresde::StepCoefficients coefficients(const S& sde,
                                                        scoresde::TimeStep step) const {
    return std::visit([&](const auto& predictor) { return predictor.coefficients(sde, step); },
                      kind);
  }
};

/// Samplers whose steps run a function element by element, which the CUDA backend does not.
template <class Sampler>
inline constexpr bool runs_on_host_only = false;
template <class S>
inline constexpr bool runs_on_host_only<scoresde::ClippedDdim<S>> = true;

namespace detail {

inline scoresde::TimeGrid grid_by_name(const scoresde::AnySde& sde, const SamplerChoice& c) {
  const double last = c.eps, first = sde.t_max();
  if (c.grid == "quadratic") return scoresde::quadratic_grid(first, last, c.steps);
  if (c.grid == "log_snr") return scoresde::log_snr_grid(sde, first, last, c.steps);
  if (c.grid == "karras")
    return scoresde::karras_grid(sde, first, last, c.steps, c.rho.value_or(7));
  if (c.grid == "beta") return scoresde::beta_grid(sde, first, last, c.steps);
  return scoresde::uniform_grid(first, last, c.steps);
}

/// A network of discrete levels is asked at the levels next to the grid's times.
inline scoresde::TimeGrid chosen_grid(const scoresde::AnySde& any, const SamplerChoice& c) {
  if (spaces_timesteps(c.grid))
    return any.visit([&](const auto& sde) { return spaced_timestep_grid(sde, c); });
  scoresde::TimeGrid grid = grid_by_name(any, c);
  any.visit([&]<class S>(const S& sde) {
    if constexpr (scoresde::DiscreteSde<S>) grid = scoresde::level_grid(sde, grid);
  });
  return grid;
}

inline ChosenPredictor chosen_predictor(const SamplerChoice& c) {
  using scoresde::PosteriorVariance;
  if (c.predictor == "reverse_diffusion") return {scoresde::ReverseDiffusion{}};
  if (c.predictor == "ancestral")
    return {scoresde::Ancestral{c.variance == "large" ? PosteriorVariance::large
                                                      : PosteriorVariance::small}};
  if (c.predictor == "ddim") return {scoresde::Ddim{c.eta.value_or(0)}};
  if (c.predictor == "euler_ancestral") return {scoresde::EulerAncestral{c.eta.value_or(1)}};
  return {scoresde::EulerMaruyama{}};
}

/// The final step of a sampler that adds noise in every step.
inline scoresde::FinalStep last_noise(const SamplerChoice& c) {
  return c.final_step == "denoise" ? scoresde::FinalStep::drop_last_noise
                                   : scoresde::FinalStep::keep_noise;
}

template <class P, class Body>
void visit_corrector(const scoresde::AnySde& sde, const P& predictor, const SamplerChoice& c,
                     Body& body) {
  const scoresde::TimeGrid grid = chosen_grid(sde, c);
  const scoresde::PredictorCorrectorOptions options{.final_step = last_noise(c)};
  const int steps = static_cast<int>(c.corrector_steps);
  const double snr = c.snr.value_or(0.16);
  const auto use = [&](const auto& corrector) {
    body(scoresde::PredictorCorrector(sde, predictor, corrector, grid, options));
  };
  if (c.corrector == "langevin") return use(scoresde::Langevin{.snr = snr, .steps = steps});
  if (c.corrector == "annealed_langevin")
    return use(scoresde::AnnealedLangevin{.snr = snr, .steps = steps});
  if constexpr (!std::same_as<P, scoresde::NoPredictor>) use(scoresde::NoCorrector{});
}

template <class Body>
void visit_clipped_ddim(const scoresde::AnySde& sde, const SamplerChoice& c, Body& body) {
  body(scoresde::ClippedDdim(sde, scoresde::Ddim{c.eta.value_or(0)}, chosen_grid(sde, c),
                             {.range = {c.centered ? -1.0 : 0.0, 1}, .final_step = last_noise(c)}));
}

inline scoresde::FinalStep final_step(const SamplerChoice& c) {
  return c.final_step == "denoise" ? scoresde::FinalStep::denoise : scoresde::FinalStep::keep_noise;
}

template <class Body>
void visit_flow(const scoresde::AnySde& sde, const SamplerChoice& c, Body& body) {
  const scoresde::TimeGrid grid = chosen_grid(sde, c);
  const auto use = [&](auto method) {
    body(scoresde::ProbabilityFlow(sde, method, grid, {.final_step = final_step(c)}));
  };
  if (c.solver == "euler") return use(scoresde::Euler{});
  if (c.solver == "heun") return use(scoresde::Heun{});
  use(scoresde::RungeKutta4{});
}

template <class Body>
void visit_adaptive(const scoresde::AnySde& sde, const SamplerChoice& c, Body& body) {
  const scoresde::TimeStep span{sde.t_max(), c.eps};
  const auto set = [&](auto options) {
    options.rtol = *c.rtol;
    options.atol = *c.atol;
    if constexpr (requires { options.final_step; }) options.final_step = final_step(c);
    return options;
  };
  using scoresde::Scope;
  if (c.solver == "adaptive-sde")
    return body(scoresde::AdaptiveSde(sde, span, set(scoresde::AdaptiveSdeOptions{})));
  if (c.solver == "dpm-solver-12")
    return body(scoresde::AdaptiveDpmSolver(sde, set(scoresde::DpmSolver12{}), span,
                                            {.final_step = final_step(c)}));
  if (c.solver == "dpm-solver-23")
    return body(scoresde::AdaptiveDpmSolver(sde, set(scoresde::DpmSolver23{}), span,
                                            {.final_step = final_step(c)}));
  auto method = set(scoresde::AdaptiveRungeKutta<>{});
  method.scope = c.control == "scipy" ? Scope::batch : Scope::per_sample;
  body(scoresde::ProbabilityFlow(sde, method, span, {.final_step = final_step(c)}));
}

/// Gives a solver the numbers that were given.
template <class R>
void set_members(const SamplerChoice& c, R& solver) {
  const auto set = [](double& member, const std::optional<double>& given) {
    member = given.value_or(member);
  };
  if constexpr (requires { solver.eta = 1.0; }) set(solver.eta, c.eta);
  if constexpr (requires { solver.tau = 1.0; }) set(solver.tau, c.tau);
  if constexpr (requires { solver.churn.s_churn = 1.0; }) {
    set(solver.churn.s_churn, c.s_churn);
    set(solver.churn.s_tmin, c.s_tmin);
    set(solver.churn.s_tmax, c.s_tmax);
    set(solver.churn.s_noise, c.s_noise);
  }
}

template <class Body>
void visit_fast(const scoresde::AnySde& sde, const SamplerChoice& c, Body& body) {
  const scoresde::TimeGrid grid = chosen_grid(sde, c);
  scoresde::SolverTable table;
  scoresde::for_each_solver([&](const scoresde::SolverEntry& entry, auto solver) {
    if (c.solver != entry.name) return;
    set_members(c, solver);
    table = scoresde::solver_table(solver, sde, grid);
  });
  if (c.solver == scoresde::restart_entry.name)
    table = scoresde::solver_table(scoresde::Restart{}, sde, grid);
  if (c.final_step == "eps")
    return body(
        scoresde::SolverSampler(sde, table, grid, {.final_step = scoresde::FinalStep::keep_noise}));
  if (c.final_step == "zero") return body(scoresde::SolverSampler(sde, table, grid));
  body(scoresde::SolverSampler(sde, table, grid, {.final_step = scoresde::FinalStep::denoise}));
}

}  // namespace detail

/// Calls body(sampler) with the sampler chosen, for this SDE; the choice is settled. Throws Error
/// for numbers that the sampler refuses.
template <class Body>
void visit_sampler(const scoresde::AnySde& sde, const SamplerChoice& c, Body&& body) {
  const Family family = detail::row_of("--solver", c.solver).family;
  if (family == Family::fast) return detail::visit_fast(sde, c, body);
  if (family == Family::flow) return detail::visit_flow(sde, c, body);
  if (family == Family::adaptive) {
    sde.visit([&]<class S>(const S& levels) {
      if constexpr (scoresde::DiscreteSde<S>)
        throw scoresde::Error("--solver " + c.solver + " chooses its own times; the checkpoint's " +
                              "network knows its " + std::to_string(levels.training_steps()) +
                              " discrete levels alone");
    });
    return detail::visit_adaptive(sde, c, body);
  }
  if (c.predictor == "clipped_ddim") return detail::visit_clipped_ddim(sde, c, body);
  if (c.predictor == "none") return detail::visit_corrector(sde, scoresde::NoPredictor{}, c, body);
  detail::visit_corrector(sde, detail::chosen_predictor(c), c, body);
}

/// Langevin's signal-to-noise ratio of score_sde_snr. Euler-Maruyama steps as reverse diffusion
/// does, DDIM without noise follows the probability flow, and samplers with noise in sigma are
/// ancestral.
[[nodiscard]] inline double usual_snr(const scoresde::AnySde& sde, const SamplerChoice& c) {
  const auto with = [&](const auto& predictor) {
    return scoresde::score_sde_snr(sde, scoresde::score_sde_pc1000, predictor);
  };
  if (c.predictor == "none") return scoresde::score_sde_snr(sde, scoresde::score_sde_c2000);
  if (c.predictor == "ddim" && c.eta.value_or(0) == 0)
    return with(scoresde::ReverseDiffusion{.probability_flow = true});
  if (c.predictor == "ancestral" || c.predictor == "euler_ancestral" || c.predictor == "ddim")
    return with(scoresde::Ancestral{});
  return with(scoresde::ReverseDiffusion{});
}

/// Fills in what the SDE decides: the grid where σ itself is the time, in which steps are not even,
/// the time of the end, how many of the steps that --steps does not fix discrete levels allow, and
/// the corrector's signal-to-noise ratio.
inline void resolve_defaults_by_sde(const scoresde::AnySde& any, SamplerChoice& c) {
  const bool even = c.grid == "uniform" || c.grid == "quadratic";
  if (any.is<scoresde::EdmSde>() && even && !c.grid_given) c.grid = "karras";
  if (c.eps == 0) c.eps = any.t_min();
  any.visit([&]<class S>(const S& sde) {
    if constexpr (scoresde::DiscreteSde<S>)
      if (!c.steps_given)
        c.steps = std::min(c.steps, scoresde::most_level_steps(sde, sde.t_max(), c.eps));
  });
  if (c.solver == "pc" && c.corrector != "none") c.snr = c.snr.value_or(usual_snr(any, c));
}

}  // namespace cifar10
