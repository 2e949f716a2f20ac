// SPDX-License-Identifier: MIT
/// The published names of the conventions of metrics: the package whose values they reproduce.
#pragma once

#include <array>

#include <scoresde/evaluate/inception_score.hpp>
#include <scoresde/evaluate/kernel_distance.hpp>
#include <scoresde/evaluate/precision_recall.hpp>
#include <scoresde/registry/names.hpp>

namespace scoresde {

template <>
inline constexpr auto published_names<InceptionScoreConvention> =
    std::to_array<PublishedName<InceptionScoreConvention>>(
        {{InceptionScoreConvention::torch_fidelity, "torch_fidelity"},
         {InceptionScoreConvention::openai, "openai"},
         {InceptionScoreConvention::openai, "ttur"},
         {InceptionScoreConvention::dgm_eval, "dgm_eval"},
         {InceptionScoreConvention::score_sde, "score_sde"},
         {InceptionScoreConvention::score_sde, "tfgan"}});

template <>
inline constexpr auto published_names<LogitBias> = std::to_array<PublishedName<LogitBias>>(
    {{LogitBias::without, "without"}, {LogitBias::with, "with"}});

template <>
inline constexpr auto published_names<KernelSubsets> =
    std::to_array<PublishedName<KernelSubsets>>({{KernelSubsets::torch_fidelity, "torch_fidelity"},
                                                 {KernelSubsets::clean_fid, "clean_fid"},
                                                 {KernelSubsets::clean_fid, "stylegan"}});

template <>
inline constexpr auto published_names<BallBoundary> =
    std::to_array<PublishedName<BallBoundary>>({{BallBoundary::closed, "torch_fidelity"},
                                                {BallBoundary::closed, "closed"},
                                                {BallBoundary::open, "prdc"},
                                                {BallBoundary::open, "dgm_eval"},
                                                {BallBoundary::open, "open"}});

}  // namespace scoresde
