// SPDX-License-Identifier: MIT
/// scoresde_convert: checkpoints of score_sde_pytorch, diffusers and this library into each other.
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cifar10/configuration.hpp"
#include "cifar10/program.hpp"
#include "convert/network_file.hpp"

namespace {

using convert::Format;
using convert::Keep;
using scoresde::nn::FlatConfig;

const std::map<std::string, Format> formats{{"scoresde", Format::scoresde},
                                            {"score_sde", Format::score_sde},
                                            {"diffusers", Format::diffusers}};

struct Options {
  std::filesystem::path input, output, config;
  std::string from, to, preset;
  std::vector<std::string> settings;
  bool model = false, ema = false, list = false;
};

/// A JSON object of settings as flat text; lists become "1,2,2,2".
FlatConfig settings_of(const std::filesystem::path& path) {
  const auto bytes = scoresde::io::read_file(path);
  FlatConfig flat;
  try {
    const auto json =
        scoresde::io::detail::parse_strictly(scoresde::io::detail::characters(bytes), 2);
    scoresde::detail::require(json.is_object(), "is ", json.type_name(), "; it must be an object");
    for (const auto& [key, value] : json.items()) {
      std::string& text = flat[key];
      if (!value.is_array()) text = value.is_string() ? value.get<std::string>() : value.dump();
      if (value.is_array())
        for (const auto& item : value) text += (text.empty() ? "" : ",") + item.dump();
    }
  } catch (const scoresde::Error& failure) {
    throw scoresde::Error(scoresde::detail::text("--config: ", path.string(), ' ', failure.what()));
  }
  return flat;
}

/// What the command line says of the network and its run: the preset, over it the file, over it
/// each --set.
FlatConfig configuration_of(const Options& options) {
  FlatConfig configuration;
  if (!options.preset.empty()) {
    const auto& preset = scoresde::nn::preset(options.preset);
    cifar10::visit_training(preset, [&](const auto& sde, const auto& loss) {
      configuration = cifar10::checkpoint_configuration(
          preset, sde, cifar10::training_configuration(preset, loss, 42));
    });
  }
  if (!options.config.empty())
    for (const auto& [key, value] : settings_of(options.config)) configuration[key] = value;
  for (const std::string& setting : options.settings) {
    const auto equals = setting.find('=');
    scoresde::detail::require(equals != std::string::npos && equals > 0, "--set: '", setting,
                              "' must be key=value, such as sde.sigma_max=348");
    configuration[setting.substr(0, equals)] = setting.substr(equals + 1);
  }
  return configuration;
}

int run(const Options& options) {
  if (options.list) {
    convert::list_tensors(options.input);
    return 0;
  }
  scoresde::detail::require(!options.output.empty(), "OUTPUT is missing; only --list needs none");
  const Format from =
      options.from.empty() ? convert::format_of(options.input) : formats.at(options.from);
  const Format to =
      options.to.empty() ? convert::format_to_write(options.output) : formats.at(options.to);
  const Keep keep = options.model ? Keep::model : options.ema ? Keep::ema : Keep::all;
  const auto file = convert::read_network(options.input, from, configuration_of(options), keep);
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
                 "score_sde's .pth, a checkpoint or weights of this library, a folder of diffusers "
                 "or the weights in it; recognised by its content")
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
  app.add_flag("--list", o.list, "Print the names, types and shapes of INPUT's tensors, and end");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Converts checkpoints between score_sde_pytorch, diffusers and this library. Nothing in a "
      "file is executed; whatever does not fit is listed in full.",
      "scoresde_convert");
  app.footer(
      "Examples\n"
      "  scoresde_convert checkpoint_26.pth ema.safetensors --ema "
      "--preset vp/cifar10_ddpmpp_continuous\n"
      "  scoresde_convert run/checkpoint.safetensors checkpoint.pth\n"
      "  scoresde_convert ncsnpp-celebahq-256 celebahq.safetensors --set sde.name=ve "
      "--set sde.sigma_min=0.01 --set sde.sigma_max=348 --set sde.t_min=1e-5\n"
      "  scoresde_convert --list checkpoint_26.pth\n"
      "Without --model or --ema everything is kept that OUTPUT can hold.");
  app.option_defaults()->take_last();
  Options options;
  add_options(app, options);
  return cifar10::run_program(app, argc, argv, [&] { return run(options); });
}
