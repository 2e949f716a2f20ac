// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

#include <scoresde/registry/chain_settings.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/run_names.hpp>
#include <scoresde/registry/sde_registry.hpp>
#include <scoresde/train/configuration.hpp>

#include "support/catch.hpp"

using namespace scoresde;

TEST_CASE("network and SDE can be rebuilt from a run's configuration") {
  nn::UNetConfig network;
  network.nf = 24;
  network.ch_mult = {1, 3};
  network.dropout = 0.15;
  const VpSde sde({.beta_min = 0.2, .beta_max = 17.3, .t_min = 1e-4});
  const Metadata flat = run_configuration(network, sde, {.seed = 5});
  CHECK(network_of(flat) == network);
  CHECK(flat.at("training.seed") == "5");
  visit_sde(flat, [](const auto& found) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(found)>, VpSde>) {
      CHECK(found.schedule().beta_min == 0.2);
      CHECK(found.schedule().beta_max == 17.3);
      CHECK(found.schedule().t_min == 1e-4);
    } else {
      FAIL("another SDE was read");
    }
  });
}

TEST_CASE("label dropout is stored for a run with classes only") {
  nn::UNetConfig network;
  CHECK(run_configuration(network, VpSde{}, {.seed = 5}).count("training.label_dropout") == 0);
  network.num_class_embeds = 10;
  const Metadata flat = run_configuration(network, VpSde{}, {.seed = 5, .label_dropout = 0.15});
  CHECK(flat.at("training.label_dropout") == "0.15");
  CHECK(network_of(flat).num_class_embeds == 10);
}

TEST_CASE("sub-VP and VE are read back with their schedules") {
  const auto top = [](const auto& sde) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(sde)>, VeSde>)
      return sde.schedule().sigma_max;
    else if constexpr (std::is_same_v<std::remove_cvref_t<decltype(sde)>, SubVpSde>)
      return sde.schedule().beta_max;
    else
      return 0.0;
  };
  CHECK(visit_sde(describe(VeSde({.sigma_max = 42.5})), top) == 42.5);
  CHECK(visit_sde(describe(SubVpSde({.beta_max = 12})), top) == 12);
}

TEST_CASE("SDE and convention of every kind of run are read back from its configuration") {
  const nn::UNetConfig network;
  // The result of visit_score for a run: SDE, convention, and one number of each.
  const auto found = [&](const auto& sde, const auto& loss) {
    using Loss = std::remove_cvref_t<decltype(loss)>;
    return visit_score(
        run_configuration(network, sde, TrainingConfigurationWith<Loss>{.loss = loss}),
        []<class S, class C>(const S& s, const C& c) -> std::string {
          std::string text = std::same_as<C, nn::NoisePredictionAtTime>    ? "time "
                             : std::same_as<C, nn::ScoreAtSigma>           ? "sigma "
                             : std::same_as<C, nn::NoisePredictionAtLevel> ? "level "
                             : std::same_as<C, nn::ScoreAtLevel>           ? "VE level "
                                                                           : "karras ";
          if constexpr (std::same_as<S, EdmSde>)
            return text + "sigma to " + std::to_string(int(s.t_max()));
          if constexpr (requires { c.sigma_data; })
            return text + (c.sigma_data == 0.3 ? "0.3" : "");
          if constexpr (requires { s.training_steps(); })
            text += std::to_string(s.training_steps()) + " ";
          if constexpr (std::same_as<S, VpSde>) text += "vp";
          if constexpr (std::same_as<S, SubVpSde>) text += "subvp";
          if constexpr (std::same_as<S, VeSde>) text += "ve";
          return text;
        });
  };
  CHECK(found(VpSde{}, DenoisingScoreMatching{}) == "time vp");
  CHECK(found(SubVpSde{}, DenoisingScoreMatching{}) == "time subvp");
  CHECK(found(VeSde{}, DenoisingScoreMatching{}) == "sigma ve");
  CHECK(found(DiscreteVpSde(100), DiscreteScoreMatching{}) == "level 100 ");
  CHECK(found(DiscreteVeSde(50), DiscreteScoreMatching{}) == "VE level 50 ");
  CHECK(found(SmldSde(50), DiscreteScoreMatching{}) == "VE level 50 ");
  CHECK(found(VpSde{}, EdmLoss{.sigma_data = 0.3}) == "karras 0.3");
  CHECK(found(EdmSde({0.01, 90}), EdmLoss{}) == "karras sigma to 90");
  CHECK(found(EdmSde{}, DenoisingScoreMatching{}) == "karras sigma to 80");
  // A file written before the loss was stored.
  CHECK(visit_score(describe(VpSde{}), [](const auto& sde, const auto&) { return sde.t_max(); }) ==
        1);
}

