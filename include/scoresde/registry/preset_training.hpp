// SPDX-License-Identifier: MIT
/// A preset as types: its SDE, loss, training configuration and checkpoint metadata.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>

#include <scoresde/error.hpp>
#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/loss/discrete_score_matching.hpp>
#include <scoresde/loss/edm_loss.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/networks/classifier.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/registry/classifier_configuration.hpp>
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
#include <scoresde/train/classification.hpp>
#include <scoresde/train/configuration.hpp>

namespace scoresde {

/// Calls body(sde, loss) with the SDE and the loss of the preset: in continuous time, EDM's, or on
/// the levels of DDPM or SMLD. Throws Error for combinations that do not exist: sde ddpm, discrete
/// levels of sub-VP, likelihood weighting of discrete levels, and classifiers.
template <class Body>
void visit_training(const nn::Preset& p, Body&& body) {
  require(!p.classifier, "preset ", p.name, ": it is of a classifier; visit_classifier_training",
          " has its loss");
  const BetaSchedule beta{p.beta_min, p.beta_max, p.sampling_eps};
  const SigmaSchedule sigma{p.sigma_min, p.sigma_max, p.sampling_eps};
  const bool continuous_sde = p.sde == SdeKind::vp || p.sde == SdeKind::sub_vp ||
                              p.sde == SdeKind::ve || p.sde == SdeKind::edm;
  require(continuous_sde, "preset ", p.name, ": sde is '", name_of(p.sde),
          "'; it must be vp, subvp, ve or karras");
  if (p.sde == SdeKind::edm) {
    require(p.continuous && !p.likelihood_weighting, "preset ", p.name,
            ": the EDM loss is in continuous time and has a weighting of its own");
    return body(EdmSde({p.sigma_min, p.sigma_max}), EdmLoss{.p_mean = p.p_mean,
                                                            .p_std = p.p_std,
                                                            .sigma_data = p.sigma_data,
                                                            .reduce_mean = p.reduce_mean});
  }
  if (p.continuous) {
    const DenoisingScoreMatching loss{.likelihood_weighting = p.likelihood_weighting,
                                      .reduce_mean = p.reduce_mean};
    if (p.sde == SdeKind::vp) return body(VpSde(beta), loss);
    if (p.sde == SdeKind::sub_vp) return body(SubVpSde(beta), loss);
    return body(VeSde(sigma), loss);
  }
  require(
      !p.likelihood_weighting, "preset ", p.name,
      ": likelihood weighting requires continuous time; the network is trained on discrete levels");
  const DiscreteScoreMatching loss{.reduce_mean = p.reduce_mean};
  if (p.sde == SdeKind::vp) return body(ddpm_sde(p.num_scales, beta), loss);
  require(p.sde == SdeKind::ve, "preset ", p.name, ": sub-VP has no discrete levels");
  return body(SmldSde(p.num_scales, sigma), loss);
}

/// Calls body(sde, loss) with the SDE and the loss of a classifier's preset. Throws Error for a
/// preset without a classifier, and for discrete levels, EDM's SDE and a chain of DDPM.
template <class Body>
void visit_classifier_training(const nn::Preset& p, Body&& body) {
  require(p.classifier.has_value(), "preset ", p.name,
          ": it is of a score network; a classifier is required");
  require(p.continuous && p.sde != SdeKind::edm && p.sde != SdeKind::ddpm, "preset ", p.name,
          ": a classifier is trained in continuous time under vp, subvp or ve");
  const CrossEntropy loss{.noised = p.noised, .time_power = p.time_power};
  const BetaSchedule beta{p.beta_min, p.beta_max, p.sampling_eps};
  if (p.sde == SdeKind::vp) return body(VpSde(beta), loss);
  if (p.sde == SdeKind::sub_vp) return body(SubVpSde(beta), loss);
  body(VeSde(SigmaSchedule{p.sigma_min, p.sigma_max, p.sampling_eps}), loss);
}

/// The network of a preset. Throws Error as unet and classifier do.
[[nodiscard]] inline nn::Graph graph_of(const nn::Preset& p) {
  return p.classifier ? nn::classifier({p.network, *p.classifier}) : nn::unet(p.network);
}

/// The training configuration of a preset.
template <class Loss>
TrainingConfigurationWith<Loss> training_configuration(const nn::Preset& p, const Loss& loss,
                                                       std::uint64_t seed) {
  TrainingConfigurationWith<Loss> c{.seed = seed, .loss = loss};
  c.optimizer.learning_rate = p.lr;
  c.optimizer.beta1 = p.beta1;
  c.optimizer.beta2 = p.beta2;
  c.optimizer.epsilon = p.eps;
  c.optimizer.warm_up = p.warmup;
  c.optimizer.gradient_clip = p.grad_clip;
  c.optimizer.decay = {p.decay_first, p.decay_steps};
  c.optimizer.schedule = p.schedule;
  c.ema.decay = p.ema_rate;
  for (const double sigma_rel : p.ema_tracks)
    c.ema_tracks.push_back(ExponentialMovingAverage::power(sigma_rel));
  for (const double rate : p.ema_rates) c.ema_tracks.push_back({.decay = rate});
  c.label_dropout = p.label_dropout;
  return c;
}

/// The SDE as stored in a checkpoint: a chain of betas as its schedule.
template <class S>
auto described_sde(const nn::Preset& p, const S& sde) {
  if constexpr (std::same_as<S, DdpmSde>)
    return DiscreteVpSde(p.num_scales, {p.beta_min, p.beta_max, p.sampling_eps});
  else
    return sde;
}

/// The metadata of a checkpoint: the library's settings and, under "program.", the training data
/// and the recommended sampler.
template <class S, class Loss>
Metadata checkpoint_configuration(const nn::Preset& p, const S& sde,
                                  const TrainingConfigurationWith<Loss>& training) {
  auto configuration = run_configuration(p.network, described_sde(p, sde), training);
  if (p.classifier) configuration.merge(describe(*p.classifier));
  configuration["program.preset"] = p.name;
  configuration["program.batch"] = std::to_string(p.batch_size);
  configuration["program.random_flip"] = p.random_flip ? "true" : "false";
  configuration["program.uniform_dequantization"] = p.uniform_dequantization ? "true" : "false";
  if (p.random_shift > 0)  // absent from the files of earlier versions
    configuration["program.random_shift"] = std::to_string(p.random_shift);
  configuration["program.predictor"] = name_of(p.predictor);
  configuration["program.corrector"] = name_of(p.corrector);
  configuration["program.solver"] = name_of(p.solver);
  return configuration;
}

}  // namespace scoresde
