// SPDX-License-Identifier: MIT
/// The U-Net of DDPM++, as a graph: the one text of the architecture for every backend.
///
/// Down: per level num_res_blocks residual blocks, attention at the listed resolutions, a halving
/// block. Middle: block, attention, block. Up: per level num_res_blocks + 1 blocks that each take
/// back one kept tensor, attention once at the end, a doubling block. Ronneberger et al. 2015,
/// arXiv:1505.04597; Ho et al. 2020, arXiv:2006.11239, appendix B; Song et al. 2021,
/// arXiv:2011.13456, appendix H. Modules are numbered as score_sde_pytorch numbers them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nn/graph.hpp>
#include <scoresde/nn/layers/attention_block.hpp>
#include <scoresde/nn/layers/normalization.hpp>
#include <scoresde/nn/layers/residual_block.hpp>
#include <scoresde/nn/layers/time_embedding.hpp>
#include <scoresde/nn/unet_config.hpp>

namespace scoresde::nn {

namespace detail {

inline void require_knob(const char* knob, const std::string& value, const char* allowed) {
  require(value == allowed, "unet: ", knob, " is '", value, "'; this network supports '", allowed,
          "'");
}
inline void require_knob(const char* knob, bool value, bool allowed) {
  require(value == allowed, "unet: ", knob, " is ", value ? "true" : "false",
          "; this network supports ", allowed ? "true" : "false");
}

inline void check_extents(const UNetConfig& c) {
  require(c.nf >= 4 && c.nf % 4 == 0, "unet: nf is ", c.nf,
          "; it must be a positive multiple of 4 (groups of four channels)");
  require(!c.ch_mult.empty(), "unet: ch_mult is empty; it must name a factor for each level");
  for (const std::size_t factor : c.ch_mult)
    require(factor > 0, "unet: ch_mult has a factor of 0; all must be positive");
  require(c.num_res_blocks > 0, "unet: num_res_blocks is 0; it must be positive");
  require(c.num_channels > 0, "unet: num_channels is 0; it must be positive");
  require(c.ch_mult.size() < 32, "unet: ch_mult has ", c.ch_mult.size(), " levels; at most 31");
  const std::size_t halvings = std::size_t{1} << (c.ch_mult.size() - 1);
  require(c.image_size > 0 && c.image_size % halvings == 0, "unet: image_size is ", c.image_size,
          "; with ", c.ch_mult.size(), " levels it must be a positive multiple of ", halvings);
  require(c.init_scale >= 0, "unet: init_scale is ", c.init_scale, "; it must not be negative");
  require(c.dropout >= 0 && c.dropout < 1, "unet: dropout is ", c.dropout,
          "; it must be in [0, 1)");
}

/// Walks the architecture and numbers the modules.
class UNetBuilder {
 public:
  explicit UNetBuilder(const UNetConfig& config)
      : config_(config),
        graph_(config.num_channels, config.image_size, config.image_size),
        settings_{.embedding = {},
                  .dropout = config.dropout,
                  .init_scale = config.init_scale,
                  .skip_rescale = config.skip_rescale} {}

  [[nodiscard]] Graph build() {
    embed();
    Tensor x = graph_.input();
    if (!config_.centered) x = graph_.affine(x, 2, -1);
    Tensor h = graph_.convolution(x, {.name = next(), .out_channels = config_.nf});
    kept_.push_back(h);
    for (std::size_t level = 0; level < levels(); ++level) h = down(h, level);
    const std::size_t middle = graph_.shape(h).c;
    h = residual_block(graph_, h, next(), middle, Resample::none, settings_);
    h = attention_block(graph_, h, next(), settings_);
    h = residual_block(graph_, h, next(), middle, Resample::none, settings_);
    for (std::size_t level = levels(); level-- > 0;) h = up(h, level);
    h = group_normalization(graph_, h, next(), true);
    graph_.convolution(
        h, {.name = next(), .out_channels = config_.num_channels, .scale = config_.init_scale});
    return std::move(graph_);
  }

 private:
  [[nodiscard]] std::string next() { return "all_modules." + std::to_string(module_++); }
  [[nodiscard]] std::size_t levels() const { return config_.ch_mult.size(); }
  [[nodiscard]] bool attends(std::size_t level) const {
    const auto& at = config_.attn_resolutions;
    return std::find(at.begin(), at.end(), config_.image_size >> level) != at.end();
  }

  void embed() {
    if (!config_.conditional) return;
    const std::string first = next(), second = next();
    settings_.embedding = positional_time_embedding(graph_, config_.nf, first, second);
  }

  [[nodiscard]] Tensor down(Tensor h, std::size_t level) {
    const std::size_t channels = config_.nf * config_.ch_mult[level];
    for (std::size_t block = 0; block < config_.num_res_blocks; ++block) {
      h = residual_block(graph_, h, next(), channels, Resample::none, settings_);
      if (attends(level)) h = attention_block(graph_, h, next(), settings_);
      kept_.push_back(h);
    }
    if (level + 1 == levels()) return h;
    h = residual_block(graph_, h, next(), channels, Resample::down, settings_);
    kept_.push_back(h);
    return h;
  }

  [[nodiscard]] Tensor up(Tensor h, std::size_t level) {
    const std::size_t channels = config_.nf * config_.ch_mult[level];
    for (std::size_t block = 0; block <= config_.num_res_blocks; ++block) {
      h = graph_.concatenate(h, kept_.back());
      kept_.pop_back();
      h = residual_block(graph_, h, next(), channels, Resample::none, settings_);
    }
    if (attends(level)) h = attention_block(graph_, h, next(), settings_);
    if (level > 0) h = residual_block(graph_, h, next(), channels, Resample::up, settings_);
    return h;
  }

  const UNetConfig& config_;
  Graph graph_;
  BlockSettings settings_;
  std::vector<Tensor> kept_;
  std::size_t module_ = 0;
};

}  // namespace detail

/// Throws Error, naming knob, value and what is allowed, for a configuration that unet() refuses.
inline void check(const UNetConfig& config) {
  detail::require_knob("name", config.name, "ncsnpp");
  detail::require_knob("nonlinearity", config.nonlinearity, "swish");
  detail::require_knob("embedding_type", config.embedding_type, "positional");
  detail::require_knob("resblock_type", config.resblock_type, "biggan");
  detail::require_knob("progressive", config.progressive, "none");
  detail::require_knob("progressive_input", config.progressive_input, "none");
  detail::require_knob("fir", config.fir, false);
  detail::require_knob("scale_by_sigma", config.scale_by_sigma, false);
  detail::check_extents(config);
}

/// The network as a graph, (num_channels, image_size, image_size) to the same.
/// Throws Error for a configuration that it does not support.
[[nodiscard]] inline Graph unet(const UNetConfig& config) {
  check(config);
  return detail::UNetBuilder(config).build();
}

}  // namespace scoresde::nn
