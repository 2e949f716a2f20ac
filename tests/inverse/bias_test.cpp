// SPDX-License-Identifier: MIT
/// The bias of every method on Gaussian problems: the tables of docs/editing.md, printed.
#include <cmath>
#include <cstdio>
#include <vector>

#include <scoresde/corrector/annealed_langevin.hpp>
#include <scoresde/inverse/colorization.hpp>
#include <scoresde/inverse/ddrm.hpp>
#include <scoresde/inverse/dps.hpp>
#include <scoresde/inverse/inpainting.hpp>
#include <scoresde/inverse/pigdm.hpp>
#include <scoresde/inverse/twisted_smc.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/ddim.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "inverse/constrained_chain.hpp"
#include "inverse/gaussian_problem.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using gaussian_problem::Bias;
using gaussian_problem::Measured;
using gaussian_problem::Problem;
using Batch = HostState<double>;

namespace bias_test {

const VpSde sde;

Gaussian<VpSde> model_of(const Problem& p) { return {sde, p.mean, p.covariance}; }
TimeGrid grid() { return quadratic_grid(sde, 400); }
PredictorCorrector<VpSde, Ancestral> ancestral() { return {sde, Ancestral{}, grid()}; }

/// Two of the four elements are known.
Problem inpainting_problem() {
  Problem p = gaussian_problem::problem(0);
  p.matrix = {1, 0, 0, 0, 0, 0, 1, 0};
  p.solve();
  return p;
}

/// Prints a row of the table and compares it with the documented one.
void row(const char* name, Bias found, Bias documented, double tolerance = 1e-4) {
  std::printf("%-44s %8.4f %8.4f\n", name, found.mean, found.covariance);
  CAPTURE(name);
  CHECK(std::abs(found.mean - documented.mean) < tolerance);
  CHECK(std::abs(found.covariance - documented.covariance) < tolerance);
}

/// Exact moments of the chain from the prior.
template <class Chain>
Bias exact(const Problem& p, const Chain& chain) {
  auto model = model_of(p);
  return bias(testing::chain_moments(chain, model, gaussian_problem::isotropic(p.dim(), 1)), p);
}

/// A run that needs the problem, whose measurement has a row per sample: run(model, problem, x,
/// noise, work).
template <class Run>
struct ProblemChain {
  static constexpr std::size_t buffers = 1;
  const Problem& p;
  Run run;
  std::size_t draws_per_step = 1;
  [[nodiscard]] std::size_t nfe() const { return draws_per_step * grid().size(); }
  template <class M, class N>
  void integrate(M& model, Batch& x, const N& noise, Workspace<Batch, 1>& work) const {
    const Measured measured(p, extents(x).samples);
    run(model, measured.problem, x, noise, work);
  }
};
template <class Run>
Bias exact(const Problem& p, const Run& run, std::size_t draws_per_step) {
  return exact(p, ProblemChain<Run>{p, run, draws_per_step});
}

/// Of ancestral steps with the posterior's score, guided(model, problem).
template <class Guided>
Bias guided_bias(const Problem& p, const Guided& guided) {
  return exact(
      p,
      [&](auto& model, const auto& problem, Batch& x, const auto& noise, auto& work) {
        auto posterior = guided(model, problem);
        ancestral().integrate(posterior, x, noise, work);
      },
      1);
}
Bias pigdm_bias(const Problem& p, double data_variance) {
  return guided_bias(p, [=](auto& model, const auto& problem) {
    return pigdm(model, sde, problem, data_variance);
  });
}
Bias tweedie_bias(const Problem& p) {
  return guided_bias(
      p, [](auto& model, const auto& problem) { return tweedie_pigdm(model, sde, problem); });
}
Bias adaptive_bias(const Problem& p) {
  return exact(
      p,
      [](auto& model, const auto& problem, Batch& x, const auto& noise, auto& work) {
        PredictorCorrector{sde, Ddim{1}, grid()}.integrate(model, x, noise, work, NoObserver{},
                                                           AdaptivePiGdm(sde, problem));
      },
      1);
}
Bias ddrm_bias(const Problem& p, DdrmOptions options) {
  return exact(
      p,
      [options](auto& model, const auto& problem, Batch& x, const auto& noise, auto&) {
        Ddrm(sde, grid(), options).integrate(model, problem, x, noise);
      },
      1);
}
Bias known_bias(const Problem& p) {
  return exact(
      p,
      [](auto& model, const auto& problem, Batch& x, const auto& noise, auto& work) {
        ancestral().integrate(model, x, noise, work, NoObserver{},
                              KnownMeasurement(sde, problem.op(), problem.measurement()));
      },
      2);
}

/// Inpainting with `steps` corrections at each time.
Bias inpainting_bias(int steps) {
  const Problem p = inpainting_problem();
  const PredictorCorrector sampler{sde, Ancestral{}, AnnealedLangevin{.snr = 0.3, .steps = steps},
                                   grid()};
  Batch mask, data;
  const auto make = [&](std::size_t samples) {
    mask = data = Batch({samples, 4});
    for (std::size_t k = 0; k < samples; ++k) {
      mask(k, 0) = mask(k, 2) = 1;
      data(k, 0) = p.y[0], data(k, 2) = p.y[1];
    }
    return Inpainting(sde, mask, data);
  };
  const auto draws = static_cast<std::size_t>(steps > 0 ? steps + 3 : 2);
  return exact(p, ConstrainedChain<decltype(sampler), decltype(make)>{sampler, make, draws});
}

/// The moments of n samples, weighted by what run(model, problem, x) returns or not.
template <class Run>
Bias sampled(const Problem& p, std::size_t n, const Run& run) {
  auto model = model_of(p);
  const Measured measured(p, n);
  Batch x({n, p.dim()});
  const std::vector<double> weights = run(model, measured.problem, x);
  return bias(gaussian_problem::sample_moments(x, weights), p);
}
/// Of a run with a constraint, whose law is not Gaussian.
template <class Make>
Bias constrained_bias(const Problem& p, const Make& make) {
  return sampled(p, 4000, [&](auto& model, const auto& problem, Batch& x) {
    ancestral().sample(model, x, Noise{.seed = 1}, NoObserver{}, make(problem));
    return std::vector<double>{};
  });
}
Bias dps_bias(const Problem& p, double scale) {
  return constrained_bias(p, [=](const auto& problem) { return Dps(sde, problem, scale); });
}
Bias mcg_bias(const Problem& p, double scale) {
  return constrained_bias(p, [=](const auto& problem) { return Mcg(sde, problem, scale); });
}

Bias twisted_bias(const Problem& p) {
  const std::size_t particles = 8000;
  return sampled(p, particles, [=](auto& model, const auto& problem, Batch& x) {
    return TwistedSmc(sde, quadratic_grid(sde, 100), {.particles = particles, .data_variance = 1})
        .sample(model, problem, x, Noise{.seed = 1})
        .weights;
  });
}

}  // namespace bias_test

