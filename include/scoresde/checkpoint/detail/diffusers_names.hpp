// SPDX-License-Identifier: MIT
/// The names and layouts of diffusers' UNet2DModel for the parameters of this library's table.
///
/// This library numbers the modules in the order down, middle, up; diffusers has down_blocks.i,
/// mid_block and up_blocks.i, with i counted separately for down and up. This library's pointwise
/// layers have (in, out) weights; diffusers' linear layers have (out, in), its shortcuts (out, in,
/// 1, 1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nn/graph/parameters.hpp>
#include <scoresde/nn/networks/unet_config.hpp>

namespace scoresde::detail {

enum class DiffusersLayout : std::uint8_t { same, linear, convolution };

/// One tensor: its index in this library's table, diffusers' name, and diffusers' layout.
struct DiffusersTensor {
  std::size_t parameter = 0;
  std::string name;
  DiffusersLayout layout = DiffusersLayout::same;
};

/// Traverses the architecture as nn::unet does. Layers that are not in the table are skipped.
class DiffusersNames {
 public:
  DiffusersNames(const nn::UNetConfig& config, const nn::ParameterTable& table)
      : config_(config), table_(table), skip_(config.architecture == nn::Architecture::ncsnpp) {}

  /// A name for every entry of the table. Throws Error when one has none.
  [[nodiscard]] std::vector<DiffusersTensor> list() {
    if (skip_ && config_.embedding_type == nn::EmbeddingType::fourier)
      add(next() + ".W", "time_proj.weight", DiffusersLayout::same);
    same(next(), "time_embedding.linear_1");
    same(next(), "time_embedding.linear_2");
    add("class_embedding.weight", "class_embedding.weight", DiffusersLayout::same);
    same(next(), "conv_in");
    const std::size_t levels = config_.levels();
    for (std::size_t level = 0; level < levels; ++level) down(level);
    middle();
    for (std::size_t level = levels; level-- > 0;) up(level);
    if (!skip_) head("conv_norm_out", "conv_out");
    const auto& parameters = table_.entries();
    std::vector<bool> named(parameters.size());
    for (const DiffusersTensor& tensor : tensors_) named[tensor.parameter] = true;
    for (std::size_t i = 0; i < parameters.size(); ++i)
      require(named[i], "diffusers' UNet2DModel has no name for ", parameters[i].name);
    return std::move(tensors_);
  }

 private:
  [[nodiscard]] std::string next() { return "all_modules." + std::to_string(module_++); }

  void add(const std::string& ours, std::string theirs, DiffusersLayout layout) {
    if (table_.contains(ours)) tensors_.push_back({table_.index(ours), std::move(theirs), layout});
  }
  void same(const std::string& ours, const std::string& theirs) {
    add(ours + ".weight", theirs + ".weight", DiffusersLayout::same);
    add(ours + ".bias", theirs + ".bias", DiffusersLayout::same);
  }
  void pointwise(const std::string& ours, const std::string& theirs, DiffusersLayout layout) {
    add(ours + ".W", theirs + ".weight", layout);
    add(ours + ".b", theirs + ".bias", DiffusersLayout::same);
  }

  void residual(const std::string& theirs) {
    const std::string ours = next();
    same(ours + ".GroupNorm_0", theirs + ".norm1");
    same(ours + ".Conv_0", theirs + ".conv1");
    same(ours + ".Dense_0", theirs + ".time_emb_proj");
    same(ours + ".GroupNorm_1", theirs + ".norm2");
    same(ours + ".Conv_1", theirs + ".conv2");
    same(ours + ".Conv_2", theirs + ".conv_shortcut");
    pointwise(ours + ".NIN_0", theirs + ".conv_shortcut", DiffusersLayout::convolution);
  }
  void attention(const std::string& theirs) {
    const std::string ours = next();
    same(ours + ".GroupNorm_0", theirs + ".group_norm");
    pointwise(ours + ".NIN_0", theirs + ".to_q", DiffusersLayout::linear);
    pointwise(ours + ".NIN_1", theirs + ".to_k", DiffusersLayout::linear);
    pointwise(ours + ".NIN_2", theirs + ".to_v", DiffusersLayout::linear);
    pointwise(ours + ".NIN_3", theirs + ".to_out.0", DiffusersLayout::linear);
  }
  void head(const std::string& normalization, const std::string& convolution) {
    same(next(), normalization);
    same(next(), convolution);
  }

  void middle() {
    if (config_.middle == nn::Middle::none) return;
    residual("mid_block.resnets.0");
    if (config_.middle == nn::Middle::attention) attention("mid_block.attentions.0");
    residual("mid_block.resnets.1");
  }

  void down(std::size_t level) {
    const std::string block = "down_blocks." + std::to_string(level);
    for (std::size_t i = 0; i < config_.num_res_blocks; ++i) {
      residual(block + ".resnets." + std::to_string(i));
      if (config_.attends_down(level)) attention(block + ".attentions." + std::to_string(i));
    }
    if (level + 1 == config_.levels()) return;
    if (!skip_) return same(next() + ".Conv_0", block + ".downsamplers.0.conv");
    residual(block + ".resnet_down");
    same(next() + ".Conv_0", block + ".skip_conv");
  }

  /// diffusers' DDPM has attention after every block, NCSN++ once after the last one, where it
  /// accumulates the output image.
  void up(std::size_t level) {
    const std::string block = "up_blocks." + std::to_string(config_.levels() - 1 - level);
    for (std::size_t i = 0; i <= config_.num_res_blocks; ++i) {
      residual(block + ".resnets." + std::to_string(i));
      if (config_.attends_up(level) && config_.attn_up == nn::AttentionUp::every)
        attention(block + ".attentions." + std::to_string(i));
    }
    if (config_.attends_up(level) && config_.attn_up == nn::AttentionUp::once)
      attention(block + ".attentions.0");
    if (skip_ && level == 0) return head("conv_norm_out", "conv_out");
    if (skip_) head(block + ".skip_norm", block + ".skip_conv");
    if (skip_) return residual(block + ".resnet_up");
    if (level > 0) same(next() + ".Conv_0", block + ".upsamplers.0.conv");
  }

  const nn::UNetConfig& config_;
  const nn::ParameterTable& table_;
  bool skip_;
  std::size_t module_ = 0;
  std::vector<DiffusersTensor> tensors_;
};

}  // namespace scoresde::detail
