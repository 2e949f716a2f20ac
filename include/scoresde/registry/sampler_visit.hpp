// SPDX-License-Identifier: MIT
/// Converts a SamplerChoice to a sampler of the right type, by one generic call.
///
/// All predictors share one type, and all solvers, as tables, another, so that the number of
/// instantiations is the number of kinds of samplers, not of names.
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
#include <scoresde/registry/detail/timestep_spacing.hpp>
#include <scoresde/registry/sampler_choice.hpp>
#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/sampler/adaptive_dpm_solver.hpp>
#include <scoresde/sampler/adaptive_sde.hpp>
#include <scoresde/sampler/clipped_ddim.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/sampler/score_sde_samplers.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/solver/solver_table.hpp>
#include <scoresde/time/log_snr_grid.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// A predictor selected at run time.
struct SelectedPredictor {
  std::variant<EulerMaruyama, ReverseDiffusion, Ancestral, Ddim, EulerAncestral> kind;

  void validate() const {
    std::visit(
        [](const auto& predictor) {
          if constexpr (requires { predictor.validate(); }) predictor.validate();
        },
        kind);
  }
  template <Sde S>
  [[nodiscard]] StepCoefficients coefficients(const S& sde, TimeStep step) const {
    return std::visit([&](const auto& predictor) { return predictor.coefficients(sde, step); },
                      kind);
  }
};

/// Samplers whose steps apply an element-wise function, which the CUDA backend does not support.
template <class Sampler>
inline constexpr bool runs_on_host_only = false;
template <class S>
inline constexpr bool runs_on_host_only<ClippedDdim<S>> = true;

