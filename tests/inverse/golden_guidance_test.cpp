// SPDX-License-Identifier: MIT
/// Classifier guidance against score_sde's class-conditional runs, with the exact classifier.
#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/corrector/langevin.hpp>
#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/guidance.hpp>
#include <scoresde/score/parameterization.hpp>

#include "inverse/golden_cases.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using golden_cases::Case;
using Batch = HostState<double>;

namespace {

/// ∇ log p(label | x_t) = score of the label's Gaussian − score of the mixture.
struct ClassifierGradient {
  AnySde sde;
  GaussianMixture<AnySde> mixture;
  std::vector<double> means, variances, labels;

  void operator()(const Batch& x, double t, Batch& output) {
    mixture.evaluate(x, t, output);
    const auto [m, s] = sde.marginal_prob(t);
    const auto [samples, dim] = x.extents();
    for (std::size_t k = 0; k < samples; ++k)
      for (std::size_t e = 0; e < dim; ++e) {
        const std::size_t at = static_cast<std::size_t>(labels[k]) * dim + e;
        output(k, e) = (m * means[at] - x(k, e)) / (m * m * variances[at] + s * s) - output(k, e);
      }
  }
};

template <class P, class K>
void run_class_conditional(const Case& c, const P& predictor, const K& corrector) {
  const AnySde sde = golden_sampling::sde_of(c, c.entry.at("levels"));
  const auto weights = golden_cases::shared(c, "classes.weights"),
             means = golden_cases::shared(c, "classes.means"),
             variances = golden_cases::shared(c, "classes.variances");
  GaussianMixture<AnySde> mixture(sde, weights, means, variances);
  auto gradient = score_function(ClassifierGradient{
      sde, mixture, means, variances, c.file->at(c.name + ".labels").template as<double>()});
  auto guided = classifier_guidance(mixture, gradient, c.entry.at("scale").get<double>());

  const Batch probe = golden_cases::state(c, "probe_x");
  Batch found = probe;
  guided.evaluate(probe, c.entry.at("t_probe"), found);
  golden_cases::check_close(found, golden_cases::tensor(c, "probe_total"));

  Batch x = golden_cases::state(c, "prior");
  auto draws = golden_sampling::states<double>(c, "z", x);
  draws.insert(draws.begin(), x);  // draw 0 is the prior
  const PredictorCorrector sampler{sde, predictor, corrector,
                                   score_sde_grid(1, c.entry.at("eps"), c.entry.at("levels"))};
  Workspace<Batch, sampler.buffers> work(x);
  sampler.integrate(guided, x, RecordedNoise<Batch>{std::span<const Batch>(draws)}, work);
  golden_cases::check_close(x, golden_cases::tensor(c, "x"));
}

}  // namespace

TEST_CASE("class-conditional runs equal score_sde's", "[golden]") {
  const std::size_t count = golden_cases::for_each("class_conditional", [](const Case& c) {
    golden_sampling::with_predictor(c, c.entry.at("predictor"), [&](const auto& predictor) {
      if (c.entry.at("corrector") == "none")
        run_class_conditional(c, predictor, NoCorrector{});
      else
        run_class_conditional(
            c, predictor,
            Langevin{
                .snr = c.entry.at("snr"), .steps = c.entry.at("n_steps"), .scope = Scope::batch});
    });
  });
  golden::require_cases(count, "golden class-conditional runs");
}
