// SPDX-License-Identifier: MIT
/// cifar10_likelihood: bits per dimension of images under a checkpoint's model.
#include <CLI/CLI.hpp>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/registry/any_score.hpp>
#include <scoresde/sde/ddpm_sde.hpp>

#include "cli/checkpoint_file.hpp"
#include "cli/likelihood_command_line.hpp"
#include "cli/program.hpp"
#include "cli/run_lock.hpp"
#include "cli/stop_signals.hpp"
#include "engine/engine.hpp"

namespace {

int run(programs::LikelihoodOptions options, const CLI::App& app) {
  programs::reject_options_of_other_backend(app, options.backend);
  if (options.checkpoint.empty()) options.checkpoint = CIFAR10_BUNDLED_CHECKPOINT;
  programs::require_checkpoint_file(options.checkpoint);
  const auto configuration = scoresde::read_configuration(options.checkpoint);
  options.discrete = scoresde::sampled_sde(configuration).is<scoresde::DdpmSde>();
  programs::reject_options_of_other_network(app, options);
  const programs::RunLock lock(options.out);
  (options.backend.on_device() ? programs::likelihood_on_device : programs::likelihood_on_host)(
      options, configuration);
  return programs::stop_status();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Computes bits per dimension of images under a score-based generative model of CIFAR-10, by "
      "its probability-flow ODE or a variational bound.",
      "cifar10_likelihood");
  app.footer(
      "Examples\n"
      "  cifar10_likelihood --data cifar-10-batches-bin --out likelihood\n"
      "  cifar10_likelihood --data cifar-10-batches-bin --out likelihood --images 0 --repeats 5\n"
      "  cifar10_likelihood --data cifar-10-batches-bin --out likelihood --bound 100\n"
      "  cifar10_likelihood --data cifar-10-batches-bin --out likelihood --eps 1e-4 "
      "--dequantization truncated_normal\n"
      "  cifar10_likelihood --data samples/samples.npy --out likelihood --images 64\n"
      "likelihood.csv holds a line for each image and repetition, in bits per dimension.\n"
      "Ctrl-C keeps what is finished; --resume continues.\n"
      "Exit status: 0 done, 1 failed, 2 the command line is wrong, 3 --out is in use, 129, 130 or "
      "143 stopped by SIGHUP, SIGINT or SIGTERM.");
  app.option_defaults()->take_last();
  programs::LikelihoodOptions options;
  programs::add_likelihood_options(app, options);
  return programs::run_program(app, argc, argv, [&] { return run(options, app); });
}