namespace detail {

inline TimeGrid grid_by_name(const AnySde& sde, const SamplerChoice& c, std::size_t steps) {
  const double last = c.eps, first = sde.t_max();
  if (c.grid == "quadratic") return quadratic_grid(first, last, steps);
  if (c.grid == "log_snr") return log_snr_grid(sde, first, last, steps);
  if (c.grid == "karras")
    return as_usage([&] { return karras_grid(sde, first, last, steps, c.rho.value_or(7)); });
  if (c.grid == "beta") return beta_grid(sde, first, last, steps);
  return uniform_grid(first, last, steps);
}

/// Whether the last step goes from eps to the data, as after the lists of sigmas of Karras et al.,
/// k-diffusion and diffusers. On other grids it goes from the time before eps.
inline bool appends_zero(const SamplerChoice& c) {
  const bool by_sigma = c.grid == "log_snr" || c.grid == "karras" || c.grid == "beta";
  return by_sigma && c.final_step == "zero" && c.steps > 1;
}

/// A network of discrete levels is evaluated at the levels nearest to the grid's times.
inline TimeGrid selected_grid(const AnySde& any, const SamplerChoice& c) {
  if (spaces_timesteps(c.grid))
    return any.visit([&](const auto& sde) { return spaced_timestep_grid(sde, c); });
  const bool appended = appends_zero(c);
  TimeGrid grid = grid_by_name(any, c, appended ? c.steps - 1 : c.steps);
  any.visit([&]<class S>(const S& sde) {
    if constexpr (DiscreteSde<S>) {
      const std::size_t most = most_level_steps(sde, sde.t_max(), c.eps);
      require_usage(c.steps <= most, "--grid ", c.grid, ": ", c.steps,
                    " steps requested; the levels allow at most ", most, ", and --grid leading ",
                    sde.training_steps(), ", which end at the data");
      grid = level_grid(sde, grid);
    }
  });
  return appended ? extended_to_data(grid) : grid;
}

/// Throws Error unless `name` is the last that has a type here, so that a row of the registry
/// without a type is not taken for another sampler.
inline void require_last_name(const char* option, const std::string& name, const char* last) {
  require(name == last, option, ": '", name, "' has no type in registry/sampler_visit.hpp; ",
          "it must have one if it has a row in registry/sampler_registry.hpp");
}

inline SelectedPredictor selected_predictor(const SamplerChoice& c) {
  if (c.predictor == "reverse_diffusion") return {ReverseDiffusion{}};
  if (c.predictor == "probability_flow") return {ReverseDiffusion{.probability_flow = true}};
  if (c.predictor == "ancestral")
    return {Ancestral{c.variance == "large" ? PosteriorVariance::large : PosteriorVariance::small}};
  if (c.predictor == "ddim") return {Ddim{c.eta.value_or(0)}};
  if (c.predictor == "euler_ancestral") return {EulerAncestral{c.eta.value_or(1)}};
  require_last_name("--predictor", c.predictor, "euler_maruyama");
  return {EulerMaruyama{}};
}

/// The final step of a sampler that adds noise in every step.
inline FinalStep last_noise(const SamplerChoice& c) {
  return c.final_step == "denoise" ? FinalStep::drop_last_noise : FinalStep::keep_noise;
}

template <class P, class Body>
void visit_corrector(const AnySde& sde, const P& predictor, const SamplerChoice& c, Body& body) {
  const TimeGrid grid = selected_grid(sde, c);
  const PredictorCorrectorOptions options{.final_step = last_noise(c)};
  const int steps = static_cast<int>(c.corrector_steps);
  const double snr = c.snr.value_or(0.16);
  const auto use = [&](const auto& corrector) {
    body(PredictorCorrector(sde, predictor, corrector, grid, options));
  };
  if (c.corrector == "langevin") return use(Langevin{.snr = snr, .steps = steps});
  if (c.corrector == "langevin-batch")
    return use(Langevin{.snr = snr, .steps = steps, .scope = Scope::batch});
  if (c.corrector == "annealed_langevin") return use(AnnealedLangevin{.snr = snr, .steps = steps});
  require_last_name("--corrector", c.corrector, "none");
  if constexpr (!std::same_as<P, NoPredictor>) use(NoCorrector{});
}

template <class Body>
void visit_clipped_ddim(const AnySde& sde, const SamplerChoice& c, Body& body) {
  body(ClippedDdim(sde, Ddim{c.eta.value_or(0)}, selected_grid(sde, c),
                   {.range = {c.centered ? -1.0 : 0.0, 1}, .final_step = last_noise(c)}));
}

inline FinalStep final_step(const SamplerChoice& c) {
  return c.final_step == "denoise" ? FinalStep::denoise : FinalStep::keep_noise;
}

template <class Body>
void visit_flow(const AnySde& sde, const SamplerChoice& c, Body& body) {
  const TimeGrid grid = selected_grid(sde, c);
  const auto use = [&](auto method) {
    body(ProbabilityFlow(sde, method, grid, {.final_step = final_step(c)}));
  };
  if (c.solver == "euler") return use(Euler{});
  if (c.solver == "heun") return use(Heun{});
  require_last_name("--solver", c.solver, "rk4");
  use(RungeKutta4{});
}

template <class Body>
void visit_adaptive(const AnySde& sde, const SamplerChoice& c, Body& body) {
  const TimeStep span{sde.t_max(), c.eps};
  const auto set = [&](auto options) {
    options.rtol = *c.rtol;
    options.atol = *c.atol;
    if constexpr (requires { options.final_step; }) options.final_step = final_step(c);
    return options;
  };
  if (c.solver == "adaptive-sde") return body(AdaptiveSde(sde, span, set(AdaptiveSdeOptions{})));
  if (c.solver == "dpm-solver-12")
    return body(AdaptiveDpmSolver(sde, set(DpmSolver12{}), span, {.final_step = final_step(c)}));
  if (c.solver == "dpm-solver-23")
    return body(AdaptiveDpmSolver(sde, set(DpmSolver23{}), span, {.final_step = final_step(c)}));
  require_last_name("--solver", c.solver, "dopri5");
  auto method = set(AdaptiveRungeKutta<>{});
  method.scope = c.control == "scipy" ? Scope::batch : Scope::per_sample;
  body(ProbabilityFlow(sde, method, span, {.final_step = final_step(c)}));
}

/// Sets the members of a solver that the choice gives.
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
    require_usage(solver.churn.s_tmin <= solver.churn.s_tmax, "--s-tmin is ", solver.churn.s_tmin,
                  " and --s-tmax ", solver.churn.s_tmax,
                  "; the first must not be above the second");
  }
}