TEST_CASE("EDM's loss is stored with its convention, and any other convention is rejected") {
  Metadata flat = run_configuration(nn::UNetConfig{}, EdmSde{},
                                    TrainingConfigurationWith<EdmLoss>{.loss = {.p_mean = -1}});
  CHECK(flat.at("training.loss") == "karras");
  CHECK(flat.at("training.convention") == "karras_preconditioned");
  CHECK(flat.at("training.p_mean") == "-1");
  CHECK(flat.at("training.sigma_data") == "0.5");
  CHECK(flat.at("sde.name") == "karras");
  flat["training.convention"] = "noise_prediction_at_time";
  CHECK_THROWS_WITH(
      visit_score(flat, [](const auto&...) {}),
      Catch::Contains("'noise_prediction_at_time'") && Catch::Contains("karras_preconditioned"));
}

TEST_CASE("EDM's own names are accepted and mean the same as the written ones") {
  Metadata edm =
      run_configuration(nn::UNetConfig{}, EdmSde{}, TrainingConfigurationWith<EdmLoss>{});
  const Metadata written = edm;
  edm["sde.name"] = edm["training.loss"] = "edm";
  edm["training.convention"] = "edm_preconditioning";
  CHECK(with_written_names(edm) == written);
  visit_score(edm, []<class S, class C>(const S& sde, const C&) {
    CHECK(std::same_as<S, EdmSde>);
    CHECK(std::same_as<C, nn::EdmPreconditioning>);
    CHECK(sde.t_max() == 80);
  });
  edm["sde.name"] = "an SDE of my own";
  CHECK(with_written_names(edm).at("sde.name") == "an SDE of my own");
}

TEST_CASE("the levels of a VP run are read back as the chain of its betas") {
  const DiscreteVpSde trained(100, {.beta_min = 0.2, .beta_max = 10});
  Metadata flat = describe(trained);
  flat["training.loss"] = "discrete";
  visit_score(flat, [&](const auto& sde, const auto&) {
    if constexpr (DiscreteSde<std::remove_cvref_t<decltype(sde)>>)
      for (std::size_t i = 0; i < 100; ++i)
        REQUIRE(sde.marginal_prob(sde.training_time(i)).std ==
                Approx(trained.training_marginal(trained.training_time(i)).std).epsilon(1e-12));
    else
      FAIL("a continuous SDE was read");
  });
}

TEST_CASE("visit_sde rejects a network of discrete levels") {
  const auto ignore = [](const auto&...) {};
  Metadata flat = describe(DiscreteVpSde(100));
  flat["training.loss"] = "discrete";
  CHECK_THROWS_WITH(visit_sde(flat, ignore), Catch::Contains("trained on discrete levels"));
  flat["sde.name"] = "subvp";
  CHECK_THROWS_WITH(visit_score(flat, ignore), Catch::Contains("'subvp'"));
  flat["training.loss"] = "hinge";
  CHECK_THROWS_WITH(visit_score(flat, ignore), Catch::Contains("'hinge'"));
  flat = describe(VpSde{});
  flat["training.loss"] = "discrete";
  CHECK_THROWS_WITH(visit_score(flat, ignore), Catch::Contains("no sde.training_steps"));
}

TEST_CASE("different settings are stored as different texts") {
  const TrainingConfiguration plain{};
  TrainingConfiguration other{};
  other.ema.schedule = EmaSchedule::constant;
  CHECK(describe(plain) != describe(other));
  other = {};
  other.loss.likelihood_weighting = true;
  CHECK(describe(plain) != describe(other));
  other = {};
  other.loss.min_snr_gamma = 5;
  CHECK(describe(plain) != describe(other));
  other = {};
  other.optimizer.epsilon = 1e-7;
  CHECK(describe(plain) != describe(other));
  other = {};
  other.ema_tracks = {ExponentialMovingAverage::power(0.05)};
  CHECK(describe(plain) != describe(other));
}

TEST_CASE("a decay of the learning rate is read back from the configuration") {
  TrainingConfiguration configuration{};
  CHECK(decay_of(describe(configuration)) == LearningRateDecay{});
  configuration.optimizer.decay = {.first = 700, .updates = 30};
  CHECK(decay_of(describe(configuration)) == LearningRateDecay{700, 30});
}

TEST_CASE("a schedule of the learning rate is read back from the configuration") {
  TrainingConfiguration configuration{};
  const Metadata plain = describe(configuration);
  CHECK(plain.count("training.schedule") == 0);
  CHECK(schedule_of(plain) == LearningRateSchedule{});
  for (const LearningRateSchedule& schedule :
       {LearningRateSchedule{RateSchedule::cosine, 900, 0.1},
        LearningRateSchedule{RateSchedule::inverse_sqrt, 70}}) {
    configuration.optimizer.schedule = schedule;
    CHECK(schedule_of(describe(configuration)) == schedule);
  }
  CHECK_THROWS_WITH(schedule_of({{"training.schedule", "cosin"}}),
                    Catch::Contains("training.schedule is 'cosin'") && Catch::Contains("cosine"));
}

