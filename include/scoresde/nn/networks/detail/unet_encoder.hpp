// SPDX-License-Identifier: MIT
/// The way down of a U-Net and its middle, which score networks and classifiers share.
///
/// Per level num_res_blocks residual blocks, each followed by attention at the listed resolutions,
/// and a downsampling; then block, attention, block, unless omitted. NCSN++ can inject a pyramid of
/// the input image (progressive_input). Modules are numbered as in score_sde_pytorch.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/layers/attention_block.hpp>
#include <scoresde/nn/layers/resampling.hpp>
#include <scoresde/nn/layers/residual_block.hpp>
#include <scoresde/nn/layers/time_embedding.hpp>
#include <scoresde/nn/networks/unet_check.hpp>
#include <scoresde/nn/networks/unet_config.hpp>

namespace scoresde::nn::detail {

/// The settings that all blocks of this configuration share, without the embedding.
[[nodiscard]] inline BlockSettings block_settings(const UNetConfig& c) {
  BlockSettings settings{.embedding = {},
                         .activation = c.nonlinearity,
                         .dropout = c.dropout,
                         .init_scale = c.init_scale,
                         .skip_rescale = c.architecture != Architecture::ddpm && c.skip_rescale,
                         .fixed_groups = fixed_groups(c),
                         .epsilon = c.norm_eps,
                         .fir = {},
                         .scale_shift = c.resnet_time_scale_shift == TimeScaleShift::scale_shift,
                         .head_channels = c.attention_head_dim,
                         .symmetric_halving = c.downsample_padding == 1};
  if (c.fir) settings.fir = c.fir_kernel;
  return settings;
}

/// Builds a graph and numbers the modules. Refers to the configuration.
class UNetEncoder {
 protected:
  explicit UNetEncoder(const UNetConfig& config)
      : config_(config),
        graph_(config.num_channels, config.height(), config.width()),
        settings_(block_settings(config)),
        ddpm_blocks_(config.architecture == Architecture::ddpm ||
                     config.resblock_type == ResBlockType::ddpm) {}

  /// The features of the image after the middle; skips_ has those on the way down.
  [[nodiscard]] Tensor encode() {
    embed();
    Tensor x = graph_.input();
    if (!config_.centered) x = graph_.affine(x, 2, -1);
    pyramid_ = x;
    Tensor h = graph_.convolution(x, {.name = next(), .out_channels = config_.nf});
    skips_.push_back(h);
    for (std::size_t level = 0; level < levels(); ++level) h = down(h, level);
    return config_.middle != Middle::none ? middle(h) : h;
  }

  [[nodiscard]] std::string next() { return "all_modules." + std::to_string(module_++); }
  [[nodiscard]] std::size_t levels() const { return config_.levels(); }

  [[nodiscard]] Tensor block(Tensor h, std::size_t channels) {
    if (ddpm_blocks_) return ddpm_residual_block(graph_, h, next(), channels, settings_);
    return residual_block(graph_, h, next(), channels, Resample::none, settings_);
  }

  /// Downsampling or upsampling of the main path.
  [[nodiscard]] Tensor resample_block(Tensor h, Resample direction) {
    const std::size_t channels = graph_.shape(h).c;
    if (!ddpm_blocks_) return residual_block(graph_, h, next(), channels, direction, settings_);
    const std::string name = next();
    if (config_.resamp_with_conv)
      return resample_with_convolution(graph_, h, name, channels, direction, settings_);
    return resample(graph_, h, direction, settings_);
  }

  const UNetConfig& config_;
  Graph graph_;
  BlockSettings settings_;
  std::optional<Tensor> pyramid_;  ///< of the input image
  std::vector<Tensor> skips_;

 private:
  void embed() {
    const bool fourier = config_.embedding_type == EmbeddingType::fourier;
    // The frequencies are a numbered module even in an unconditional network.
    const std::string frequencies = fourier ? next() : "";
    if (!config_.conditional) return;
    const Tensor features =
        fourier ? graph_.fourier_embedding(frequencies, 2 * config_.nf, config_.fourier_scale)
                : graph_.positional_embedding(config_.nf,
                                              {config_.flip_sin_to_cos, config_.freq_shift});
    const std::string first = next(), second = next();
    const std::size_t width =
        config_.time_embedding_dim == 0 ? 4 * config_.nf : config_.time_embedding_dim;
    std::optional<Tensor> classes;
    if (config_.num_class_embeds > 0)
      classes = graph_.class_embedding("class_embedding", config_.num_class_embeds, width);
    settings_.embedding =
        time_embedding(graph_, features, width, first, second, settings_.activation, classes);
  }

  /// Block, attention, block. Attention may have its own number of groups; without one, scale_shift
  /// omits its normalization, as diffusers' UNetMidBlock2D does.
  [[nodiscard]] Tensor middle(Tensor h) {
    const std::size_t channels = graph_.shape(h).c;
    h = block(h, channels);
    if (config_.middle == Middle::attention) {
      BlockSettings own = settings_;
      if (config_.attn_norm_num_groups > 0) own.fixed_groups = config_.attn_norm_num_groups;
      own.normalize_attention = !own.scale_shift || config_.attn_norm_num_groups > 0;
      h = attention_block(graph_, h, next(), own);
    }
    return block(h, channels);
  }

  [[nodiscard]] Tensor down(Tensor h, std::size_t level) {
    const std::size_t channels = config_.channels(level);
    for (std::size_t i = 0; i < config_.num_res_blocks; ++i) {
      h = block(h, channels);
      if (config_.attends_down(level)) h = attention_block(graph_, h, next(), settings_);
      skips_.push_back(h);
    }
    if (level + 1 == levels()) return h;
    h = inject_input_pyramid(resample_block(h, Resample::down));
    skips_.push_back(h);
    return h;
  }

  /// Adds the downsampled image to the main path: by a 1×1 convolution (input_skip, summed or
  /// concatenated), or by a strided convolution whose result becomes the main path (residual).
  [[nodiscard]] Tensor inject_input_pyramid(Tensor h) {
    const std::size_t channels = graph_.shape(h).c;
    if (config_.progressive_input == ProgressiveInput::input_skip) {
      pyramid_ = resample(graph_, *pyramid_, Resample::down, settings_);
      const ConvolutionSpec spec{.name = next() + ".Conv_0", .out_channels = channels, .kernel = 1};
      if (config_.progressive_combine == Combine::concatenate)
        return graph_.concatenate(graph_.convolution(*pyramid_, spec), h);
      return graph_.convolution(*pyramid_, spec, {.residual = h});
    }
    if (config_.progressive_input == ProgressiveInput::none) return h;
    pyramid_ = resample_with_convolution(graph_, *pyramid_, next(), channels, Resample::down,
                                         settings_, {.residual = h, .scale = settings_.scale()});
    return *pyramid_;
  }

  bool ddpm_blocks_;
  std::size_t module_ = 0;
};

}  // namespace scoresde::nn::detail
