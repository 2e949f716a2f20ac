// SPDX-License-Identifier: MIT
/// scoresde_convert: converts checkpoints between score_sde_pytorch, diffusers and this library.
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/command_line.hpp"
#include "cli/preset_names.hpp"
#include "tools/network_file.hpp"
#include "tools/run_settings.hpp"

namespace {

using convert::Format;
using convert::Keep;

const std::map<std::string, Format> formats{{"scoresde", Format::scoresde},
                                            {"score_sde", Format::score_sde},
                                            {"diffusers", Format::diffusers}};

struct Options {
  std::filesystem::path input, output;
  std::string from, to;
  convert::SettingSources sources;
  bool model = false, ema = false, list = false, overwrite = false;
};

int run(const Options& options) {
  if (options.list) {
    convert::list_tensors(options.input);
    return 0;
  }
  scoresde::require_usage(!options.output.empty(),
                          "OUTPUT is missing; only --list does not require it");
  const Format to =
      options.to.empty() ? convert::format_to_write(options.output) : formats.at(options.to);
  const Format from =
      options.from.empty() ? convert::format_of(options.input) : formats.at(options.from);
  if (!options.overwrite) convert::require_output_replaceable(options.input, options.output, to);
  convert::require_output_writable(options.output, to);
  const Keep keep = options.model ? Keep::model : options.ema ? Keep::ema : Keep::all;
  const auto file = convert::read_network(options.input, from,
                                          convert::configuration_of(options.sources, from), keep);
  for (const std::string& note : file.notes) std::cout << "note: " << note << '\n';
  const std::string kept = convert::write_network(options.output, to, file, keep);
  const auto graph = scoresde::nn::unet(scoresde::network_of(file.configuration));
  std::cout << "wrote " << options.output.string() << ": " << kept << " after " << file.state.step
            << " updates, " << graph.parameters().count() << " numbers per set\n";
  return 0;
}

void add_options(programs::CommandLine& line, Options& o) {
  std::vector<std::string> names;
  for (const auto& [name, format] : formats) names.push_back(name);
  line.add_option(
          "INPUT", o.input,
          "A .pth of score_sde; a checkpoint or weights of this library; a pipeline's folder, "
          "network's folder, weights or shard index of diffusers; recognized by content")
      .required()
      .check(programs::path());
  line.add_option("OUTPUT", o.output,
                  "name.pth for score_sde, name.safetensors for this library, a folder for "
                  "diffusers")
      .check(programs::path());
  line.add_option("--from", o.from, "Format of INPUT (default: by content)").choices(names);
  line.add_option("--to", o.to, "Format of OUTPUT (default: by name)").choices(names);
  line.add_option("--preset", o.sources.preset,
                  "Configuration of the training of a .pth: " + programs::preset_names())
      .check(programs::preset_name());
  line.add_option("--config", o.sources.config,
                  "JSON file of settings, {\"network.nf\": 128, \"sde.name\": \"ve\", ...}; "
                  "overrides the preset")
      .check(programs::path());
  line.add_option("--set", o.sources.settings,
                  "One setting, key=value, which overrides the others; may be repeated")
      .takes_all();
  line.add_flag("--model", o.model, "Keep only the current weights");
  line.add_flag("--ema", o.ema, "Keep only the averaged weights, which are used for sampling")
      .excludes("--model");
  line.add_flag("--overwrite", o.overwrite,
                "Allow OUTPUT to replace INPUT, a file that does not hold weights alone, or the "
                "configuration in a folder");
  line.add_flag("--list", o.list, "Print the names, types and shapes of INPUT's tensors, and exit");
}

}  // namespace

int main(int argc, char** argv) {
  programs::CommandLine line(
      "scoresde_convert",
      "Converts checkpoints between score_sde_pytorch, diffusers and this library. Nothing in a "
      "file is executed; parts that cannot be converted are listed.",
      "Examples\n"
      "  scoresde_convert checkpoint_26.pth ema.safetensors --ema "
      "--preset vp/cifar10_ddpmpp_continuous\n"
      "  scoresde_convert run/checkpoint.safetensors checkpoint.pth\n"
      "  scoresde_convert ddpm-cifar10-32 ddpm.safetensors\n"
      "  scoresde_convert ncsnpp-celebahq-256 celebahq.safetensors\n"
      "  scoresde_convert unet-without-a-scheduler w.safetensors --set "
      "training.prediction=velocity\n"
      "  scoresde_convert --list checkpoint_26.pth\n"
      "Without --model or --ema everything that OUTPUT can hold is kept.");
  Options options;
  add_options(line, options);
  return line.run(argc, argv, [&] { return run(options); });
}
