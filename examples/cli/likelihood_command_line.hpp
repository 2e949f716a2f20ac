// SPDX-License-Identifier: MIT
/// The command line of cifar10_likelihood.
#pragma once

#include <CLI/CLI.hpp>

#include <scoresde/error.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/backend_command_line.hpp"
#include "cli/likelihood_options.hpp"
#include "cli/program.hpp"

namespace programs {

namespace detail {

inline const char* const flow_group =
    "Options of the probability-flow ODE, rejected with networks of DDPM's levels";
inline const char* const chain_group =
    "Options of networks of DDPM's levels, rejected with networks of continuous time";

inline void add_images(CLI::App& app, LikelihoodOptions& o) {
  app.add_option("--data", o.data,
                 "CIFAR-10's binary folder (cifar-10-batches-bin), or a .npy file of images (n, 3, "
                 "height, width) in [0, 1], as cifar10_sample writes; values are rounded to 8 bits")
      ->required()
      ->check(path());
  app.add_flag("--train", o.train_split,
               "Images of the training set instead of the test set of --data");
  app.add_option("--first-image", o.first_image, "Number of the first image")
      ->capture_default_str()
      ->check(natural_number(0, 4000000000));
  app.add_option("--images", o.images, "Number of images; 0 for all from --first-image on")
      ->capture_default_str()
      ->check(natural_number(0, 4000000000));
  app.add_option("--class", o.condition,
                 "Condition of class-conditional networks: labels, those of --data; none, if the "
                 "network was trained without labels as well (default: labels)")
      ->check(one_of({"labels", "none"}));
}

inline void add_flow(CLI::App& app, LikelihoodOptions& o) {
  app.add_option("--eps", o.eps,
                 "Time at which the ODE begins (default: the smallest time of training)")
      ->check(positive_number())
      ->group(flow_group);
  app.add_option("--rtol", o.rtol, "Relative tolerance of x and of log p")
      ->capture_default_str()
      ->check(positive_number())
      ->group(flow_group);
  app.add_option("--atol", o.atol, "Absolute tolerance of x and of log p")
      ->capture_default_str()
      ->check(positive_number())
      ->group(flow_group);
  app.add_option("--control", o.control,
                 "Step sizes of dopri5: per_sample, one for each image; scipy, one for the batch, "
                 "as in score_sde")
      ->capture_default_str()
      ->check(one_of({"per_sample", "scipy"}))
      ->group(flow_group);
  app.add_option("--probes", o.probes, "Rademacher probes of the trace, a vjp each per evaluation")
      ->capture_default_str()
      ->check(natural_number(1, 100000))
      ->group(flow_group);
  app.add_option("--dequantization", o.dequantization,
                 "uniform, or truncated_normal: at the noise level of --eps, Zheng et al. 2023")
      ->capture_default_str()
      ->check(one_of({"uniform", "truncated_normal"}))
      ->group(flow_group);
}

}  // namespace detail

inline void add_likelihood_options(CLI::App& app, LikelihoodOptions& o) {
  app.add_option("--checkpoint", o.checkpoint,
                 "Checkpoint of a run, or exported EMA weights (default: the bundled ones)")
      ->check(path());
  app.add_option("--out", o.out, "Folder for likelihood.csv and likelihood.png")
      ->required()
      ->check(path());
  app.add_flag("--resume", o.resume, "Continue the run that was stopped in --out");
  app.add_flag("--overwrite", o.overwrite, "Replace the finished likelihoods in --out");
  detail::add_images(app, o);
  detail::add_flow(app, o);
  app.add_option("--bound", o.draws,
                 "Also a variational bound, from this number of noise draws per image: that of "
                 "Song, Durkan, Murray and Ermon 2021 for uniform dequantization, with two "
                 "evaluations each; for networks of DDPM's levels that of Ho et al. 2020, which is "
                 "required, with an evaluation per level each")
      ->check(natural_number(1, 1000000));
  app.add_option("--variance", o.variance,
                 "Variance of the reverse steps in DDPM's bound: large (beta), or small (of the "
                 "posterior)")
      ->capture_default_str()
      ->check(one_of({"large", "small"}))
      ->group(detail::chain_group);
  app.add_option("--repeats", o.repeats,
                 "Repetitions for each image, with their own dequantization, probes and draws; "
                 "repetition r has the seed --seed + r")
      ->capture_default_str()
      ->check(natural_number(1, 100000));
  app.add_option("--batch", o.batch, "Images per batch; determines memory use")
      ->capture_default_str()
      ->check(natural_number(1, 65536));
  app.add_option("--seed", o.seed, "Seed of all random numbers")
      ->capture_default_str()
      ->check(natural_number(0));
  add_backend_options(app, o.backend);
}

/// Throws scoresde::UsageError for options that the network's kind does not accept, or requires.
inline void reject_options_of_other_network(const CLI::App& app, const LikelihoodOptions& o) {
  const char* const rejected = o.discrete ? detail::flow_group : detail::chain_group;
  for (const CLI::Option* option : app.get_options())
    if (option->get_group() == rejected && option->count() > 0)
      throw scoresde::UsageError(scoresde::text(
          option->get_name(), " is for networks of ",
          o.discrete ? "continuous time; that of --checkpoint was trained on DDPM's levels"
                     : "DDPM's levels; that of --checkpoint was trained in continuous time"));
  if (o.discrete && o.draws == 0)
    throw scoresde::UsageError(
        "--bound is missing; the network of --checkpoint was trained on DDPM's levels, where only "
        "the bound is defined");
}

}  // namespace programs
