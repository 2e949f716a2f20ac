// SPDX-License-Identifier: MIT
/// Classifier guidance against score_sde's class-conditional runs, with the exact classifier.
#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/corrector/langevin.hpp>
#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/score/classifier_gradient.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/guidance.hpp>

#include "inverse/golden_cases.hpp"
#include "support/catch.hpp"
#include "support/linear_classifier.hpp"

using namespace scoresde;
using golden_cases::Case;
using Batch = HostState<double>;

namespace {

template <class P, class K>
void run_class_conditional(const Case& c, const P& predictor, const K& corrector) {
  const AnySde sde = golden_sampling::sde_of(c, c.entry.at("levels"));
  const auto weights = golden_cases::shared(c, "classes.weights"),
             means = golden_cases::shared(c, "classes.means"),
             variances = golden_cases::shared(c, "classes.variances");
  GaussianMixture<AnySde> mixture(sde, weights, means, variances);
  const std::size_t dim = means.size() / weights.size();
  LinearClassifier<AnySde> classifier{
      sde, weights, means, {variances.begin(), variances.begin() + std::ptrdiff_t(dim)}};
  const auto labels = golden_cases::tensor(c, "labels");
  ClassifierGradient gradient(classifier, {labels.begin(), labels.end()});
  auto guided = classifier_guidance(mixture, gradient, c.entry.at("scale").get<double>());

  const Batch probe = golden_cases::state(c, "probe_x");
  const double t = c.entry.at("t_probe");
  Batch found = probe, logits({labels.size(), weights.size()});
  classifier.logits(probe, t, logits.span());
  golden_cases::check_close(logits, golden_cases::tensor(c, "probe_logits"));
  gradient.evaluate(probe, t, found);
  golden_cases::check_close(found, golden_cases::tensor(c, "probe_classifier_grad"));
  guided.evaluate(probe, t, found);
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
