// SPDX-License-Identifier: MIT
/// scoresde_convert: checkpoints of score_sde_pytorch, diffusers and this library into each other.
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <scoresde/nearest_name.hpp>
#include <scoresde/registry/chain_settings.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/network_fields.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/settings.hpp>

#include "cifar10/configuration.hpp"
#include "cifar10/program.hpp"
#include "convert/network_file.hpp"

namespace {

using convert::Format;
using convert::Keep;
using scoresde::Metadata;

const std::map<std::string, Format> formats{{"scoresde", Format::scoresde},
                                            {"score_sde", Format::score_sde},
                                            {"diffusers", Format::diffusers}};

struct Options {
  std::filesystem::path input, output, config;
  std::string from, to, preset;
  std::vector<std::string> settings;
  bool model = false, ema = false, list = false, overwrite = false;
};

/// A JSON object of settings as flat text; lists become "1,2,2,2".
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

/// Every setting that a checkpoint of this library's programs may hold, with a value that it has.
Metadata known_settings() {
  Metadata known = scoresde::describe(scoresde::PredictionType::noise);
  known["training.label_dropout"] = "0";
  for (const auto& preset : scoresde::nn::presets())
    cifar10::visit_training(preset, [&](const auto& sde, const auto& loss) {
      known.merge(cifar10::checkpoint_configuration(
          preset, sde, cifar10::training_configuration(preset, loss, 42)));
    });
  for (const auto rule : {scoresde::BetaRule::linear, scoresde::BetaRule::listed})
    known.merge(scoresde::describe(scoresde::BetaList{.rule = rule}));
  for (const auto key : scoresde::detail::keys_outside_the_network)
    known["network." + std::string(key)] = "";
  const scoresde::nn::UNetConfig network;  // files leave out some fields at their defaults
  scoresde::for_each_field(network, [&](const char* key, const auto&) {
    known.emplace("network." + std::string(key), "");
  });
  known.merge(Metadata{{"training.decay_first", "0"},
                       {"training.decay_updates", "0"},
                       {"training.ema_gamma", "0"},
                       {"training.ema_track_gammas", ""}});
  return known;
}

/// Throws Error for a setting that there is not, naming the nearest, and for a value that is not of
/// its kind: a number, or true or false. Values of the network are network_of's to read.
void check_settings(const Metadata& given) {
  using scoresde::require;
  static const Metadata known = known_settings();
  for (const auto& [key, value] : given) {
    const auto at = known.find(key);
    require(at != known.end(), "setting ", key, " = '", value, "' is not known; the nearest is ",
            scoresde::nearest_name(key, scoresde::detail::keys_of(known)));
    if (key.starts_with("network.")) continue;
    if (at->second == "true" || at->second == "false")
      static_cast<void>(scoresde::detail::truth_setting(given, key));
    else if (double number = 0; CLI::detail::lexical_cast(at->second, number))
      static_cast<void>(scoresde::detail::number_setting<double>(given, key));
  }
  Metadata network = given;
  std::erase_if(network, [](const auto& entry) { return !entry.first.starts_with("network."); });
  if (!network.empty()) static_cast<void>(scoresde::network_of(network));
}

/// What --config and --set say, --set over the file.
Metadata given_settings(const Options& options) {
  Metadata file, set;
  if (!options.config.empty()) file = settings_of(options.config);
  for (const std::string& setting : options.settings) {
    const auto equals = setting.find('=');
    scoresde::require(equals != std::string::npos && equals > 0, "--set: '", setting,
                      "' must be key=value, such as sde.sigma_max=348");
    set[setting.substr(0, equals)] = setting.substr(equals + 1);
  }
  check_settings(file);
  check_settings(set);
  return convert::overlay(std::move(file), set);
}

/// What the command line says of the network and its run: the preset, over it what is given.
Metadata configuration_of(const Options& options, Format from) {
  const Metadata given = given_settings(options);
  if (from == Format::diffusers)
    for (const auto& [key, value] : given)
      scoresde::require(!key.starts_with("network."), "setting ", key, " = '", value,
                        "': the network of diffusers is that of its config.json");
  Metadata configuration;
  if (!options.preset.empty()) {
    const auto& preset = scoresde::nn::preset(options.preset);
    cifar10::visit_training(preset, [&](const auto& sde, const auto& loss) {
      configuration = cifar10::checkpoint_configuration(
          preset, sde, cifar10::training_configuration(preset, loss, 42));
    });
  }
  return convert::overlay(std::move(configuration), given);
}

int run(const Options& options) {
  if (options.list) {
    convert::list_tensors(options.input);
    return 0;
  }
  scoresde::require(!options.output.empty(), "OUTPUT is missing; only --list needs none");
  const Format to =
      options.to.empty() ? convert::format_to_write(options.output) : formats.at(options.to);
  const Format from =
      options.from.empty() ? convert::format_of(options.input) : formats.at(options.from);
  if (!options.overwrite) convert::require_output_replaceable(options.input, options.output, to);
  const Keep keep = options.model ? Keep::model : options.ema ? Keep::ema : Keep::all;
  const auto file =
      convert::read_network(options.input, from, configuration_of(options, from), keep);
  for (const std::string& note : file.notes) std::cout << "note: " << note << '\n';
  const std::string kept = convert::write_network(options.output, to, file, keep);
  std::cout << "wrote " << options.output.string() << ": " << kept << " after " << file.state.step
            << " updates, " << file.state.parameters.size() << " numbers a set\n";
  return 0;
}

void add_options(CLI::App& app, Options& o) {
  std::vector<std::string> names;
  for (const auto& [name, format] : formats) names.push_back(name);
  app.add_option("INPUT", o.input,
                 "score_sde's .pth, a checkpoint or weights of this library, or of diffusers a "
                 "pipeline's folder, a network's folder, its weights or their index of shards; "
                 "recognised by its content")
      ->required();
  app.add_option(
      "OUTPUT", o.output,
      "name.pth for score_sde, name.safetensors for this library, a folder for diffusers");
  app.add_option("--from", o.from, "Format of INPUT (default: by its content)")
      ->check(CLI::IsMember(names));
  app.add_option("--to", o.to, "Format of OUTPUT (default: by its name)")
      ->check(CLI::IsMember(names));
  app.add_option("--preset", o.preset,
                 "Configuration that a .pth was trained with: " + cifar10::preset_names());
  app.add_option(
      "--config", o.config,
      "JSON file of settings, {\"network.nf\": 128, \"sde.name\": \"ve\", ...}, over the preset's");
  app.add_option("--set", o.settings, "One setting, key=value, over the others; may be repeated")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  auto* model = app.add_flag("--model", o.model, "Keep the weights as trained last, alone");
  auto* ema =
      app.add_flag("--ema", o.ema, "Keep the averaged weights alone, with which samples are drawn");
  model->excludes(ema);
  app.add_flag("--overwrite", o.overwrite,
               "Let OUTPUT replace INPUT or the checkpoint of a training run");
  app.add_flag("--list", o.list, "Print the names, types and shapes of INPUT's tensors, and end");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Converts checkpoints between score_sde_pytorch, diffusers and this library. Nothing in a "
      "file is executed; what does not fit is listed.",
      "scoresde_convert");
  app.footer(
      "Examples\n"
      "  scoresde_convert checkpoint_26.pth ema.safetensors --ema "
      "--preset vp/cifar10_ddpmpp_continuous\n"
      "  scoresde_convert run/checkpoint.safetensors checkpoint.pth\n"
      "  scoresde_convert ddpm-cifar10-32 ddpm.safetensors\n"
      "  scoresde_convert ncsnpp-celebahq-256 celebahq.safetensors\n"
      "  scoresde_convert unet-without-a-scheduler w.safetensors --set "
      "training.prediction=velocity\n"
      "  scoresde_convert --list checkpoint_26.pth\n"
      "Without --model or --ema everything is kept that OUTPUT can hold.");
  app.option_defaults()->take_last();
  Options options;
  add_options(app, options);
  return cifar10::run_program(app, argc, argv, [&] { return run(options); });
}
