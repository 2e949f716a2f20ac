// SPDX-License-Identifier: MIT
/// The settings that a checkpoint decides for cifar10_likelihood, on every backend.
#pragma once

#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/class_choice.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/sde/smld_sde.hpp>

#include "cli/likelihood_options.hpp"

namespace programs {

/// Resolves --class and --eps by the checkpoint's configuration and returns its SDE. Throws
/// UsageError for options that do not suit the network, and for a network without likelihoods.
[[nodiscard]] inline scoresde::AnySde resolve_defaults(LikelihoodOptions& options,
                                                       const scoresde::Metadata& configuration) {
  const auto network = scoresde::network_of(configuration);
  scoresde::ClassChoice choice{.name = options.condition == "none" ? "none" : "", .interval = {}};
  scoresde::resolve_defaults(choice, configuration, network.num_class_embeds);
  scoresde::require_usage(options.condition.empty() || network.num_class_embeds > 0, "--class is ",
                          options.condition,
                          "; the checkpoint's network is not conditioned on classes");
  if (options.condition.empty())
    options.condition = network.num_class_embeds > 0 ? "labels" : "none";
  scoresde::require_usage(options.draws == 0 || options.dequantization == "uniform",
                          "--bound is for images without noise; --dequantization ",
                          options.dequantization, " gives images at the noise level of --eps");
  const scoresde::AnySde sde = scoresde::sampled_sde(configuration);
  scoresde::require_usage(
      !sde.is<scoresde::SmldSde>(), "--checkpoint: the network of ", options.checkpoint.string(),
      " was trained on SMLD's levels; likelihoods require one of continuous time or of DDPM's "
      "levels");
  if (options.eps == 0 && !options.discrete)
    options.eps = scoresde::first_training_time(configuration, sde);
  scoresde::require_usage(options.discrete || options.eps < sde.t_max(), "--eps is ", options.eps,
                          "; it must be below the SDE's last time, ", sde.t_max());
  return sde;
}

}  // namespace programs
