// SPDX-License-Identifier: MIT
#include "tools/run_settings.hpp"

#include <utility>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/characters.hpp>
#include <scoresde/io/json.hpp>
#include <scoresde/loss/edm_loss.hpp>
#include <scoresde/nearest_name.hpp>
#include <scoresde/optim/radam.hpp>
#include <scoresde/optim/sgd.hpp>
#include <scoresde/registry/chain_settings.hpp>
#include <scoresde/registry/network_fields.hpp>
#include <scoresde/registry/preset_training.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/settings.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/train/configuration.hpp>

namespace convert {
namespace {

/// A JSON object of settings as key and text; lists become "1,2,2,2".
Metadata settings_of(const std::filesystem::path& path) {
  const auto bytes = scoresde::io::read_file(path);
  Metadata flat;
  try {
    const auto json = scoresde::io::parse_json(scoresde::io::characters(bytes), 2);
    scoresde::require(json.is_object(), "is ", json.type_name(), "; it must be an object");
    for (const auto& [key, value] : json.items()) {
      std::string& text = flat[key];
      if (!value.is_array()) text = value.is_string() ? value.get<std::string>() : value.dump();
      if (value.is_array())
        for (const auto& item : value) text += (text.empty() ? "" : ",") + item.dump();
    }
  } catch (const scoresde::Error& failure) {
    throw scoresde::Error(scoresde::text("--config: ", path.string(), ' ', failure.what()));
  }
  return flat;
}

/// Every setting that a checkpoint of this library's programs may contain, with a valid value.
Metadata known_settings() {
  Metadata known = scoresde::describe(scoresde::PredictionType::noise);
  known["training.label_dropout"] = "0";
  for (const auto& preset : scoresde::nn::presets())
    scoresde::visit_training(preset, [&](const auto& sde, const auto& loss) {
      known.merge(scoresde::checkpoint_configuration(
          preset, sde, scoresde::training_configuration(preset, loss, 42)));
    });
  for (const auto rule : {scoresde::BetaRule::linear, scoresde::BetaRule::listed})
    known.merge(scoresde::describe(scoresde::BetaList{.rule = rule}));
  for (const auto key : scoresde::keys_outside_the_network)
    known["network." + std::string(key)] = "";
  const scoresde::nn::UNetConfig network;  // files may omit fields with default values
  scoresde::for_each_field(network, [&](const char* key, const auto&) {
    known.emplace("network." + std::string(key), "");
  });
  known.merge(scoresde::describe(scoresde::RAdam{}));
  known.merge(scoresde::describe(scoresde::Sgd{}));
  known.merge(Metadata{{"training.decay_first", "0"},
                       {"training.decay_updates", "0"},
                       {"training.schedule", "constant"},
                       {"training.schedule_updates", "0"},
                       {"training.schedule_floor", "0"},
                       {"training.ema_gamma", "0"},
                       {"training.ema_track_gammas", ""},
                       {"training.ema_track_decays", ""}});
  return known;
}

/// Reads the setting, if there is one.
template <class Number>
void read_setting(const Metadata& configuration, const char* key, Number& value) {
  if (configuration.contains(key)) value = scoresde::number_setting<Number>(configuration, key);
}

/// Reads the settings that all optimizers have.
template <class O>
void read_schedule(const Metadata& configuration, O& optimizer) {
  read_setting(configuration, "training.learning_rate", optimizer.learning_rate);
  read_setting(configuration, "training.weight_decay", optimizer.weight_decay);
  read_setting(configuration, "training.warm_up", optimizer.warm_up);
  read_setting(configuration, "training.gradient_clip", optimizer.gradient_clip);
  read_setting(configuration, "training.decay_first", optimizer.decay.first);
  read_setting(configuration, "training.decay_updates", optimizer.decay.updates);
  optimizer.schedule = scoresde::schedule_of(configuration);
}

template <class O>
void read_moments(const Metadata& configuration, O& optimizer) {
  read_schedule(configuration, optimizer);
  read_setting(configuration, "training.beta1", optimizer.beta1);
  read_setting(configuration, "training.beta2", optimizer.beta2);
  read_setting(configuration, "training.adam_epsilon", optimizer.epsilon);
}

/// Throws Error for a value that a training rejects.
void check_training(const Metadata& given) {
  scoresde::TrainingConfigurationWith<scoresde::EdmLoss> training;
  read_moments(given, training.optimizer);
  read_setting(given, "training.seed", training.seed);
  read_setting(given, "training.ema_decay", training.ema.decay);
  read_setting(given, "training.ema_gamma", training.ema.gamma);
  read_setting(given, "training.label_dropout", training.label_dropout);
  training.validate();
  scoresde::RAdam rectified;
  read_setting(given, "training.radam_threshold", rectified.threshold);
  rectified.validate();
  scoresde::Sgd momentum;
  read_setting(given, "training.momentum", momentum.momentum);
  momentum.validate();
}

/// Throws Error for an unknown setting, with a near name if there is one, for a value that is not a
/// number, or not true or false, as its setting requires, and for one that a training rejects.
/// network_of checks the values of the network.
void check_settings(const Metadata& given) {
  static const Metadata known = known_settings();
  for (const auto& [key, value] : given) {
    const auto at = known.find(key);
    if (at == known.end())
      throw scoresde::Error(scoresde::text("setting ", key, " = '", value, "' is not known",
                                           scoresde::suggestion(key, scoresde::keys_of(known))));
    if (key.starts_with("network.")) continue;
    if (at->second == "true" || at->second == "false")
      static_cast<void>(scoresde::truth_setting(given, key));
    else if (double number = 0; CLI::detail::lexical_cast(at->second, number))
      static_cast<void>(scoresde::number_setting<double>(given, key));
  }
  check_training(given);
  Metadata network = given;
  std::erase_if(network, [](const auto& entry) { return !entry.first.starts_with("network."); });
  if (!network.empty()) static_cast<void>(scoresde::network_of(network));
}

/// The settings of --config, updated by --set.
Metadata given_settings(const SettingSources& options) {
  Metadata file, set;
  if (!options.config.empty()) file = settings_of(options.config);
  for (const std::string& setting : options.settings) {
    const auto equals = setting.find('=');
    scoresde::require_usage(equals != std::string::npos && equals > 0, "--set: '", setting,
                            "' must be key=value, such as sde.sigma_max=348");
    set[setting.substr(0, equals)] = setting.substr(equals + 1);
  }
  check_settings(file);
  scoresde::as_usage([&] { check_settings(set); });
  return overlay(std::move(file), set);
}

}  // namespace

scoresde::Adam optimizer_of(const Metadata& configuration) {
  scoresde::Adam adam;
  read_moments(configuration, adam);
  return adam;
}

Metadata configuration_of(const SettingSources& options, Format from) {
  const Metadata given = given_settings(options);
  if (from == Format::diffusers)
    for (const auto& [key, value] : given)
      scoresde::require_usage(!key.starts_with("network."), "setting ", key, " = '", value,
                              "': the network of diffusers is that of its config.json");
  Metadata configuration;
  if (!options.preset.empty()) {
    const auto& preset = scoresde::nn::preset(options.preset);
    scoresde::visit_training(preset, [&](const auto& sde, const auto& loss) {
      configuration = scoresde::checkpoint_configuration(
          preset, sde, scoresde::training_configuration(preset, loss, 42));
    });
  }
  return overlay(std::move(configuration), given);
}

}  // namespace convert
