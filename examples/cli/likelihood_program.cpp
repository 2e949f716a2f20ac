// SPDX-License-Identifier: MIT
/// cifar10_likelihood: its command line.
#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/sde/ddpm_sde.hpp>

#include "cli/checkpoint_file.hpp"
#include "cli/common_options.hpp"
#include "cli/likelihood_options.hpp"
#include "cli/programs.hpp"
#include "cli/run_lock.hpp"
#include "cli/stop_signals.hpp"

namespace programs {
namespace {

const char* const flow_group =
    "Options of the probability-flow ODE, rejected with networks of DDPM's levels";
const char* const chain_group =
    "Options of networks of DDPM's levels, rejected with networks of continuous time";

void add_images(CommandLine& line, LikelihoodOptions& o) {
  add_data(line, o.data,
           "; or a .npy file of images (n, 3, height, width) in [0, 1], as cifar10_sample writes, "
           "whose values are rounded to 8 bits")
      .required();
  line.add_flag("--train", o.train_split,
                "Images of the training set instead of the test set of CIFAR-10's --data");
  add_first_image(line, o.first_image);
  line.add_option("--images", o.images, "Number of images; 0 for all from --first-image on")
      .shows_default()
      .check(natural_number(0, 4000000000));
  line.add_option("--class", o.condition,
                  "Condition of class-conditional networks: labels, those of --data; none, if the "
                  "network was trained without labels as well (default: labels)")
      .check(one_of({"labels", "none"}));
}

void add_flow(CommandLine& line, LikelihoodOptions& o) {
  line.add_option("--eps", o.eps,
                  "Time at which the ODE begins (default: the smallest time of training)")
      .check(positive_number())
      .group(flow_group);
  line.add_option("--rtol", o.rtol, "Relative tolerance of x and of log p")
      .shows_default()
      .check(positive_number())
      .group(flow_group);
  line.add_option("--atol", o.atol, "Absolute tolerance of x and of log p")
      .shows_default()
      .check(positive_number())
      .group(flow_group);
  line.add_option("--control", o.control,
                  "Step sizes of dopri5: per_sample, one for each image; scipy, one for the batch, "
                  "as in score_sde")
      .shows_default()
      .check(one_of({"per_sample", "scipy"}))
      .group(flow_group);
  line.add_option("--probes", o.probes, "Rademacher probes of the trace, a vjp each per evaluation")
      .shows_default()
      .check(natural_number(1, 100000))
      .group(flow_group);
  line.add_option("--dequantization", o.dequantization,
                  "uniform, or truncated_normal: at the noise level of --eps, Zheng et al. 2023")
      .shows_default()
      .check(one_of({"uniform", "truncated_normal"}))
      .group(flow_group);
}

void add_likelihood_options(CommandLine& line, LikelihoodOptions& o) {
  add_checkpoint(line, o.checkpoint);
  add_out(line, o.out, "Folder for likelihood.csv and likelihood.png");
  line.add_flag("--resume", o.resume, "Continue the run that was stopped in --out");
  line.add_flag("--overwrite", o.overwrite, "Replace the finished likelihoods in --out");
  add_images(line, o);
  add_flow(line, o);
  line.add_option(
          "--bound", o.draws,
          "Also a variational bound, from this number of noise draws per image: that of "
          "Song, Durkan, Murray and Ermon 2021 for uniform dequantization, with two "
          "evaluations each; for networks of DDPM's levels that of Ho et al. 2020, which is "
          "required, with an evaluation per level each")
      .check(natural_number(1, 1000000));
  line.add_option("--variance", o.variance,
                  "Variance of the reverse steps in DDPM's bound: large (beta), or small (of the "
                  "posterior)")
      .shows_default()
      .check(one_of({"large", "small"}))
      .group(chain_group);
  line.add_option("--repeats", o.repeats,
                  "Repetitions for each image, with their own dequantization, probes and draws; "
                  "repetition r has the seed --seed + r")
      .shows_default()
      .check(natural_number(1, 100000));
  add_batch(line, o.batch, "Images per batch; determines memory use");
  add_seed(line, o.seed, "Seed of all random numbers");
  add_backend_options(line, o.backend);
}

/// Throws scoresde::UsageError for options that the network's kind does not accept, or requires.
void reject_options_of_other_network(const CommandLine& line, const LikelihoodOptions& o) {
  const auto rejected = line.given_of(o.discrete ? flow_group : chain_group);
  scoresde::require_usage(
      rejected.empty(), rejected.empty() ? "" : rejected.front(), " is for networks of ",
      o.discrete ? "continuous time; that of --checkpoint was trained on DDPM's levels"
                 : "DDPM's levels; that of --checkpoint was trained in continuous time");
  scoresde::require_usage(
      !o.discrete || o.draws > 0,
      "--bound is missing; the network of --checkpoint was trained on DDPM's levels, where only "
      "the bound is defined");
}

int run(LikelihoodOptions options, const CommandLine& line, const LikelihoodEngines& engines) {
  reject_options_of_other_backend(line, options.backend);
  const scoresde::Metadata configuration = checkpoint_configuration(options.checkpoint);
  options.discrete = scoresde::sampled_sde(configuration).is<scoresde::DdpmSde>();
  reject_options_of_other_network(line, options);
  const RunLock lock(options.out);
  engines.of(options.backend)(options, configuration);
  return stop_status();
}

}  // namespace

int likelihood_program(int argc, char** argv, const char* checkpoint,
                       const LikelihoodEngines& engines) {
  CommandLine line(
      "cifar10_likelihood",
      "Computes bits per dimension of images under a score-based generative model of CIFAR-10, by "
      "its probability-flow ODE or a variational bound.",
      "Examples\n"
      "  cifar10_likelihood --data cifar-10-batches-bin --out likelihood\n"
      "  cifar10_likelihood --data cifar-10-batches-bin --out likelihood --images 0 --repeats 5\n"
      "  cifar10_likelihood --data cifar-10-batches-bin --out likelihood --bound 100\n"
      "  cifar10_likelihood --data cifar-10-batches-bin --out likelihood --eps 1e-4 "
      "--dequantization truncated_normal\n"
      "  cifar10_likelihood --data samples/samples.npy --out likelihood --images 64\n"
      "likelihood.csv holds a line for each image and repetition, in bits per dimension.\n"
      "Ctrl-C keeps what is finished; --resume continues.\n"
      "Exit status: 0 done, 1 failed, 2 the command line is wrong, 3 --out is in use, 129, 130, "
      "141 or 143 stopped by SIGHUP, SIGINT, SIGPIPE or SIGTERM.");
  LikelihoodOptions options;
  add_likelihood_options(line, options);
  return line.run(argc, argv, [&] {
    if (options.checkpoint.empty()) options.checkpoint = checkpoint;
    return run(options, line, engines);
  });
}

}  // namespace programs
