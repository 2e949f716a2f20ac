// SPDX-License-Identifier: MIT
/// What a preset means to trainer and checkpoint.
#pragma once

#include <cstdint>
#include <string>

#include <scoresde/error.hpp>
#include <scoresde/nn/presets.hpp>
#include <scoresde/nn/unet_config.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/train/configuration.hpp>

namespace cifar10 {

using scoresde::nn::Preset;

/// Calls body(sde) with the SDE the preset names. Throws Error for an unknown name.
template <class Body>
void visit_sde(const Preset& preset, Body&& body) {
  const scoresde::BetaSchedule beta{preset.beta_min, preset.beta_max, preset.sampling_eps};
  if (preset.sde == "vp") return body(scoresde::VpSde(beta));
  if (preset.sde == "subvp") return body(scoresde::SubVpSde(beta));
  scoresde::detail::require(preset.sde == "ve", "preset ", preset.name, ": sde is '", preset.sde,
                            "'; it must be vp, subvp or ve");
  return body(scoresde::VeSde({preset.sigma_min, preset.sigma_max, preset.sampling_eps}));
}

/// The trainer's settings in the preset's words.
inline scoresde::TrainingConfiguration training_configuration(const Preset& p, std::uint64_t seed) {
  scoresde::TrainingConfiguration c{.seed = seed};
  c.loss.likelihood_weighting = p.likelihood_weighting;
  c.loss.reduce_mean = p.reduce_mean;
  c.optimizer.learning_rate = p.lr;
  c.optimizer.beta1 = p.beta1;
  c.optimizer.beta2 = p.beta2;
  c.optimizer.epsilon = p.eps;
  c.optimizer.warm_up = p.warmup;
  c.optimizer.gradient_clip = p.grad_clip;
  c.ema.decay = p.ema_rate;
  return c;
}

/// What a checkpoint says of its run: the library's settings and, under "program.", what data the
/// run sees and how its pictures are meant to be sampled.
template <class S>
scoresde::nn::FlatConfig checkpoint_configuration(const Preset& p, const S& sde,
                                                  const scoresde::TrainingConfiguration& training) {
  auto configuration = scoresde::run_configuration(p.network, sde, training);
  configuration["program.preset"] = p.name;
  configuration["program.batch"] = std::to_string(p.batch_size);
  configuration["program.random_flip"] = p.random_flip ? "true" : "false";
  configuration["program.uniform_dequantization"] = p.uniform_dequantization ? "true" : "false";
  configuration["program.predictor"] = p.predictor;
  configuration["program.corrector"] = p.corrector;
  return configuration;
}

}  // namespace cifar10
