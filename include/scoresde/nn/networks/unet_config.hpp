// SPDX-License-Identifier: MIT
/// UNetConfig: the fields of a score network, named as in score_sde's config.model and config.data.
/// attn_up and middle are specific to this library; norm_eps, num_class_embeds and the last group
/// are named as in diffusers' UNet2DModel. registry/network_fields.hpp defines their text form in
/// files.
///
/// The defaults are DDPM++ for CIFAR-10 (Song et al. 2021, arXiv:2011.13456, appendix H).
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::nn {

/// The U-Net of Ho et al. 2020 as in score_sde's models/ddpm.py, or that of Song et al. 2021 in
/// models/ncsnpp.py, which includes DDPM++ and NCSN++.
enum class Architecture { ddpm, ncsnpp };

/// Features of the time: sines and cosines of fixed frequencies, or of log σ at random frequencies.
enum class EmbeddingType { positional, fourier };

/// Residual blocks that resample inside (BigGAN, Brock et al. 2019, arXiv:1809.11096), or DDPM's,
/// between which a separate layer resamples.
enum class ResBlockType { biggan, ddpm };

/// The image pyramid on the way up: none; images that are upsampled and summed; features that are
/// upsampled by a convolution and replace the main path.
enum class ProgressiveOutput { none, output_skip, residual };

/// The image pyramid on the way down: none; a 1×1 convolution of the downsampled image is combined
/// with the main path; a 3×3 convolution of it replaces the main path.
enum class ProgressiveInput { none, input_skip, residual };

/// How input_skip is combined with the main path.
enum class Combine { sum, concatenate };

/// Attention on the way up: once at the end of a level, after every block (Ho et al. 2020, and
/// diffusers' AttnUpBlock2D), or none.
enum class AttentionUp { once, every, none };

/// Between the way down and the way up: block, attention and block; two blocks; or none.
enum class Middle { attention, blocks, none };

/// How the time conditions a block: added before the second normalization, or as scale and shift
/// after it (Nichol and Dhariwal 2021, arXiv:2102.09672, section 3.2).
enum class TimeScaleShift { add, scale_shift };

struct UNetConfig {
  // config.data
  std::size_t image_size = 32;  ///< height, and width where image_width is 0
  std::size_t image_width = 0;
  std::size_t num_channels = 3;
  bool centered = true;  ///< images in [−1, 1]; otherwise the network maps [0, 1] to it
  // config.model
  Architecture architecture = Architecture::ncsnpp;  ///< config.model.name
  std::size_t nf = 128;                              ///< channels of the first level
  std::vector<std::size_t> ch_mult{1, 2, 2, 2};
  std::size_t num_res_blocks = 4;
  std::vector<std::size_t> attn_resolutions{16};  ///< heights of feature maps
  double dropout = 0.1;
  bool conditional = true;
  bool skip_rescale = true;
  double init_scale = 0;
  bool scale_by_sigma = false;
  Activation nonlinearity = Activation::swish;
  EmbeddingType embedding_type = EmbeddingType::positional;
  ResBlockType resblock_type = ResBlockType::biggan;
  ProgressiveOutput progressive = ProgressiveOutput::none;
  ProgressiveInput progressive_input = ProgressiveInput::none;
  Combine progressive_combine = Combine::sum;
  bool fir = false;
  std::vector<double> fir_kernel{1, 3, 3, 1};
  double fourier_scale = 16;
  bool resamp_with_conv = true;
  AttentionUp attn_up = AttentionUp::once;
  double norm_eps = 1e-6;            ///< ε of the group normalizations
  std::size_t num_class_embeds = 0;  ///< classes of the network's conditioning; 0: none
  // the noise levels by which a network of integer labels divides its output
  double sigma_min = 0.01, sigma_max = 50;
  std::size_t num_scales = 1000;
  // of diffusers' UNet2DModel; the defaults are score_sde's values
  std::size_t out_channels = 0;                    ///< of the output; 0: num_channels
  std::vector<std::size_t> block_out_channels{};   ///< of each level; empty: nf·ch_mult
  std::size_t attention_head_dim = 0;              ///< channels of an attention head; 0: one head
  std::vector<std::size_t> attn_up_resolutions{};  ///< empty: attn_resolutions
  std::size_t norm_num_groups = 0;                 ///< 0: 32 (ddpm) or min(C/4, 32) (ncsnpp)
  /// Groups of the attention in the middle. 0: as everywhere else; with scale_shift, no
  /// normalization.
  std::size_t attn_norm_num_groups = 0;
  Middle middle = Middle::attention;
  TimeScaleShift resnet_time_scale_shift = TimeScaleShift::add;
  std::size_t time_embedding_dim = 0;  ///< 0: 4·nf
  bool flip_sin_to_cos = false;        ///< cosines before sines
  double freq_shift = 1;               ///< ωᵢ = 10000^{−i/(nf/2 − freq_shift)}
  std::size_t downsample_padding = 0;  ///< zeros of plain halving: 1 all around, 0 below and right

  [[nodiscard]] std::size_t height() const { return image_size; }
  [[nodiscard]] std::size_t width() const { return image_width == 0 ? image_size : image_width; }
  [[nodiscard]] std::size_t levels() const { return ch_mult.size(); }
  [[nodiscard]] std::size_t channels(std::size_t level) const {
    return block_out_channels.empty() ? nf * ch_mult[level] : block_out_channels[level];
  }
  [[nodiscard]] std::size_t output_channels() const {
    return out_channels == 0 ? num_channels : out_channels;
  }
  /// Whether attention follows the blocks of a level, on the way down and up.
  [[nodiscard]] bool attends_down(std::size_t level) const {
    return contains(attn_resolutions, image_size >> level);
  }
  [[nodiscard]] bool attends_up(std::size_t level) const {
    const auto& at = attn_up_resolutions.empty() ? attn_resolutions : attn_up_resolutions;
    return attn_up != AttentionUp::none && contains(at, image_size >> level);
  }
  bool operator==(const UNetConfig&) const = default;

 private:
  static bool contains(const std::vector<std::size_t>& list, std::size_t value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  }
};

}  // namespace scoresde::nn