TEST_CASE("the settings of RAdam and SGD carry the optimizer's name, and those of Adam do not") {
  const Metadata adam = describe(TrainingConfiguration{});
  CHECK(adam.count("training.optimizer") == 0);
  const TrainingConfigurationWith<DenoisingScoreMatching, RAdam> radam{
      .optimizer = {.learning_rate = 3e-4, .threshold = 5}};
  Metadata found = describe(radam);
  CHECK(found.at("training.optimizer") == "radam");
  CHECK(found.at("training.radam_threshold") == "5");
  CHECK(found.at("training.beta2") == adam.at("training.beta2"));
  const TrainingConfigurationWith<DenoisingScoreMatching, Sgd> sgd{
      .optimizer = {.nesterov = true, .decay = {.first = 7, .updates = 3}}};
  found = describe(sgd);
  CHECK(found.at("training.optimizer") == "sgd");
  CHECK(found.at("training.nesterov") == "true");
  CHECK(found.count("training.beta1") == 0);
  CHECK(decay_of(found) == LearningRateDecay{7, 3});
}

TEST_CASE("power-function averages are stored by their gammas") {
  TrainingConfiguration configuration{};
  configuration.ema = {.decay = 0, .schedule = EmaSchedule::power, .gamma = 6.5};
  configuration.ema_tracks = {configuration.ema, ExponentialMovingAverage::power(0.05)};
  configuration.validate();
  const Metadata flat = describe(configuration);
  CHECK(flat.at("training.ema_schedule") == "power");
  CHECK(flat.at("training.ema_gamma") == "6.5");
  CHECK(flat.count("training.ema_decay") == 0);
  CHECK(flat.at("training.ema_track_gammas").substr(0, 9) == "6.5,16.97");
  CHECK(track_count(flat) == 2);
  CHECK(ema_tracks_of(flat) == configuration.ema_tracks);
  CHECK(flat.count("training.ema_track_decays") == 0);
}

TEST_CASE("averages with a ramp are stored by their decays, after those of power functions") {
  TrainingConfiguration configuration{};
  CHECK(track_count(describe(configuration)) == 0);
  CHECK(ema_tracks_of(describe(configuration)).empty());
  configuration.ema_tracks = {{.decay = 0.9}, {.decay = 0.9999}};
  configuration.validate();
  Metadata flat = describe(configuration);
  CHECK(flat.at("training.ema_track_decays") == "0.9,0.9999");
  CHECK(flat.count("training.ema_track_gammas") == 0);
  CHECK(track_count(flat) == 2);
  configuration.ema_tracks.insert(configuration.ema_tracks.begin(),
                                  ExponentialMovingAverage::power(0.1));
  configuration.validate();
  CHECK(track_count(describe(configuration)) == 3);
  CHECK(ema_tracks_of(describe(configuration)) == configuration.ema_tracks);
  flat["training.ema_track_decays"] = "0.9,fast";
  CHECK_THROWS_WITH(ema_tracks_of(flat), Catch::Contains("is 'fast'"));
  std::reverse(configuration.ema_tracks.begin(), configuration.ema_tracks.end());
  CHECK_THROWS_WITH(configuration.validate(), Catch::Contains("out of order"));
  configuration.ema_tracks = {{.decay = 0.9, .schedule = EmaSchedule::constant}};
  CHECK_THROWS_WITH(configuration.validate(), Catch::Contains("another schedule"));
}

TEST_CASE("a configuration without SDE or network, or with invalid values, is rejected") {
  const auto ignore = [](const auto&) {};
  CHECK_THROWS_WITH(visit_sde({}, ignore), Catch::Contains("no sde.name"));
  CHECK_THROWS_WITH(visit_sde({{"sde.name", "vx"}}, ignore), Catch::Contains("'vx'"));
  Metadata flat = describe(VpSde{});
  flat["sde.beta_max"] = "20x";
  CHECK_THROWS_WITH(visit_sde(flat, ignore), Catch::Contains("'20x'"));
  flat["sde.beta_max"] = "-3";
  CHECK_THROWS_AS(visit_sde(flat, ignore), Error);
  CHECK_THROWS_WITH(network_of({}), Catch::Contains("network."));
  CHECK_THROWS_WITH(network_of({{"network.color", "red"}}), Catch::Contains("color"));
}

