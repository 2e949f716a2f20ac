// SPDX-License-Identifier: MIT
/// cifar10_sample: samples images from a checkpoint by any sampler of the library.
#include <string>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>

#include "on_backends.hpp"
#include "option_aliases.hpp"
#include "program.hpp"
#include "run_lock.hpp"
#include "sample_command_line.hpp"
#include "stop_signals.hpp"

namespace {

using cifar10::SampleOptions;

/// The value under `key`, or `fallback` where the file was not written by cifar10_train.
std::string setting_or(const scoresde::Metadata& configuration, const std::string& key,
                       const std::string& fallback) {
  const auto found = configuration.find(key);
  return found == configuration.end() ? fallback : found->second;
}

int run(SampleOptions options, const std::vector<std::string>& given) {
  if (options.checkpoint.empty()) options.checkpoint = CIFAR10_BUNDLED_CHECKPOINT;
  const auto configuration = scoresde::read_configuration(options.checkpoint);
  cifar10::SamplerChoice& choice = options.sampler;
  cifar10::resolve_aliases(choice);
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
  cifar10::resolve_defaults(options.classes, configuration, network.num_class_embeds);
  if (options.samples == 0)
    options.samples = network.num_class_embeds > 0 && options.classes.name == "all"
                          ? network.num_class_embeds * options.columns
                          : 64;
  choice.centered = network.centered;
  choice.evaluations_of_a_score = options.classes.evaluations();
  cifar10::resolve_defaults(choice, given);
  const cifar10::RunLock lock(options.out);
  if (options.backend.on_device())
    cifar10::sample_on_device(options, configuration);
  else
    cifar10::sample_on_host(options, configuration);
  return cifar10::stop_status();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Samples images from a score-based generative model of CIFAR-10 on the CPU or a GPU.",
      "cifar10_sample");
  app.footer(
      "Examples\n"
      "  cifar10_sample --out pictures --predictor ancestral --clip-denoised\n"
      "  cifar10_sample --out pictures --checkpoint run/checkpoint.safetensors --steps 500\n"
      "  cifar10_sample --out pictures --predictor reverse_diffusion --corrector langevin\n"
      "  cifar10_sample --out pictures --solver dpm-solver++-2m --nfe 20 --clip-denoised\n"
      "  cifar10_sample --out pictures --solver dopri5 --rtol 1e-4 --atol 1e-4\n"
      "  cifar10_sample --out pictures --sampler PC1000\n"
      "  cifar10_sample --out pictures --checkpoint classes.safetensors --class cat --guidance "
      "1.5\n"
      "  cifar10_sample --out pictures --checkpoint karras/checkpoint.safetensors --nfe 35\n"
      "  cifar10_sample --out pictures --backend cuda --batch 64 --plan-cache plans\n"
      "  cifar10_sample --out pictures --sampler dpmpp_2m --steps 20 --grid karras\n"
      "  cifar10_sample --list-samplers\n"
      "Arrays hold float32 (samples, 3, height, width): 0 is black, 1 is full, not clipped.\n"
      "Ctrl-C keeps what is finished; --resume goes on.\n"
      "Exit status: 0 done, 1 failed, 2 the command line is wrong, 3 --out is in use, 129, 130 or "
      "143 stopped by SIGHUP, SIGINT or SIGTERM.");
  app.option_defaults()->take_last();
  SampleOptions options;
  cifar10::add_sample_options(app, options);
  const auto arguments = cifar10::translated({argv + 1, argv + argc}, options.notes);
  return cifar10::run_program(app, arguments, [&] {
    cifar10::reject_options_of_the_other_backend(app, options.backend);
    return run(options, cifar10::sampler_options_given(app));
  });
}
