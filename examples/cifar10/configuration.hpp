// SPDX-License-Identifier: MIT
/// What a preset means to trainer and checkpoint.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>

#include <scoresde/error.hpp>
#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/loss/discrete_score_matching.hpp>
#include <scoresde/loss/edm_loss.hpp>
#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/run_names.hpp>
#include <scoresde/registry/sde_registry.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/sde/sde_kind.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/train/configuration.hpp>

namespace cifar10 {

using scoresde::nn::Preset;

/// Calls body(sde, loss) with the SDE that the preset names and the loss that its network is
/// trained by: in continuous time, Karras's, or on the levels of DDPM or SMLD. Throws Error for
/// what there is not: a chain of betas of its own, discrete levels of sub-VP, and likelihood
/// weighting of discrete levels.
template <class Body>
void visit_training(const Preset& p, Body&& body) {
  using scoresde::require;
  const scoresde::BetaSchedule beta{p.beta_min, p.beta_max, p.sampling_eps};
  const scoresde::SigmaSchedule sigma{p.sigma_min, p.sigma_max, p.sampling_eps};
  using scoresde::SdeKind;
  require(p.sde != SdeKind::ddpm, "preset ", p.name,
          ": sde is 'ddpm'; it must be vp, subvp, ve or karras");
  if (p.sde == SdeKind::edm) {
    require(p.continuous && !p.likelihood_weighting, "preset ", p.name,
            ": Karras's loss is in continuous time and has a weighting of its own");
    return body(scoresde::EdmSde({p.sigma_min, p.sigma_max}),
                scoresde::EdmLoss{.p_mean = p.p_mean,
                                  .p_std = p.p_std,
                                  .sigma_data = p.sigma_data,
                                  .reduce_mean = p.reduce_mean});
  }
  if (p.continuous) {
    const scoresde::DenoisingScoreMatching loss{.likelihood_weighting = p.likelihood_weighting,
                                                .reduce_mean = p.reduce_mean};
    if (p.sde == SdeKind::vp) return body(scoresde::VpSde(beta), loss);
    if (p.sde == SdeKind::sub_vp) return body(scoresde::SubVpSde(beta), loss);
    return body(scoresde::VeSde(sigma), loss);
  }
  require(
      !p.likelihood_weighting, "preset ", p.name,
      ": likelihood weighting needs continuous time; its network is trained on discrete levels");
  const scoresde::DiscreteScoreMatching loss{.reduce_mean = p.reduce_mean};
  if (p.sde == SdeKind::vp) return body(scoresde::ddpm_sde(p.num_scales, beta), loss);
  require(p.sde == SdeKind::ve, "preset ", p.name, ": sub-VP has no discrete levels");
  return body(scoresde::SmldSde(p.num_scales, sigma), loss);
}

/// The trainer's settings in the preset's words.
template <class Loss>
scoresde::TrainingConfigurationWith<Loss> training_configuration(const Preset& p, const Loss& loss,
                                                                 std::uint64_t seed) {
  scoresde::TrainingConfigurationWith<Loss> c{.seed = seed, .loss = loss};
  c.optimizer.learning_rate = p.lr;
  c.optimizer.beta1 = p.beta1;
  c.optimizer.beta2 = p.beta2;
  c.optimizer.epsilon = p.eps;
  c.optimizer.warm_up = p.warmup;
  c.optimizer.gradient_clip = p.grad_clip;
  c.optimizer.decay = {p.decay_first, p.decay_steps};
  c.ema.decay = p.ema_rate;
  for (const double sigma_rel : p.ema_tracks)
    c.ema_tracks.push_back(scoresde::ExponentialMovingAverage::power(sigma_rel));
  c.label_dropout = p.label_dropout;
  return c;
}

/// The SDE in the words of a checkpoint: a chain of betas by the schedule that it was made of.
template <class S>
auto described_sde(const Preset& p, const S& sde) {
  if constexpr (std::same_as<S, scoresde::DdpmSde>)
    return scoresde::DiscreteVpSde(p.num_scales, {p.beta_min, p.beta_max, p.sampling_eps});
  else
    return sde;
}

/// What a checkpoint says of its run: the library's settings and, under "program.", what data the
/// run sees and how its images are meant to be sampled.
template <class S, class Loss>
scoresde::Metadata checkpoint_configuration(
    const Preset& p, const S& sde, const scoresde::TrainingConfigurationWith<Loss>& training) {
  auto configuration = scoresde::run_configuration(p.network, described_sde(p, sde), training);
  configuration["program.preset"] = p.name;
  configuration["program.batch"] = std::to_string(p.batch_size);
  configuration["program.random_flip"] = p.random_flip ? "true" : "false";
  configuration["program.uniform_dequantization"] = p.uniform_dequantization ? "true" : "false";
  configuration["program.predictor"] = scoresde::name_of(p.predictor);
  configuration["program.corrector"] = scoresde::name_of(p.corrector);
  configuration["program.solver"] = scoresde::name_of(p.solver);
  return configuration;
}

}  // namespace cifar10
