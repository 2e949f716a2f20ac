// SPDX-License-Identifier: MIT
/// Presets as types: SDE, loss and convention, and their storage in checkpoints.
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/networks/mlp.hpp>
#include <scoresde/registry/preset_training.hpp>
#include <scoresde/registry/sampler_registry.hpp>
#include <scoresde/train/trainer.hpp>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"

using namespace scoresde;

namespace {

struct Kind {
  SdeKind sde = SdeKind::vp;
  bool continuous = true, likelihood_weighting = false;
  std::string expected;
};

nn::Preset preset_of(const Kind& kind) {
  nn::Preset p{.name = "a preset", .network = {}, .sde = kind.sde};
  p.sigma_min = 0.1;
  p.sigma_max = 10;
  p.num_scales = 100;
  p.continuous = kind.continuous;
  p.likelihood_weighting = kind.likelihood_weighting;
  p.sampling_eps = 1e-2;
  p.lr = 2e-3;
  p.warmup = 4;
  return p;
}

template <class S>
std::string name_of() {
  if constexpr (std::same_as<S, VpSde>) return "VpSde";
  if constexpr (std::same_as<S, SubVpSde>) return "SubVpSde";
  if constexpr (std::same_as<S, VeSde>) return "VeSde";
  if constexpr (std::same_as<S, EdmSde>) return "EdmSde";
  if constexpr (std::same_as<S, DdpmSde>) return "DdpmSde";
  if constexpr (std::same_as<S, SmldSde>) return "SmldSde";
  return "another";
}

/// A network for 64 elements; under VE the noise ranges from 0.1 to 10, and a network whose output
/// is not divided by σ also learns the score, less accurately.
template <class S>
nn::Graph small_network() {
  if constexpr (std::same_as<S, VeSde>)
    return nn::mlp(
        {.dim = 64, .width = 48, .depth = 1, .fourier_scale = 1, .scale_by_sigma = true});
  else
    return nn::mlp({.dim = 64, .width = 48, .depth = 1});
}

template <class Trainer>
double mean_loss(Trainer& trainer, int steps) {
  const auto images = test::tiny_images<float>(16);
  double sum = 0;
  for (int i = 0; i < steps; ++i) {
    trainer.step(images);
    sum += trainer.report().loss;
  }
  return sum / steps;
}

}  // namespace

TEST_CASE("every kind of preset trains with its SDE, loss and labels, and the loss decreases",
          "[slow]") {
  const std::vector<Kind> kinds{
      {SdeKind::vp, true, false, "VpSde"},       {SdeKind::sub_vp, true, false, "SubVpSde"},
      {SdeKind::ve, true, false, "VeSde"},       {SdeKind::vp, true, true, "VpSde"},
      {SdeKind::sub_vp, true, true, "SubVpSde"}, {SdeKind::ve, true, true, "VeSde"},
      {SdeKind::vp, false, false, "DdpmSde"},    {SdeKind::ve, false, false, "SmldSde"},
      {SdeKind::edm, true, false, "EdmSde"}};
  for (const Kind& kind : kinds) {
    CAPTURE(name_of(kind.sde), kind.continuous, kind.likelihood_weighting);
    const nn::Preset preset = preset_of(kind);
    visit_training(preset, [&]<class S, class Loss>(const S& sde, const Loss& loss) {
      CHECK(name_of<S>() == kind.expected);
      CHECK(std::same_as<Loss, DiscreteScoreMatching> == !kind.continuous);
      CHECK(std::same_as<Loss, EdmLoss> == (kind.sde == SdeKind::edm));
      const auto configuration = training_configuration(preset, loss, 7);
      Trainer<eigen::Ops<float>, ScoreMatching<S, Loss>> trainer(small_network<S>(), sde,
                                                                 configuration, 16);
      const double before = mean_loss(trainer, 10);
      mean_loss(trainer, 150);
      CHECK(mean_loss(trainer, 10) < 0.7 * before);

      // A checkpoint of this run is sampled under the same SDE and labels.
      const auto kept = checkpoint_configuration(preset, sde, configuration);
      visit_score(kept, [&]<class Found, class C>(const Found& found, const C&) {
        CHECK(name_of<Found>() == name_of<S>());
        CHECK(std::same_as<C, typename Loss::template Convention<S>>);
        CHECK(found.marginal_prob(0.5).std == Approx(sde.marginal_prob(0.5).std).epsilon(1e-14));
      });
    });
  }
}

TEST_CASE("every preset has an existing loss, and a sampler that cifar10_sample supports") {
  for (const nn::Preset& preset : nn::presets()) {
    CAPTURE(preset.name);
    visit_training(preset, [&]<class S, class Loss>(const S& sde, const Loss& loss) {
      CHECK(DiscreteSde<S> == !preset.continuous);
      CHECK(nn::LevelConvention<Loss> == DiscreteSde<S>);
      if constexpr (DiscreteSde<S>) CHECK(sde.training_steps() == preset.num_scales);
      const auto kept =
          checkpoint_configuration(preset, sde, training_configuration(preset, loss, 1));
      CHECK_NOTHROW(sampler_row("--solver", kept.at("program.solver")));
      CHECK_NOTHROW(sampler_row("--predictor", kept.at("program.predictor")));
      CHECK_NOTHROW(sampler_row("--corrector", kept.at("program.corrector")));
    });
  }
}

TEST_CASE("presets with unsupported combinations are rejected") {
  const auto ignore = [](const auto&, const auto&) {};
  CHECK_THROWS_WITH(visit_training(preset_of({SdeKind::sub_vp, false, false, ""}), ignore),
                    Catch::Contains("sub-VP has no discrete levels"));
  CHECK_THROWS_WITH(visit_training(preset_of({SdeKind::vp, false, true, ""}), ignore),
                    Catch::Contains("likelihood weighting"));
  CHECK_THROWS_WITH(visit_training(preset_of({SdeKind::edm, false, false, ""}), ignore),
                    Catch::Contains("EDM loss is in continuous time"));
  CHECK_THROWS_WITH(visit_training(preset_of({SdeKind::edm, true, true, ""}), ignore),
                    Catch::Contains("a weighting of its own"));
  CHECK_THROWS_WITH(visit_training(preset_of({SdeKind::ddpm, true, false, ""}), ignore),
                    Catch::Contains("'ddpm'"));
}