template <class Body>
void visit_fast(const AnySde& sde, const SamplerChoice& c, Body& body) {
  const TimeGrid grid = selected_grid(sde, c);
  // Steps that need not start where the previous one ends.
  if (c.solver == "ddim" && spaces_timesteps(c.grid))
    return body(PredictorCorrector(sde, SelectedPredictor{Ddim{}}, NoCorrector{}, grid,
                                   {.final_step = FinalStep::keep_noise}));
  SolverTable table;
  const auto select = [&](const SolverEntry& entry, auto solver) {
    if (c.solver != entry.name) return;
    set_members(c, solver);
    table = solver_table(solver, sde, grid);
  };
  for_each_solver(select);
  for_each_peer_solver(select);
  if (c.solver == restart_entry.name) table = solver_table(cifar10_restart_solver(), sde, grid);
  if (c.final_step == "eps")
    return body(SolverSampler(sde, table, grid, {.final_step = FinalStep::keep_noise}));
  if (c.final_step == "zero") return body(SolverSampler(sde, table, grid));
  body(SolverSampler(sde, table, grid, {.final_step = FinalStep::denoise}));
}

template <class Body>
void visit_family(const AnySde& sde, const SamplerChoice& c, Body& body) {
  const SamplerFamily family = sampler_row("--solver", c.solver).family;
  if (family == SamplerFamily::fast) return visit_fast(sde, c, body);
  if (family == SamplerFamily::flow) return visit_flow(sde, c, body);
  if (family == SamplerFamily::adaptive) {
    sde.visit([&]<class S>(const S& levels) {
      if constexpr (DiscreteSde<S>)
        throw Error("--solver " + c.solver + " chooses its own times; the checkpoint's " +
                    "network is defined only at its " + std::to_string(levels.training_steps()) +
                    " discrete levels");
    });
    return visit_adaptive(sde, c, body);
  }
  if (c.predictor == "clipped_ddim") return visit_clipped_ddim(sde, c, body);
  if (c.predictor == "none") return visit_corrector(sde, NoPredictor{}, c, body);
  visit_corrector(sde, selected_predictor(c), c, body);
}

}  // namespace detail

/// Calls body(sampler) with the selected sampler for this SDE; defaults must be resolved. Throws
/// UsageError, with the options of the choice, for names and numbers that the sampler or its grid
/// rejects; errors of body pass unchanged.
template <class Body>
void visit_sampler(const AnySde& sde, const SamplerChoice& c, Body&& body) {
  bool made = false;
  const auto run = [&](const auto& sampler) {
    made = true;
    body(sampler);
  };
  try {
    detail::visit_family(sde, c, run);
  } catch (const Error& failure) {
    if (made) throw;
    throw UsageError(text(detail::as_options(c), ": ", failure.what()));
  }
}

/// The signal-to-noise ratio of Langevin steps after a predictor's, or of a corrector alone
/// ("none"), from score_sde_snr. Euler-Maruyama uses the value of reverse diffusion, DDIM without
/// noise that of the probability flow, and predictors with noise in sigma that of ancestral
/// sampling.
[[nodiscard]] inline double usual_snr(const AnySde& sde, const std::string& predictor,
                                      double eta = 0) {
  const auto with = [&](const auto& type) { return score_sde_snr(sde, score_sde_pc1000, type); };
  if (predictor == "none") return score_sde_snr(sde, score_sde_c2000);
  const bool noiseless = predictor == "ddim" && eta == 0;
  if (noiseless || predictor == "probability_flow")
    return with(ReverseDiffusion{.probability_flow = true});
  if (predictor == "ancestral" || predictor == "euler_ancestral" || predictor == "ddim")
    return with(Ancestral{});
  return with(ReverseDiffusion{});
}

/// Resolves the defaults that depend on the SDE: the grid if σ is the time, where even steps are
/// unsuitable; the final time; the number of steps on discrete levels unless --steps is given; and
/// the corrector's signal-to-noise ratio. Throws UsageError for an --eps that is not below T.
inline void resolve_defaults(const AnySde& any, SamplerChoice& c) {
  const bool even = c.grid == "uniform" || c.grid == "quadratic";
  if (any.is<EdmSde>() && even && !c.grid_given) c.grid = "karras";
  if (c.eps == 0) c.eps = any.t_min();
  require_usage(c.eps < any.t_max(), "--eps is ", c.eps, "; it must be below the SDE's last time, ",
                any.t_max());
  any.visit([&]<class S>(const S& sde) {
    if constexpr (DiscreteSde<S>)
      if (!c.steps_given) c.steps = std::min(c.steps, most_level_steps(sde, sde.t_max(), c.eps));
  });
  if (c.solver == "pc" && c.corrector != "none")
    c.snr = c.snr.value_or(usual_snr(any, c.predictor, c.eta.value_or(0)));
}

}  // namespace scoresde
