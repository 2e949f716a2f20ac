// SPDX-License-Identifier: MIT
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/checkpoint/diffusers_scheduler.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Contains;
using nlohmann::json;

namespace {

json chain(const json& patch = {}) {
  json config{{"_class_name", "DDIMScheduler"}, {"_diffusers_version", "0.42.1"},
              {"beta_start", 0.0001},           {"beta_end", 0.02},
              {"beta_schedule", "linear"},      {"num_train_timesteps", 1000},
              {"prediction_type", "epsilon"},   {"trained_betas", nullptr},
              {"rescale_betas_zero_snr", false}};
  if (!patch.is_null()) config.update(patch);
  return config;
}

DiffusersScheduler read(const json& config) { return scheduler_of_diffusers(config.dump()); }

std::vector<double> betas(const json& patch) {
  return beta_list_of(read(chain(patch)).settings).values();
}

}  // namespace

TEST_CASE("a scheduler's betas follow the rule of its config, or its own list") {
  CHECK(betas({}) == linear_betas(1000));
  CHECK(betas({{"num_train_timesteps", 50}, {"beta_end", 0.3}}) == linear_betas(50, 1e-4, 0.3));
  CHECK(betas({{"beta_schedule", "scaled_linear"}, {"beta_start", 0.00085}, {"beta_end", 0.012}}) ==
        scaled_linear_betas(1000));
  CHECK(betas({{"beta_schedule", "squaredcos_cap_v2"}}) == cosine_betas(1000));
  CHECK(betas({{"trained_betas", {0.1, 0.2, 0.4}}, {"num_train_timesteps", 3}}) ==
        std::vector<double>{0.1, 0.2, 0.4});
  CHECK(betas({{"rescale_betas_zero_snr", true}}) == zero_terminal_snr_betas(linear_betas(1000)));
  const auto sigmoid = betas({{"beta_schedule", "sigmoid"}, {"num_train_timesteps", 3}});
  REQUIRE(sigmoid.size() == 3);
  CHECK(sigmoid[1] == Approx((1e-4 + 0.02) / 2));
  CHECK(sigmoid[0] == Approx(1e-4 + (0.02 - 1e-4) / (1 + std::exp(6.0))));
  // Schedulers ported from k-diffusion have other defaults.
  CHECK(beta_list_of(read({{"_class_name", "HeunDiscreteScheduler"}}).settings).first == 0.00085);
  CHECK(beta_list_of(read({{"_class_name", "DDPMScheduler"}}).settings) == BetaList{});
}

TEST_CASE("a scheduler's prediction type is read, under its new and old keys") {
  const auto prediction = [](const json& patch) {
    return prediction_of(read(chain(patch)).settings);
  };
  CHECK(prediction({}) == PredictionType::noise);
  CHECK(prediction({{"prediction_type", "v_prediction"}}) == PredictionType::velocity);
  CHECK(prediction({{"prediction_type", "sample"}}) == PredictionType::data);
  CHECK(prediction_of(
            read({{"_class_name", "DDPMScheduler"}, {"predict_epsilon", false}}).settings) ==
        PredictionType::data);
  CHECK(
      prediction_of(read({{"_class_name", "DDPMScheduler"}, {"predict_epsilon", true}}).settings) ==
      PredictionType::noise);
}

TEST_CASE("schedulers of VE and EDM define the noise levels") {
  visit_score(read({{"_class_name", "ScoreSdeVeScheduler"},
                    {"sigma_min", 0.02},
                    {"sigma_max", 348},
                    {"sampling_eps", 1e-4},
                    {"snr", 0.075}})
                  .settings,
              [](const auto& sde, const auto&) {
                CHECK(sde.marginal_prob(1).std == Approx(348));
                CHECK(sde.t_min() == 1e-4);
              });
  visit_score(
      read({{"_class_name", "EDMEulerScheduler"}, {"sigma_max", 40}, {"sigma_data", 1}}).settings,
      [](const auto& sde, const auto& convention) {
        CHECK(sde.t_max() == 40);
        if constexpr (requires { convention.sigma_data; })
          CHECK(convention.sigma_data == 1);
        else
          FAIL("the convention differs");
      });
}

