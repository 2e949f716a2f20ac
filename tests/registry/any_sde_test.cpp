// SPDX-License-Identifier: MIT
/// AnySde and AnyScore: the values of the wrapped SDE and score, and their pairs by configuration.
#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <scoresde/corrector/langevin.hpp>
#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/registry/any_trained_under.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/sde_registry.hpp>
#include <scoresde/sde/sde_kind.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/log_snr.hpp>
#include <scoresde/time/log_snr_grid.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

/// Calls use(sde) for one SDE of each type, with settings other than the defaults.
template <class Use>
void for_each_held(Use use) {
  use(VpSde({0.2, 10, 1e-2}));
  use(SubVpSde({0.2, 10, 1e-2}));
  use(VeSde({0.02, 40, 1e-4}));
  use(EdmSde({0.01, 30}));
  use(CosineVpSde({.t_min = 0.01, .t_max = 0.9}));
  use(RectifiedFlowSde({.t_min = 0.01, .t_max = 0.9}));
  use(DdpmSde(linear_betas(50, 0.001, 0.3)));
  use(SmldSde(50, {0.02, 40, 1e-4}));
}

/// A score whose output shows the label that it is evaluated at: F = label·x.
template <class S, class C>
struct LabelScore {
  using Scalar = float;
  S sde;
  C convention;
  std::span<const std::uint32_t> classes = {};

  [[nodiscard]] ScoreForm score_form(double t) const { return convention.score_form(sde, t); }
  void set_classes(std::span<const std::uint32_t> given) { classes = given; }
  void evaluate(const HostState<float>& x, double t, HostState<float>& output) {
    const auto factor = static_cast<float>(convention.label(sde, t) + double(classes.size()));
    for (std::size_t i = 0; i < x.size(); ++i) output.data()[i] = factor * x.data()[i];
  }
};

struct LabelScores {
  template <class S, class C>
  using Score = LabelScore<S, C>;
};

Metadata configuration(const char* sde, const char* loss) {
  return {{"sde.name", sde},       {"training.loss", loss},        {"sde.beta_min", "0.1"},
          {"sde.beta_max", "20"},  {"sde.t_min", "0.001"},         {"sde.sigma_min", "0.01"},
          {"sde.sigma_max", "50"}, {"training.sigma_data", "0.5"}, {"sde.training_steps", "100"}};
}

/// All settings of this SDE.
Metadata only(Metadata all, const std::vector<std::string>& keys) {
  std::erase_if(all, [&](const auto& entry) {
    return std::find(keys.begin(), keys.end(), entry.first) == keys.end();
  });
  return all;
}

}  // namespace

TEST_CASE("AnySde has the values of the wrapped SDE") {
  for_each_held([]<class S>(const S& sde) {
    const AnySde any(sde);
    CHECK(any.is<S>());
    CHECK(any.t_min() == sde.t_min());
    CHECK(any.t_max() == sde.t_max());
    CHECK(any.prior_std() == sde.prior_std());
    for (const double part : {0.2, 0.4, 1.0}) {
      CAPTURE(part);
      const double t = part * sde.t_max();
      CHECK(any.drift(t) == Approx(sde.drift(t)).epsilon(1e-14));
      CHECK(any.diffusion(t) == Approx(sde.diffusion(t)).epsilon(1e-14));
      CHECK(any.marginal_prob(t).mean == Approx(sde.marginal_prob(t).mean).epsilon(1e-14));
      CHECK(any.marginal_prob(t).std == Approx(sde.marginal_prob(t).std).epsilon(1e-14));
      if constexpr (requires { sde.langevin_scale(t); })
        CHECK(any.langevin_scale(t) == Approx(sde.langevin_scale(t)).epsilon(1e-14));
      else
        CHECK(any.langevin_scale(t) == 1);
      const double lambda = log_snr(sde, t);
      CHECK(time_of_log_snr(any, lambda) == Approx(time_of_log_snr(sde, lambda)).epsilon(1e-12));
      const Transition found = transition(any, {t, t / 2}), wanted = transition(sde, {t, t / 2});
      CHECK(found.mean == Approx(wanted.mean).epsilon(1e-14));
      CHECK(found.variance == Approx(wanted.variance).epsilon(1e-12));
    }
    CHECK(log_snr_grid(any, 7).back().t_next == sde.t_min());
  });
}

TEST_CASE("AnySde throws the errors of the wrapped SDE, and visits it as its own type") {
  CHECK_THROWS_WITH(AnySde(VpSde()).marginal_prob(1.5), Contains("VP SDE"));
  CHECK_THROWS_WITH(AnySde(EdmSde()).marginal_prob(100), Contains("EDM SDE"));
  const AnySde any = SmldSde(50);
  CHECK_FALSE(any.is<VeSde>());
  const DiscreteVpSde own(50);
  const AnySde chain = own;
  CHECK(chain.is<DiscreteVpSde>());
  CHECK(transition(chain, {0.5, 0.48}).variance == transition(own, {0.5, 0.48}).variance);
  CHECK(AnySde(DiscreteVeSde(50)).is<DiscreteVeSde>());
  CHECK(AnySde(DiscreteSubVpSde(50)).is<DiscreteSubVpSde>());
  any.visit([]<class S>(const S&) { CHECK(std::same_as<S, SmldSde>); });
}

