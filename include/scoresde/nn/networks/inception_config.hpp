// SPDX-License-Identifier: MIT
/// What an Inception network takes and returns: image extents, the convention of its input, and
/// its outputs.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/resize.hpp>

namespace scoresde::nn {

/// How published programs convert 8-bit pixels u to the network's 299 × 299 input. The programs
/// share network and weights; their features differ, and so do distances between them.
///
///   torch_fidelity  TensorFlow 1's bilinear, (u − 128)/128: also clean-fid's legacy_tensorflow;
///                   what DDPM, score_sde and EDM publish, up to the two below
///   pytorch_fid     half-pixel bilinear, 2u/255 − 1: also clean-fid's legacy_pytorch
///   clean_fid       PIL's bicubic, antialiased and clipped to [0, 255], (u − 128)/128
///   score_sde       TensorFlow 1's bilinear, (u − 127.5)/127.5
///   nvidia          as torch_fidelity, with positions that are not rounded to float32: EDM and
///                   StyleGAN
enum class InceptionConvention { torch_fidelity, pytorch_fid, clean_fid, score_sde, nvidia };

/// The vectors of a sample: means over the pixels of the features after the first and the second
/// max pooling, Mixed_6e and Mixed_7c, and the logits W pool + b of the 1008 classes, without and
/// with b. Inception scores are defined by the logits without b.
enum class InceptionOutput {
  features_64,
  features_192,
  features_768,
  features_2048,
  logits_unbiased,
  logits
};

/// Number of values of an output.
[[nodiscard]] constexpr std::size_t size_of(InceptionOutput output) {
  switch (output) {
    case InceptionOutput::features_64:
      return 64;
    case InceptionOutput::features_192:
      return 192;
    case InceptionOutput::features_768:
      return 768;
    case InceptionOutput::features_2048:
      return 2048;
    default:
      return 1008;
  }
}

/// The input of the network: x = scale·resized(u) + shift for pixels u in 0 … 255.
struct InceptionInput {
  ResizeRule rule;
  bool clipped;  ///< to [0, 255] after the resizing
  double scale, shift;
};

/// The input by a convention.
[[nodiscard]] constexpr InceptionInput input_of(InceptionConvention convention) {
  switch (convention) {
    case InceptionConvention::pytorch_fid:
      return {ResizeRule::half_pixel_bilinear, false, 2.0 / 255, -1};
    case InceptionConvention::clean_fid:
      return {ResizeRule::pil_bicubic, true, 1.0 / 128, -1};
    case InceptionConvention::score_sde:
      return {ResizeRule::tf1_bilinear, false, 1.0 / 127.5, -1};
    case InceptionConvention::nvidia:
      return {ResizeRule::grid_sample, false, 1.0 / 128, -1};
    default:
      return {ResizeRule::tf1_bilinear, false, 1.0 / 128, -1};
  }
}

/// Resizing and scaling of a convention, as a number is labeled.
[[nodiscard]] constexpr std::string_view words_of(InceptionConvention convention) {
  switch (convention) {
    case InceptionConvention::pytorch_fid:
      return "half-pixel bilinear, 2x/255 - 1";
    case InceptionConvention::clean_fid:
      return "PIL bicubic, (x - 128)/128";
    case InceptionConvention::score_sde:
      return "TF-1 bilinear, (x - 127.5)/127.5";
    case InceptionConvention::nvidia:
      return "grid_sample, (x - 128)/128";
    default:
      return "TF-1 bilinear, (x - 128)/128";
  }
}

/// An Inception network. Its output is the concatenation of `outputs`, each at most once, in order
/// of InceptionOutput; the layers after the last one are omitted.
struct InceptionConfig {
  std::size_t height = 32, width = 32;  ///< of the images
  InceptionConvention convention = InceptionConvention::torch_fidelity;
  std::vector<InceptionOutput> outputs{InceptionOutput::features_2048};
};

/// Values per sample. Throws Error for empty images, for no output, and for outputs that are not in
/// order of InceptionOutput.
[[nodiscard]] inline std::size_t checked_size(const InceptionConfig& config) {
  require(config.height > 0 && config.width > 0, "Inception: images of ", config.height, " x ",
          config.width, "; every extent must be at least 1");
  require(!config.outputs.empty(), "Inception: no outputs; at least one is required");
  std::size_t size = 0;
  for (std::size_t i = 0; i < config.outputs.size(); ++i) {
    require(i == 0 || config.outputs[i - 1] < config.outputs[i], "Inception: output ", i,
            " does not follow output ", i - 1,
            " in the order features_64, 192, 768, 2048, logits_unbiased, logits; each may appear "
            "once");
    size += size_of(config.outputs[i]);
  }
  return size;
}

}  // namespace scoresde::nn