TEST_CASE("settings for sampling only are returned as hints") {
  const auto found =
      read(chain({{"timestep_spacing", "leading"}, {"steps_offset", 1}, {"x", nullptr}}));
  CHECK(found.class_name == "DDIMScheduler");
  CHECK(found.hints == std::vector<std::string>{"steps_offset = 1", "timestep_spacing = leading"});
  CHECK(read(chain()).hints.empty());
}

TEST_CASE("Python's infinities and NaN in a scheduler are read") {
  const auto found = scheduler_of_diffusers(R"({"_class_name": "DPMSolverMultistepScheduler",
      "lambda_min_clipped": -Infinity, "a": [NaN, Infinity], "b\"-Infinity": "NaN \\\" NaN"})");
  CHECK(found.hints == std::vector<std::string>{R"(a = ["NaN","Infinity"])",
                                                R"(b"-Infinity = NaN \" NaN)",
                                                "lambda_min_clipped = -Infinity"});
  CHECK_THROWS_WITH(scheduler_of_diffusers(R"({"_class_name": "DDPMScheduler", "beta_end": NaN})"),
                    Contains("beta_end is \"NaN\"; it must be a number"));
}

TEST_CASE("schedulers that cannot be expressed are rejected by key") {
  for (const auto& [patch, words] : std::vector<std::pair<json, std::string>>{
           {{{"prediction_type", "flow_prediction"}}, "prediction_type is \"flow_prediction\""},
           {{{"beta_schedule", "laplace"}}, "beta_schedule is \"laplace\""},
           {{{"beta_end", 1.5}}, "they must lie in (0, 1)"},
           {{{"trained_betas", {0.1, 0.2}}}, "num_train_timesteps is 1000; trained_betas has 2"},
           {{{"trained_betas", "many"}}, "trained_betas is string"},
           {{{"use_flow_sigmas", true}}, "use_flow_sigmas is true"},
           {{{"timestep_type", "continuous"}}, "timestep_type is \"continuous\""},
           {{{"variance_type", "learned_range"}}, "variance_type is \"learned_range\""},
           {{{"rescale_betas_zero_snr", 1}}, "rescale_betas_zero_snr is 1"},
           {{{"_class_name", "FlowMatchEulerDiscreteScheduler"}},
            "FlowMatchEulerDiscreteScheduler"},
           {{{"_class_name", "LCMScheduler"}}, "it must be a scheduler of a chain"},
           {{{"_class_name", nullptr}}, "_class_name is null"},
           {{{"_class_name", "EDMEulerScheduler"}, {"prediction_type", "v_prediction"}},
            "v_prediction"}}) {
    INFO(patch);
    CHECK_THROWS_WITH(read(chain(patch)), Contains("diffusers scheduler: ") && Contains(words));
  }
  CHECK_THROWS_WITH(scheduler_of_diffusers("[]"), Contains("object"));
  CHECK_THROWS_WITH(scheduler_of_diffusers("{"), Contains("JSON"));
}

TEST_CASE("a configuration's scheduler is read back as the configuration") {
  for (BetaList list : {BetaList{}, BetaList{.rule = BetaRule::cosine, .levels = 20},
                        BetaList{.rule = BetaRule::scaled_linear, .zero_terminal_snr = true},
                        BetaList{.rule = BetaRule::listed, .betas = {0.1 / 3, 0.2}}}) {
    Metadata settings = describe(list);
    settings.merge(describe(PredictionType::velocity));
    settings["training.loss"] = "discrete";
    CHECK(scheduler_of_diffusers(describe_scheduler_for_diffusers(settings).value()).settings ==
          settings);
  }
  Metadata ve = describe(VeSde({.sigma_max = 90}));
  ve["training.loss"] = "continuous";
  CHECK(scheduler_of_diffusers(describe_scheduler_for_diffusers(ve).value()).settings == ve);
  Metadata song = describe(DiscreteVpSde(100, {.beta_min = 0.2, .beta_max = 10}));
  song["training.loss"] = "discrete";
  const auto list =
      beta_list_of(scheduler_of_diffusers(describe_scheduler_for_diffusers(song).value()).settings);
  CHECK(list.values() == linear_betas(100, 0.2 / 100, 10.0 / 100));
  CHECK_FALSE(describe_scheduler_for_diffusers(describe(VpSde{})).has_value());
}
