// SPDX-License-Identifier: MIT
/// The names of the conventions of Inception's input and of its outputs: programs and layers as
/// torch-fidelity and pytorch-fid publish them.
#pragma once

#include <array>

#include <scoresde/nn/networks/inception_config.hpp>
#include <scoresde/registry/names.hpp>

namespace scoresde {

template <>
inline constexpr auto published_names<nn::InceptionConvention> =
    std::to_array<PublishedName<nn::InceptionConvention>>(
        {{nn::InceptionConvention::torch_fidelity, "torch_fidelity"},
         {nn::InceptionConvention::pytorch_fid, "pytorch_fid"},
         {nn::InceptionConvention::clean_fid, "clean_fid"},
         {nn::InceptionConvention::score_sde, "score_sde"},
         {nn::InceptionConvention::nvidia, "nvidia"}});

template <>
inline constexpr auto published_names<nn::InceptionOutput> =
    std::to_array<PublishedName<nn::InceptionOutput>>({{nn::InceptionOutput::features_64, "64"},
                                                       {nn::InceptionOutput::features_192, "192"},
                                                       {nn::InceptionOutput::features_768, "768"},
                                                       {nn::InceptionOutput::features_2048, "2048"},
                                                       {nn::InceptionOutput::logits_unbiased,
                                                        "logits_unbiased"},
                                                       {nn::InceptionOutput::logits, "logits"}});

}  // namespace scoresde
