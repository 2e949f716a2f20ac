// SPDX-License-Identifier: MIT
/// cifar10_edit: edits images by a score-based model, without training.
#include <string>

#include <CLI/CLI.hpp>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/registry/run_configuration.hpp>

#include "cli/checkpoint_file.hpp"
#include "cli/edit_command_line.hpp"
#include "cli/program.hpp"
#include "cli/run_lock.hpp"
#include "cli/stop_signals.hpp"
#include "engine/engine.hpp"

namespace {

using programs::EditOptions;

int run(EditOptions options) {
  programs::SampleOptions& sampling = options.sampling;
  if (sampling.checkpoint.empty()) sampling.checkpoint = CIFAR10_BUNDLED_CHECKPOINT;
  programs::require_checkpoint_file(sampling.checkpoint);
  const auto configuration = scoresde::read_configuration(sampling.checkpoint);
  const std::size_t classes = scoresde::network_of(configuration).num_class_embeds;
  programs::resolve_classes(options, configuration, classes);
  sampling.sampler.solver = "pc";
  const programs::RunLock lock(sampling.out);
  if (sampling.backend.on_device())
    programs::edit_on_device(options, configuration);
  else
    programs::edit_on_host(options, configuration);
  return programs::stop_status();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Edits images by a score-based generative model of CIFAR-10, on the CPU or a GPU: every row "
      "of edit.png has an image, what is known of it, and results.",
      "cifar10_edit");
  app.footer(
      "Examples\n"
      "  cifar10_edit inpaint --data cifar-10-batches-bin --out inpainted\n"
      "  cifar10_edit inpaint --data cifar-10-batches-bin --out right --box 0 16 32 16\n"
      "  cifar10_edit colorize --data cifar-10-batches-bin --out colorized --images 8\n"
      "  cifar10_edit super-resolve --data samples/samples.npy --out large --factor 2\n"
      "  cifar10_edit deblur --data cifar-10-batches-bin --out sharp --blur 1.5 --noise 0.01\n"
      "  cifar10_edit deblur --data cifar-10-batches-bin --out guided --method pigdm --noise 0.01\n"
      "  cifar10_edit interpolate --data cifar-10-batches-bin --out between --images 5\n"
      "  cifar10_edit vary --data cifar-10-batches-bin --out varied --strength 0.4\n"
      "  cifar10_edit vary --data cifar-10-batches-bin --out cooled --temperature 0.7 0.85 1\n"
      "  cifar10_edit guide --out dogs --class dog --classifier classifier.safetensors\n"
      "  cifar10_edit guide --checkpoint classes.safetensors --out cats --class cat --guidance 2\n"
      "edit.npy has the results alone, float32 (results, 3, height, width); 0 is black, 1 is full "
      "intensity, not clipped.\n"
      "Ctrl-C keeps finished results; --resume continues with the same options.\n"
      "Exit status: 0 done, 1 failed, 2 the command line is wrong, 3 --out is in use, 129, 130 or "
      "143 stopped by SIGHUP, SIGINT or SIGTERM.");
  app.option_defaults()->take_last();
  EditOptions options;
  programs::add_edit_options(app, options);
  return programs::run_program(app, argc, argv, [&] {
    programs::reject_options_of_other_backend(app, options.sampling.backend);
    programs::reject_options_of_other_tasks(app, options);
    programs::resolve_defaults(options);
    programs::reject_options_of_other_methods(app, options);
    return run(options);
  });
}