TEST_CASE("AnyScore evaluates the wrapped score with its label and form") {
  const auto compare = []<class S, class C>(const S& sde, const C& convention, double t) {
    LabelScore<S, C> own{sde, convention};
    AnyScore<LabelScores> any(own);
    CHECK(any.score_form(t).state == own.score_form(t).state);
    CHECK(any.score_form(t).output == own.score_form(t).output);
    HostState<float> x({1, 2}, {1.0f, -2.0f}), found({1, 2}), wanted({1, 2});
    const std::vector<std::uint32_t> classes{3};
    for (const std::size_t count : {0, 1}) {
      const auto given = std::span<const std::uint32_t>(classes).first(count);
      own.set_classes(given);
      any.set_classes(given);
      own.evaluate(x, t, wanted);
      any.evaluate(x, t, found);
      CHECK(found.data()[0] == wanted.data()[0]);
      CHECK(found.data()[1] == wanted.data()[1]);
    }
  };
  compare(VpSde(), nn::PredictionAtTime{.prediction = PredictionType::velocity}, 0.3);
  compare(SubVpSde(), nn::PredictionAtTime{}, 0.3);
  compare(VeSde(), nn::ScoreAtSigma{}, 0.3);
  compare(EdmSde(), nn::EdmPreconditioning{.sigma_data = 0.4}, 2.0);
  const DdpmSde chain(linear_betas(50));
  compare(chain, nn::PredictionAtLevel{}, chain.training_time(7));
  const SmldSde levels(50);
  compare(levels, nn::ScoreAtLevel{}, levels.training_time(7));
  compare(AnySde(VpSde()), AnyTrainedUnder(nn::TrainedUnder(EdmSde())), 0.3);
}

TEST_CASE("a configuration determines the SDE for sampling its network") {
  const auto vp = only(configuration("vp", "continuous"),
                       {"sde.name", "training.loss", "sde.t_min", "sde.beta_min", "sde.beta_max"});
  CHECK(sampled_sde(vp).is<VpSde>());
  auto levels = vp;
  levels["training.loss"] = "discrete";
  levels["sde.training_steps"] = "100";
  CHECK(sampled_sde(levels).is<DdpmSde>());
  const auto karras =
      only(configuration("karras", "karras"),
           {"sde.name", "training.loss", "sde.sigma_min", "sde.sigma_max", "training.sigma_data"});
  CHECK(sampled_sde(karras).is<EdmSde>());
  auto other = karras;
  other["sde.name"] = "ve";
  other["sde.t_min"] = "0.001";
  CHECK_THROWS_WITH(sampled_sde(other), Contains("EDM loss under another SDE"));
}

TEST_CASE("the networks of other SDEs are conditioned on the label at the same noise level") {
  const auto karras =
      only(configuration("karras", "karras"),
           {"sde.name", "training.loss", "sde.sigma_min", "sde.sigma_max", "training.sigma_data"});
  const AnyTrainedUnder edm = trained_under(karras);
  const VpSde vp;
  const EdmSde own({0.01, 50});
  const double t = 0.3, sigma = std::exp(-0.5 * log_snr(vp, t));
  CHECK(edm.label(vp, t) == Approx(nn::EdmPreconditioning{.sigma_data = 0.5}.label(own, sigma)));
  CHECK(edm.changed(vp, t).scale == Approx(1 / vp.marginal_prob(t).mean));
  CHECK(edm.changed(vp, 1).clamped);
  CHECK_FALSE(edm.changed(vp, t).clamped);
  CHECK(edm.noise_range().high == Approx(50));
  CHECK(edm.score_form(vp, t).output ==
        Approx(nn::EdmPreconditioning{.sigma_data = 0.5}.score_form(own, sigma).output /
               vp.marginal_prob(t).mean));

  auto levels =
      only(configuration("vp", "discrete"), {"sde.name", "training.loss", "sde.t_min",
                                             "sde.beta_min", "sde.beta_max", "sde.training_steps"});
  const AnyTrainedUnder ddpm = trained_under(levels);
  const DdpmSde chain = ddpm_sde(100, BetaSchedule{});
  const double at = std::exp(-0.5 * log_snr(chain, chain.training_time(40)));
  CHECK(ddpm.label(EdmSde(), at) == Approx(40));
  levels = only(configuration("ve", "discrete"),
                {"sde.name", "training.loss", "sde.t_min", "sde.sigma_min", "sde.sigma_max",
                 "sde.training_steps"});
  CHECK_THROWS_WITH(trained_under(levels), Contains("SMLD's levels"));
}

TEST_CASE("a continuous network is trained from the smallest time of its loss") {
  auto vp = only(configuration("vp", "continuous"),
                 {"sde.name", "training.loss", "sde.t_min", "sde.beta_min", "sde.beta_max"});
  const auto least = [&] { return trained_under(vp).noise_range().low; };
  CHECK(least() == Approx(std::exp(-0.5 * log_snr(VpSde(), 1e-3))));
  vp["training.epsilon"] = "1e-05";
  CHECK(least() == Approx(std::exp(-0.5 * log_snr(VpSde(), 1e-5))));
}

TEST_CASE("another SDE is one of another kind, with the settings of its paper") {
  const auto other = [](const char* sde, const char* loss, SdeKind kind) {
    return other_sde(configuration(sde, loss), kind);
  };
  CHECK_FALSE(other("vp", "continuous", SdeKind::vp));
  CHECK_FALSE(other("ve", "discrete", SdeKind::ve));
  CHECK_FALSE(other("ddpm", "discrete", SdeKind::vp));
  CHECK(other("karras", "karras", SdeKind::vp)->is<VpSde>());
  CHECK(other("karras", "karras", SdeKind::ve)->marginal_prob(1).std == Approx(50));
  CHECK(other("vp", "continuous", SdeKind::sub_vp)->is<SubVpSde>());
  CHECK(other("vp", "continuous", SdeKind::edm)->is<EdmSde>());
  CHECK_THROWS_WITH(other("vp", "continuous", SdeKind::ddpm), Contains("vp, sub_vp, ve or edm"));
}
