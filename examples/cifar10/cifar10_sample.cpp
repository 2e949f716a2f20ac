// SPDX-License-Identifier: MIT
/// cifar10_sample: samples images from a checkpoint by any sampler of the library.
#include <string>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>

#include "cli/checkpoint_file.hpp"
#include "cli/option_aliases.hpp"
#include "cli/program.hpp"
#include "cli/run_lock.hpp"
#include "cli/sample_command_line.hpp"
#include "cli/stop_signals.hpp"
#include "engine/engine.hpp"

namespace {

using programs::SampleOptions;

/// The value under `key`, or `fallback` where the file was not written by cifar10_train.
std::string setting_or(const scoresde::Metadata& configuration, const std::string& key,
                       const std::string& fallback) {
  const auto found = configuration.find(key);
  return found == configuration.end() ? fallback : found->second;
}

int run(SampleOptions options, const std::vector<std::string>& given) {
  if (options.checkpoint.empty()) options.checkpoint = CIFAR10_BUNDLED_CHECKPOINT;
  programs::require_checkpoint_file(options.checkpoint);
  const auto configuration = scoresde::read_configuration(options.checkpoint);
  scoresde::SamplerChoice& choice = options.sampler;
  scoresde::resolve_aliases(choice);
  if (!choice.aliases.empty()) options.notes.push_back(choice.aliases);
  const bool names_parts = !choice.predictor.empty() || !choice.corrector.empty();
  if (choice.solver.empty() && choice.preset.empty() && !names_parts)
    choice.solver = setting_or(configuration, "program.solver", "pc");
  if (choice.preset.empty() && (choice.solver.empty() || choice.solver == "pc")) {
    if (choice.predictor.empty())
      choice.predictor = setting_or(configuration, "program.predictor", "euler_maruyama");
    if (choice.corrector.empty())
      choice.corrector = setting_or(configuration, "program.corrector", "none");
  }
  const auto network = scoresde::network_of(configuration);
  scoresde::resolve_defaults(options.classes, configuration, network.num_class_embeds);
  if (options.samples == 0)
    options.samples = network.num_class_embeds > 0 && options.classes.name == "all"
                          ? network.num_class_embeds * options.columns
                          : 64;
  choice.centered = network.centered;
  choice.evaluations_of_a_score = options.classes.evaluations();
  scoresde::resolve_defaults(choice, given);
  const programs::RunLock lock(options.out);
  if (options.backend.on_device())
    programs::sample_on_device(options, configuration);
  else
    programs::sample_on_host(options, configuration);
  return programs::stop_status();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Samples images from a score-based generative model of CIFAR-10 on the CPU or a GPU.",
      "cifar10_sample");
  app.footer(
      "Examples\n"
      "  cifar10_sample --out samples --predictor ancestral --clip-denoised\n"
      "  cifar10_sample --out samples --checkpoint run/checkpoint.safetensors --steps 500\n"
      "  cifar10_sample --out samples --predictor reverse_diffusion --corrector langevin\n"
      "  cifar10_sample --out samples --solver dpm-solver++-2m --nfe 20 --clip-denoised\n"
      "  cifar10_sample --out samples --solver dopri5 --rtol 1e-4 --atol 1e-4\n"
      "  cifar10_sample --out samples --sampler PC1000\n"
      "  cifar10_sample --out samples --checkpoint classes.safetensors --class cat --guidance "
      "1.5\n"
      "  cifar10_sample --out samples --checkpoint karras/checkpoint.safetensors --nfe 35\n"
      "  cifar10_sample --out samples --backend cuda --batch 64 --plan-cache plans\n"
      "  cifar10_sample --out samples --sampler dpmpp_2m --steps 20 --grid karras\n"
      "  cifar10_sample --list-samplers\n"
      "Arrays are float32 (samples, 3, height, width); 0 is black, 1 is full intensity, not "
      "clipped.\n"
      "Ctrl-C keeps finished samples; --resume continues.\n"
      "Exit status: 0 done, 1 failed, 2 the command line is wrong, 3 --out is in use, 129, 130 or "
      "143 stopped by SIGHUP, SIGINT or SIGTERM, 153 a file would exceed the size that ulimit "
      "allows.");
  app.option_defaults()->take_last();
  SampleOptions options;
  programs::add_sample_options(app, options);
  const auto arguments = programs::translated({argv + 1, argv + argc}, options.notes);
  return programs::run_program(app, arguments, [&] {
    programs::reject_options_of_other_backend(app, options.backend);
    return run(options, programs::sampler_options_given(app));
  });
}
