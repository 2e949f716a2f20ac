// SPDX-License-Identifier: MIT
/// Samplers in σ-space against k-diffusion's results, on the exact denoiser of a mixture.
#include <string>
#include <vector>

#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/predictor/ddim.hpp>
#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/solver/solver_table.hpp>

#include "support/catch.hpp"
#include "support/golden_sampling.hpp"

using namespace scoresde;
using golden_sampling::Case;

namespace {

std::vector<double> sigmas(const Case& c) {
  return c.file->at(c.name + ".sigmas").template as<double>();
}

/// Wide enough for the noise that churn adds at the largest σ.
EdmSde sde_of(const Case& c) { return EdmSde({.sigma_min = 1e-6, .sigma_max = 2 * sigmas(c)[0]}); }

template <class T, class Sampler>
void run(const Case& c, const Sampler& sampler) {
  using X = HostState<T>;
  GaussianMixture data(sampler.sde(), c.file->at("weights").template as<double>(),
                       c.file->at("means").template as<double>(),
                       c.file->at("variances").template as<double>());
  X x = golden_sampling::state<T>(c, "x_T");
  // Draw 0 is the prior; the stack stores the draws of the steps.
  std::vector<X> draws{x};
  if (c.file->contains(c.name + ".z"))
    for (X& z : golden_sampling::states<T>(c, "z", x)) draws.push_back(std::move(z));
  draws.push_back(x);  // a last step without noise also names its draw
  Workspace<X, Sampler::buffers> work(x);
  const SamplerStatistics done = sampler.integrate(data, x, RecordedNoise<X>{draws}, work);
  INFO(c.name);
  CHECK(done.nfe == sampler.nfe());
  CHECK(golden_sampling::relative_error(x, c.file->at(c.name + ".x_0").template as<double>()) <=
        golden_sampling::tolerance<T>);
}

/// The σ of the file end in 0: the last step goes to the data, and its end is not evaluated.
template <class T, class Solver>
void solve(const Case& c, const Solver& solver) {
  std::vector<double> times = sigmas(c);
  times.back() = 0.5 * times[times.size() - 2];
  const EdmSde sde = sde_of(c);
  const TimeGrid grid(times);
  run<T>(c, SolverSampler{sde, solver_table(solver, sde, grid), grid});
}

Churn churn_of(const Case& c) {
  Churn churn;
  churn.s_churn = c.entry.value("s_churn", churn.s_churn);
  churn.s_tmin = c.entry.value("s_tmin", churn.s_tmin);
  churn.s_tmax = c.entry.value("s_tmax", churn.s_tmax);
  churn.s_noise = c.entry.value("s_noise", churn.s_noise);
  return churn;
}

template <class T>
void check_lms(const Case& c) {
  const int order = c.entry.at("order");
  if (order == 1) return solve<T>(c, Lms<1>{});
  if (order == 2) return solve<T>(c, Lms<2>{.full_order_to_data = true});
  if (order == 3) return solve<T>(c, Lms<3>{.full_order_to_data = true});
  if (order == 4) return solve<T>(c, Lms<4>{.full_order_to_data = true});
  FAIL("unknown order in " << c.name);
}

template <class T>
void check(const Case& c) {
  const std::string method = c.entry.at("method");
  const double eta = c.entry.value("eta", 1.0);
  for (const auto prediction : {Prediction::noise, Prediction::data}) {
    if (method == "euler") solve<T>(c, EdmEuler{prediction, churn_of(c)});
    if (method == "heun") solve<T>(c, EdmHeun{prediction, churn_of(c)});
    if (method == "dpm_2") solve<T>(c, Dpm2{prediction, churn_of(c)});
  }
  if (method == "euler" || method == "heun" || method == "dpm_2") return;
  if (method == "lms") return check_lms<T>(c);
  if (method == "euler_ancestral")
    return run<T>(c, PredictorCorrector{sde_of(c), EulerAncestral{eta}, TimeGrid(sigmas(c))});
  if (method == "dpmpp_2s_ancestral") return solve<T>(c, DpmSolverPlusPlus2SAncestral{eta});
  if (method == "dpmpp_2m") return solve<T>(c, DpmSolverPlusPlus<2>{.lower_order_below = 0});
  if (method == "dpmpp_2m_sde")
    return solve<T>(c, SdeDpmSolverPlusPlus<2>{.eta = eta,
                                               .form = c.entry.at("solver_type") == "heun"
                                                           ? SolverForm::taylor
                                                           : SolverForm::dpm_solver,
                                               .lower_order_below = 0});
  if (method == "dpmpp_3m_sde")
    return solve<T>(c, SdeDpmSolverPlusPlus<3>{.eta = eta,
                                               .form = SolverForm::taylor,
                                               .second_difference = SecondDifference::halved,
                                               .lower_order_below = 0});
  FAIL("unknown method in " << c.name);
}

}  // namespace

TEST_CASE("samplers in sigma-space equal k-diffusion's in double and float", "[golden]") {
  const std::size_t count =
      golden_sampling::for_each_case({"method", "grid", "steps"}, [](const Case& c) {
        check<double>(c);
        check<float>(c);
      });
  golden::require_cases(count, "golden sigma-space runs");
  if (std::getenv("SCORESDE_GOLDEN_DIR") == nullptr) CHECK(count >= 56);
}
