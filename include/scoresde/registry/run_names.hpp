// SPDX-License-Identifier: MIT
/// The published names of a run's enumerations: SDE, loss, betas, prediction, averages, and the
/// sampler that a preset recommends.
///
/// If score_sde or an earlier release of this library uses another name than the enumeration, the
/// first name is the one that existing files contain.
#pragma once

#include <array>

#include <scoresde/optim/ema.hpp>
#include <scoresde/optim/schedule.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/ddpm_betas.hpp>
#include <scoresde/sde/sde_kind.hpp>

namespace scoresde {

/// The loss that trains a network: DenoisingScoreMatching, DiscreteScoreMatching or EdmLoss.
enum class LossKind { continuous, discrete, edm };

/// The conventions that a file names; for other losses the convention follows from the SDE.
enum class ConventionKind { edm_preconditioning };

template <>
inline constexpr auto published_names<SdeKind> =
    std::to_array<PublishedName<SdeKind>>({{SdeKind::vp, "vp"},
                                           {SdeKind::sub_vp, "subvp"},
                                           {SdeKind::ve, "ve"},
                                           {SdeKind::edm, "karras"},
                                           {SdeKind::edm, "edm"},
                                           {SdeKind::ddpm, "ddpm"}});

template <>
inline constexpr auto published_names<LossKind> =
    std::to_array<PublishedName<LossKind>>({{LossKind::continuous, "continuous"},
                                            {LossKind::discrete, "discrete"},
                                            {LossKind::edm, "karras"},
                                            {LossKind::edm, "edm"}});

template <>
inline constexpr auto published_names<ConventionKind> =
    std::to_array<PublishedName<ConventionKind>>(
        {{ConventionKind::edm_preconditioning, "karras_preconditioned"},
         {ConventionKind::edm_preconditioning, "edm_preconditioning"}});

template <>
inline constexpr auto published_names<BetaRule> =
    std::to_array<PublishedName<BetaRule>>({{BetaRule::linear, "linear"},
                                            {BetaRule::scaled_linear, "scaled_linear"},
                                            {BetaRule::cosine, "cosine"},
                                            {BetaRule::listed, "listed"}});

template <>
inline constexpr auto published_names<PredictionType> =
    std::to_array<PublishedName<PredictionType>>({{PredictionType::noise, "noise"},
                                                  {PredictionType::data, "data"},
                                                  {PredictionType::velocity, "velocity"}});

template <>
inline constexpr auto published_names<EmaSchedule> =
    std::to_array<PublishedName<EmaSchedule>>({{EmaSchedule::ramp, "ramp"},
                                               {EmaSchedule::constant, "constant"},
                                               {EmaSchedule::power, "power"}});

template <>
inline constexpr auto published_names<RateSchedule> =
    std::to_array<PublishedName<RateSchedule>>({{RateSchedule::constant, "constant"},
                                                {RateSchedule::cosine, "cosine"},
                                                {RateSchedule::inverse_sqrt, "inverse_sqrt"}});

template <>
inline constexpr auto published_names<SolverKind> = std::to_array<PublishedName<SolverKind>>(
    {{SolverKind::predictor_corrector, "pc"}, {SolverKind::karras_heun, "karras-heun"}});

template <>
inline constexpr auto published_names<PredictorKind> = std::to_array<PublishedName<PredictorKind>>(
    {{PredictorKind::euler_maruyama, "euler_maruyama"},
     {PredictorKind::reverse_diffusion, "reverse_diffusion"},
     {PredictorKind::ancestral, "ancestral"},
     {PredictorKind::ancestral, "ancestral_sampling"},
     {PredictorKind::none, "none"}});

template <>
inline constexpr auto published_names<CorrectorKind> = std::to_array<PublishedName<CorrectorKind>>(
    {{CorrectorKind::none, "none"}, {CorrectorKind::langevin, "langevin"}});

}  // namespace scoresde
