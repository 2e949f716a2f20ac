// SPDX-License-Identifier: MIT
/// The published names of the values of a network's fields: those of score_sde's config.model and
/// of diffusers' UNet2DModel.
#pragma once

#include <array>

#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/registry/names.hpp>

namespace scoresde {

template <>
inline constexpr auto published_names<nn::Architecture> =
    std::to_array<PublishedName<nn::Architecture>>({{nn::Architecture::ddpm, "ddpm"},
                                                    {nn::Architecture::ncsnpp, "ncsnpp"}});

template <>
inline constexpr auto published_names<nn::Activation> =
    std::to_array<PublishedName<nn::Activation>>({{nn::Activation::swish, "swish"},
                                                  {nn::Activation::elu, "elu"},
                                                  {nn::Activation::relu, "relu"},
                                                  {nn::Activation::leaky_relu, "lrelu"}});

template <>
inline constexpr auto published_names<nn::EmbeddingType> =
    std::to_array<PublishedName<nn::EmbeddingType>>({{nn::EmbeddingType::positional, "positional"},
                                                     {nn::EmbeddingType::fourier, "fourier"}});

template <>
inline constexpr auto published_names<nn::ResBlockType> =
    std::to_array<PublishedName<nn::ResBlockType>>({{nn::ResBlockType::biggan, "biggan"},
                                                    {nn::ResBlockType::ddpm, "ddpm"}});

template <>
inline constexpr auto published_names<nn::ProgressiveOutput> =
    std::to_array<PublishedName<nn::ProgressiveOutput>>(
        {{nn::ProgressiveOutput::none, "none"},
         {nn::ProgressiveOutput::output_skip, "output_skip"},
         {nn::ProgressiveOutput::residual, "residual"}});

template <>
inline constexpr auto published_names<nn::ProgressiveInput> =
    std::to_array<PublishedName<nn::ProgressiveInput>>(
        {{nn::ProgressiveInput::none, "none"},
         {nn::ProgressiveInput::input_skip, "input_skip"},
         {nn::ProgressiveInput::residual, "residual"}});

template <>
inline constexpr auto published_names<nn::Combine> = std::to_array<PublishedName<nn::Combine>>(
    {{nn::Combine::sum, "sum"}, {nn::Combine::concatenate, "cat"}});

template <>
inline constexpr auto published_names<nn::AttentionUp> =
    std::to_array<PublishedName<nn::AttentionUp>>({{nn::AttentionUp::once, "once"},
                                                   {nn::AttentionUp::every, "every"},
                                                   {nn::AttentionUp::none, "none"}});

template <>
inline constexpr auto published_names<nn::Middle> =
    std::to_array<PublishedName<nn::Middle>>({{nn::Middle::attention, "attention"},
                                              {nn::Middle::blocks, "blocks"},
                                              {nn::Middle::none, "none"}});

template <>
inline constexpr auto published_names<nn::TimeScaleShift> =
    std::to_array<PublishedName<nn::TimeScaleShift>>(
        {{nn::TimeScaleShift::add, "default"}, {nn::TimeScaleShift::scale_shift, "scale_shift"}});

}  // namespace scoresde
