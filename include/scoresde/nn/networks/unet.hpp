// SPDX-License-Identifier: MIT
/// The U-Nets of DDPM, DDPM++ and NCSN++ as a graph, independent of the backend.
///
/// Down: per level num_res_blocks residual blocks, each followed by attention at the listed
/// resolutions, and a downsampling. Middle: block, attention, block, unless omitted. Up: per level
/// num_res_blocks + 1 blocks, each with one skip connection, attention at the end or after each
/// block, and an upsampling. NCSN++ can inject a pyramid of the input image on the way down
/// (progressive_input) and accumulate one of the output image on the way up (progressive).
/// Ronneberger et al. 2015, arXiv:1505.04597; Ho et al. 2020, arXiv:2006.11239, appendix B; Song et
/// al. 2021, arXiv:2011.13456, appendix H. Modules are numbered as in score_sde_pytorch.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include <scoresde/error.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/layers/attention_block.hpp>
#include <scoresde/nn/layers/normalization.hpp>
#include <scoresde/nn/layers/resampling.hpp>
#include <scoresde/nn/networks/detail/unet_encoder.hpp>
#include <scoresde/nn/networks/unet_check.hpp>
#include <scoresde/nn/networks/unet_config.hpp>

namespace scoresde::nn {

namespace detail {

/// The way up and the output.
class UNetBuilder : private UNetEncoder {
 public:
  explicit UNetBuilder(const UNetConfig& config) : UNetEncoder(config) {}

  [[nodiscard]] Graph build() {
    Tensor h = encode();
    pyramid_.reset();
    for (std::size_t level = levels(); level-- > 0;) h = up(h, level);
    h = config_.progressive == ProgressiveOutput::output_skip
            ? *pyramid_
            : head(h, config_.output_channels(), last_scale());
    if (config_.scale_by_sigma) graph_.divide_by_sigma(h, sigma_levels());
    return std::move(graph_);
  }

 private:
  [[nodiscard]] double last_scale() const { return settings_.init_scale; }

  /// Networks with a Fourier embedding are conditioned on σ itself, others on the index of a level.
  [[nodiscard]] SigmaLevels sigma_levels() const {
    if (config_.embedding_type == EmbeddingType::fourier) return {};
    return {config_.num_scales, config_.sigma_min, config_.sigma_max};
  }

  /// activation(GroupNorm) and a 3×3 convolution.
  [[nodiscard]] Tensor head(Tensor h, std::size_t channels, double scale,
                            const ConvolutionEpilogue& epilogue = {}) {
    h = activated_normalization(graph_, h, next(), settings_);
    return graph_.convolution(h, {.name = next(), .out_channels = channels, .scale = scale},
                              epilogue);
  }

  [[nodiscard]] Tensor up(Tensor h, std::size_t level) {
    const std::size_t channels = config_.channels(level);
    for (std::size_t i = 0; i <= config_.num_res_blocks; ++i) {
      h = graph_.concatenate(h, skips_.back());
      skips_.pop_back();
      h = block(h, channels);
      const bool here = config_.attn_up == AttentionUp::every || i == config_.num_res_blocks;
      if (here && config_.attends_up(level)) h = attention_block(graph_, h, next(), settings_);
    }
    h = accumulate_output_pyramid(h);
    return level > 0 ? resample_block(h, Resample::up) : h;
  }

  /// The level's contribution to the output: an image that is upsampled and added to (output_skip),
  /// or features that are upsampled by a convolution and become the main path (residual).
  [[nodiscard]] Tensor accumulate_output_pyramid(Tensor h) {
    const std::size_t channels = graph_.shape(h).c;
    if (config_.progressive == ProgressiveOutput::output_skip) {
      ConvolutionEpilogue epilogue;
      if (pyramid_) epilogue.residual = resample(graph_, *pyramid_, Resample::up, settings_);
      pyramid_ = head(h, config_.output_channels(), last_scale(), epilogue);
      return h;
    }
    if (config_.progressive == ProgressiveOutput::none) return h;
    if (!pyramid_) {
      pyramid_ = head(h, channels, 1);
      return h;
    }
    pyramid_ = resample_with_convolution(graph_, *pyramid_, next(), channels, Resample::up,
                                         settings_, {.residual = h, .scale = settings_.scale()});
    return *pyramid_;
  }
};

}  // namespace detail

/// The network as a graph, (num_channels, height, width) to (output_channels(), height, width).
/// Throws Error for a configuration that `check` rejects.
[[nodiscard]] inline Graph unet(const UNetConfig& config) {
  check(config);
  return detail::UNetBuilder(config).build();
}

}  // namespace scoresde::nn
