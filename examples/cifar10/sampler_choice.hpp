// SPDX-License-Identifier: MIT
/// From names on a command line to sampler types: one generic call for each combination.
#pragma once

#include <cstddef>
#include <sstream>
#include <string>
#include <utility>

#include <scoresde/corrector/annealed_langevin.hpp>
#include <scoresde/corrector/langevin.hpp>
#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/error.hpp>
#include <scoresde/ode/adaptive_runge_kutta.hpp>
#include <scoresde/ode/tableaux.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/euler_maruyama.hpp>
#include <scoresde/predictor/no_predictor.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/time/time_grid.hpp>

namespace cifar10 {

/// A sampler by names and numbers.
struct SamplerChoice {
  std::string solver = "pc";  ///< pc, euler, heun, rk4 or dopri5
  std::string predictor, corrector;
  std::string control = "per_sample";  ///< of dopri5's steps: per_sample or scipy
  std::size_t steps = 100;
  std::size_t corrector_steps = 1;
  double snr = 0.16;
  double eps = 0;  ///< time at which sampling stops
  double rtol = 1e-3, atol = 1e-3;
};

namespace detail {

[[noreturn]] inline void unknown(const char* what, const std::string& name, const char* allowed) {
  throw scoresde::Error(
      scoresde::detail::text(what, " is '", name, "'; it must be one of ", allowed));
}

template <class Body>
void visit_predictor(const SamplerChoice& choice, Body&& body) {
  if (choice.predictor == "euler_maruyama") return body(scoresde::EulerMaruyama{});
  if (choice.predictor == "reverse_diffusion") return body(scoresde::ReverseDiffusion{});
  if (choice.predictor == "ancestral") return body(scoresde::Ancestral{});
  if (choice.predictor == "none") return body(scoresde::NoPredictor{});
  unknown("--predictor", choice.predictor, "euler_maruyama, reverse_diffusion, ancestral, none");
}

template <class Body>
void visit_corrector(const SamplerChoice& choice, Body&& body) {
  const int steps = static_cast<int>(choice.corrector_steps);
  if (choice.corrector == "langevin")
    return body(scoresde::Langevin{.snr = choice.snr, .steps = steps});
  if (choice.corrector == "annealed_langevin")
    return body(scoresde::AnnealedLangevin{.snr = choice.snr, .steps = steps});
  if (choice.corrector == "none") return body(scoresde::NoCorrector{});
  unknown("--corrector", choice.corrector, "langevin, annealed_langevin, none");
}

template <class Body>
void visit_method(const SamplerChoice& choice, Body&& body) {
  if (choice.solver == "euler") return body(scoresde::Euler{});
  if (choice.solver == "heun") return body(scoresde::Heun{});
  if (choice.solver == "rk4") return body(scoresde::RungeKutta4{});
  unknown("--solver", choice.solver, "pc, euler, heun, rk4, dopri5");
}

inline scoresde::StepControl step_control(const SamplerChoice& choice) {
  if (choice.control == "per_sample") return scoresde::StepControl::per_sample;
  if (choice.control == "scipy") return scoresde::StepControl::whole_batch_scipy;
  unknown("--control", choice.control, "per_sample, scipy");
}

/// Uniform; a network of discrete levels is asked at the levels next to those times.
template <class S>
scoresde::TimeGrid chosen_grid(const S& sde, const SamplerChoice& choice) {
  const auto grid = scoresde::uniform_grid(sde.t_max(), choice.eps, choice.steps);
  if constexpr (scoresde::DiscreteSde<S>)
    return scoresde::level_grid(sde, grid);
  else
    return grid;
}

}  // namespace detail

/// Calls body(sampler) with the sampler chosen, for this SDE. Flows end in Tweedie's denoising
/// step, as predictor-corrector runs end in a step without noise. Throws Error for unknown names
/// and numbers that the sampler refuses.
template <class S, class Body>
void visit_sampler(const S& sde, const SamplerChoice& choice, Body&& body) {
  namespace sd = scoresde;
  const sd::ProbabilityFlowOptions options{.denoise = sd::FinalDenoise::tweedie};
  if (choice.solver == "dopri5") {
    sd::detail::require(!sd::DiscreteSde<S>,
                        "--solver is dopri5, which chooses its own times; the "
                        "checkpoint's network knows its discrete levels alone");
    const sd::AdaptiveRungeKutta<> method{
        .rtol = choice.rtol, .atol = choice.atol, .control = detail::step_control(choice)};
    const sd::TimeGrid span = sd::uniform_grid(sde.t_max(), choice.eps, 1);
    return body(sd::ProbabilityFlow(sde, method, span, options));
  }
  const sd::TimeGrid grid = detail::chosen_grid(sde, choice);
  if (choice.solver != "pc")
    return detail::visit_method(
        choice, [&](auto method) { body(sd::ProbabilityFlow(sde, method, grid, options)); });
  detail::visit_predictor(choice, [&](auto predictor) {
    detail::visit_corrector(choice, [&](auto corrector) {
      body(sd::PredictorCorrector(sde, predictor, corrector, grid));
    });
  });
}

/// The choice in words, as metadata keeps it and the screen shows it.
inline std::string describe(const SamplerChoice& choice) {
  std::ostringstream words;
  if (choice.solver == "dopri5")
    words << "probability flow, dopri5, " << choice.control << " steps, rtol " << choice.rtol
          << ", atol " << choice.atol;
  else if (choice.solver != "pc")
    words << "probability flow, " << choice.solver << ", steps " << choice.steps;
  else
    words << "predictor " << choice.predictor << ", corrector " << choice.corrector << ", steps "
          << choice.steps;
  if (choice.solver == "pc" && choice.corrector != "none")
    words << ", corrector steps " << choice.corrector_steps << ", snr " << choice.snr;
  return words.str();
}

}  // namespace cifar10