TEST_CASE("each method has its documented bias for a measurement with noise", "[inverse][slow]") {
  using namespace bias_test;
  const Problem p = gaussian_problem::problem(0.3);
  std::printf("measurement noise 0.3\n");
  row("PiGDM, covariance of the score", tweedie_bias(p), {0.0000, 0.0025});
  row("PiGDM, v = 1", pigdm_bias(p, 1), {0.0068, 0.0026});
  row("PiGDM, default", pigdm_bias(p, flat_data_variance), {0.0579, 0.0066});
  row("PiGDM, adaptive weights", adaptive_bias(p), {0.0657, 0.0257});
  row("DDRM", ddrm_bias(p, {}), {0.0273, 0.0447});
  row("DDRM, eta = 0", ddrm_bias(p, {0, 1, 0}), {0.0734, 0.0258});
  row("DPS, scale 0.5", dps_bias(p, 0.5), {0.0717, 0.0304});
  row("DPS, scale 0.05", dps_bias(p, 0.05), {0.0515, 0.0261});
  row("twisted SMC, 8000 particles, 100 steps", twisted_bias(p), {0.0032, 0.0064}, 5e-3);
}

TEST_CASE("each method has its documented bias for a measurement without noise",
          "[inverse][slow]") {
  using namespace bias_test;
  const Problem p = gaussian_problem::problem(0);
  std::printf("no measurement noise\n");
  row("PiGDM, covariance of the score", tweedie_bias(p), {0.0000, 0.0024});
  row("PiGDM, v = 1", pigdm_bias(p, 1), {0.0052, 0.0022});
  row("PiGDM, default", pigdm_bias(p, flat_data_variance), {0.0422, 0.0016});
  row("PiGDM, adaptive weights", adaptive_bias(p), {0.0445, 0.0059});
  row("DDRM", ddrm_bias(p, {}), {0.0055, 0.0373});
  row("DDRM, eta = 0", ddrm_bias(p, {0, 1, 0}), {0.0768, 0.0083});
  row("DPS, scale 0.5", dps_bias(p, 0.5), {0.0510, 0.0315});
  row("DPS, scale 0.05", dps_bias(p, 0.05), {0.0258, 0.0052});
  row("MCG, scale 0.5", mcg_bias(p, 0.5), {0.5094, 0.0623});
  row("MCG, scale 0.05", mcg_bias(p, 0.05), {0.0442, 0.0083});
  row("known measurement", known_bias(p), {0.0518, 0.0034});
  std::printf("two elements known\n");
  row("inpainting", inpainting_bias(0), {0.1464, 0.0140});
  row("inpainting, 1 correction per step", inpainting_bias(1), {0.0454, 0.0046});
  row("inpainting, 5 corrections per step", inpainting_bias(5), {0.0199, 0.0018});
}