TEST_CASE("a chain of betas is read back exactly from its settings") {
  using List = BetaList;
  for (const List& list :
       {List{}, List{.levels = 50, .first = 1e-3, .last = 0.3, .zero_terminal_snr = true},
        List{.rule = BetaRule::scaled_linear, .first = 0.00085, .last = 0.012},
        List{.rule = BetaRule::cosine, .levels = 250},
        List{.rule = BetaRule::listed, .betas = {0.1 / 3, 0.2, 0.25}},
        List{.rule = BetaRule::listed, .betas = {0.1, 0.2, 0.3}, .zero_terminal_snr = true}}) {
    Metadata flat = describe(list);
    flat["training.loss"] = "discrete";
    CAPTURE(flat.at("sde.betas"));
    const std::vector<double> betas = list.values();
    CHECK(beta_list_of(flat).values() == betas);
    visit_score(flat, [&]<class S, class C>(const S& sde, const C& convention) {
      if constexpr (std::same_as<S, DdpmSde>) {
        double log_alpha_bar = 0;
        for (std::size_t i = 0; i < sde.training_steps(); ++i) {
          log_alpha_bar += std::log1p(-betas[i]);
          REQUIRE(sde.marginal_prob(sde.training_time(i)).std ==
                  Approx(std::sqrt(-std::expm1(log_alpha_bar))).epsilon(1e-13));
          REQUIRE(convention.label(sde, sde.training_time(i)) == double(i));
        }
      } else {
        FAIL("another SDE was read");
      }
    });
  }
}

TEST_CASE("a network's prediction type is read back, for levels and for times") {
  Metadata levels = describe(BetaList{}), times = describe(VpSde{});
  levels["training.loss"] = "discrete";
  for (Metadata flat : {levels, times}) {
    const auto found = [&] {
      return visit_score(flat, [](const auto&, const auto& convention) -> int {
        if constexpr (requires { convention.prediction; }) return int(convention.prediction);
        return -1;
      });
    };
    CHECK(found() == int(PredictionType::noise));
    for (const auto type :
         {PredictionType::noise, PredictionType::data, PredictionType::velocity}) {
      for (const auto& [key, value] : describe(type)) flat[key] = value;
      CHECK(found() == int(type));
    }
    flat["training.prediction"] = "epsilon";
    CHECK_THROWS_WITH(found(), Catch::Contains("training.prediction is 'epsilon'") &&
                                   Catch::Contains("noise, data, velocity"));
  }
  const auto ignore = [](const auto&...) {};
  for (Metadata flat : {describe(VeSde{}), describe(EdmSde{})}) {
    flat["training.prediction"] = "velocity";
    CHECK_THROWS_WITH(visit_score(flat, ignore), Catch::Contains("'velocity'"));
  }
}

TEST_CASE("settings that do not belong to the SDE are rejected by name") {
  const auto rejected = [](Metadata flat, const char* key, const char* value,
                           const std::string& words) {
    flat[key] = value;
    CAPTURE(key, value);
    CHECK_THROWS_WITH(visit_score(flat, [](const auto&...) {}),
                      Catch::Contains(key) && Catch::Contains(words));
  };
  rejected(describe(VpSde{}), "sde.beta_mx", "10", "did you mean 'sde.beta_max'?");
  rejected(describe(VpSde{}), "sde.sigma_min", "0.01", "SDE 'vp'");
  rejected(describe(VpSde{}), "sde.beta_max", "banana", "'banana'; it must be a number");
  rejected(describe(VpSde{}), "sde.training_steps", "1000", "training.loss = discrete");
  rejected(describe(VeSde{}), "sde.training_steps", "1000", "training.loss = discrete");
  rejected(describe(EdmSde{}), "sde.t_min", "0.1", "SDE 'karras'");
  rejected(describe(BetaList{}), "training.loss", "continuous", "'ddpm'");
  Metadata chain = describe(BetaList{});
  chain["training.loss"] = "discrete";
  rejected(chain, "sde.betas", "banana", "linear, scaled_linear, cosine, listed");
  Metadata cosine = chain;
  cosine["sde.betas"] = "cosine";
  rejected(cosine, "sde.beta_first", "1e-04", "a chain of cosine betas");
  rejected(chain, "sde.zero_terminal_snr", "yes", "true or false");
  rejected(chain, "sde.training_steps", "10000000", "2^20");
  rejected(chain, "sde.t_min", "0.001", "a chain of linear betas");
  Metadata list = describe(BetaList{.rule = BetaRule::listed, .betas = {0.1, 0.2}});
  list["training.loss"] = "discrete";
  rejected(list, "sde.beta_list", "0.1,,0.2", "''; it must be a number");
  list["sde.beta_list"] = "0.1,2,0.3";
  CHECK_THROWS_WITH(visit_score(list, [](const auto&...) {}), Catch::Contains("beta 2 of 3 is 2"));
}
