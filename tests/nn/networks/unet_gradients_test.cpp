// SPDX-License-Identifier: MIT
// Gradients of whole networks for every pair of settings that the golden files do not cover.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/runtime/network.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;
using nn::UNetConfig;

namespace {

struct Field {
  std::string name;
  std::vector<std::function<void(UNetConfig&)>> settings;
};

template <class T>
Field field(const std::string& name, T UNetConfig::*member, std::vector<T> values) {
  Field k{name, {}};
  for (const T& value : values) k.settings.push_back([=](UNetConfig& c) { c.*member = value; });
  return k;
}

std::vector<Field> fields() {
  using C = UNetConfig;
  std::vector<Field> all{
      field("progressive", &C::progressive,
            std::vector<nn::ProgressiveOutput>{nn::ProgressiveOutput::none,
                                               nn::ProgressiveOutput::output_skip,
                                               nn::ProgressiveOutput::residual}),
      field("progressive_input", &C::progressive_input,
            std::vector<nn::ProgressiveInput>{nn::ProgressiveInput::none,
                                              nn::ProgressiveInput::input_skip,
                                              nn::ProgressiveInput::residual}),
      field("progressive_combine", &C::progressive_combine,
            std::vector<nn::Combine>{nn::Combine::sum, nn::Combine::concatenate}),
      field("resblock_type", &C::resblock_type,
            std::vector<nn::ResBlockType>{nn::ResBlockType::biggan, nn::ResBlockType::ddpm}),
      field("embedding_type", &C::embedding_type,
            std::vector<nn::EmbeddingType>{nn::EmbeddingType::positional,
                                           nn::EmbeddingType::fourier}),
      field("nonlinearity", &C::nonlinearity,
            std::vector<nn::Activation>{nn::Activation::swish, nn::Activation::elu,
                                        nn::Activation::relu, nn::Activation::leaky_relu}),
      {"conditional",
       {[](C&) {}, [](C& c) { c.conditional = false; }, [](C& c) { c.num_class_embeds = 3; }}},
      field("attn_up", &C::attn_up,
            std::vector<nn::AttentionUp>{nn::AttentionUp::once, nn::AttentionUp::every}),
      field("centered", &C::centered, std::vector<bool>{true, false}),
      field("scale_by_sigma", &C::scale_by_sigma, std::vector<bool>{true, false}),
      field("resamp_with_conv", &C::resamp_with_conv, std::vector<bool>{true, false}),
      field("skip_rescale", &C::skip_rescale, std::vector<bool>{true, false}),
      field("image_width", &C::image_width, std::vector<std::size_t>{0, 8}),
  };
  // Settings used by diffusers' networks, one at a time.
  all.push_back(
      {"diffusers",
       {[](C&) {}, [](C& c) { c.attention_head_dim = 4; },
        [](C& c) {
          c.resnet_time_scale_shift = nn::TimeScaleShift::scale_shift;
          c.conditional = true;
        },
        [](C& c) { c.middle = nn::Middle::blocks; }, [](C& c) { c.middle = nn::Middle::none; },
        [](C& c) {
          c.flip_sin_to_cos = true;
          c.freq_shift = 0;
          c.time_embedding_dim = 10;
          c.norm_num_groups = 2;
        },
        [](C& c) {
          c.downsample_padding = 1;
          c.attn_up_resolutions = {4};
        },
        [](C& c) {
          c.out_channels = 3;
          c.ch_mult = {1, 1};
          c.block_out_channels = {8, 4};
        }}});
  Field filter{"fir", {[](C& c) { c.fir = false; }}};
  for (const std::vector<double>& taps :
       {std::vector<double>{1, 3, 3, 1}, {1, 3, 0.5}, {1, 4, 6, -2, 1}})
    filter.settings.push_back([taps](C& c) {
      c.fir = true;
      c.fir_kernel = taps;
    });
  all.push_back(filter);
  return all;
}

using Row = std::vector<std::size_t>;  // the setting of each field

/// The pairs (field i at setting a, field j at setting b) that some row covers.
class Pairs {
 public:
  explicit Pairs(const std::vector<Field>& fields) : seen_(16 * 16 * 8 * 8) {
    for (std::size_t i = 0; i < fields.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        open_ += fields[i].settings.size() * fields[j].settings.size();
  }
  [[nodiscard]] std::size_t open() const { return open_; }
  /// Number of open pairs that the setting of field i would close, with the fields in `set` fixed.
  [[nodiscard]] std::size_t gain(const Row& row, const std::vector<bool>& set, std::size_t i,
                                 std::size_t setting) const {
    std::size_t count = 0;
    for (std::size_t j = 0; j < row.size(); ++j)
      count += set[j] && j != i && !seen_[place(i, setting, j, row[j])];
    return count;
  }
  void close(const Row& row) {
    for (std::size_t i = 0; i < row.size(); ++i)
      for (std::size_t j = 0; j < i; ++j) {
        if (seen_[place(i, row[i], j, row[j])]) continue;
        seen_[place(i, row[i], j, row[j])] = seen_[place(j, row[j], i, row[i])] = true;
        --open_;
      }
  }
  /// The first field with an open pair, as (field, setting, field, setting).
  [[nodiscard]] std::array<std::size_t, 4> first(const std::vector<Field>& fields) const {
    for (std::size_t i = 0; i < fields.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        for (std::size_t a = 0; a < fields[i].settings.size(); ++a)
          for (std::size_t b = 0; b < fields[j].settings.size(); ++b)
            if (!seen_[place(i, a, j, b)]) return {i, a, j, b};
    return {};
  }

 private:
  static std::size_t place(std::size_t i, std::size_t a, std::size_t j, std::size_t b) {
    return ((i * 16 + j) * 8 + a) * 8 + b;
  }
  std::vector<bool> seen_;
  std::size_t open_ = 0;
};

/// Rows that cover every pair of settings of two fields, each row chosen greedily around one pair
/// that is still open.
std::vector<Row> covering_rows(const std::vector<Field>& fields) {
  Pairs pairs(fields);
  std::vector<Row> rows;
  while (pairs.open() > 0) {
    Row row(fields.size());
    std::vector<bool> set(fields.size(), false);
    const auto [i, a, j, b] = pairs.first(fields);
    row[i] = a;
    row[j] = b;
    set[i] = set[j] = true;
    for (std::size_t k = 0; k < fields.size(); ++k) {
      if (set[k]) continue;
      const std::size_t choices = fields[k].settings.size(), start = rows.size() % choices;
      row[k] = start;
      for (std::size_t s = 0; s < choices; ++s) {
        const std::size_t other = (start + s) % choices;
        if (pairs.gain(row, set, k, other) > pairs.gain(row, set, k, row[k])) row[k] = other;
      }
      set[k] = true;
    }
    pairs.close(row);
    rows.push_back(row);
  }
  return rows;
}

UNetConfig small_network() {
  UNetConfig config = small::every_path();
  config.image_size = 4;
  config.attn_resolutions = {2};
  config.num_scales = 1000;
  return config;
}

/// The slope of L = ⟨v, F(x, labels; θ)⟩ along directions, by finite difference and by backward.
class Slopes {
 public:
  explicit Slopes(const UNetConfig& config)
      : graph_(nn::unet(config)),
        network_(graph_, 2, nn::Mode::training, eigen::Ops<double>(1)),
        // Kinks need a step small enough to avoid them; smooth functions a step with little
        // rounding.
        h_(config.nonlinearity == nn::Activation::swish ? 1e-5 : 1e-7),
        parameters_(small::parameters<double>(graph_, 1)),
        x_(small::normals<double>(2 * graph_.shape(graph_.input()).size(), 7)),
        v_(small::normals<double>(2 * graph_.shape(graph_.output()).size(), 8)),
        y_(v_.size()),
        gradient_(parameters_.size(), 0.0),
        dx_(x_.size()) {
    // Labels are indices of levels where the network is conditioned on those.
    if (config.num_class_embeds > 0) classes_ = {2, nn::no_class};
    if (config.scale_by_sigma && config.embedding_type == nn::EmbeddingType::positional)
      labels_ = {400.5, 731};
    loss();
    network_.backward(parameters_, v_, gradient_, dx_);
    for (const double g : gradient_) largest_ = std::max(largest_, std::abs(g));
  }

  void check() {
    CHECK(largest_ > 0);
    CHECK(error(x_, 0, x_.size(), dx_) < 1e-5);
    for (const nn::Parameter& p : graph_.parameters().entries()) {
      CAPTURE(p.name);
      if (p.trainable)
        CHECK(error(parameters_, p.offset, p.size, gradient_) < 1e-5);
      else
        CHECK(std::all_of(gradient_.begin() + std::ptrdiff_t(p.offset),
                          gradient_.begin() + std::ptrdiff_t(p.offset + p.size),
                          [](double g) { return g == 0; }));
    }
  }

 private:
  double loss() {
    network_.forward(parameters_, x_, labels_, y_, draw_, classes_);
    double sum = 0;
    for (std::size_t i = 0; i < y_.size(); ++i) sum += v_[i] * y_[i];
    return sum;
  }

  /// The error of the slope along one random direction in a range of `values`, relative to the
  /// slope or, where that is nearly zero, to the largest gradient.
  double error(std::vector<double>& values, std::size_t first, std::size_t count,
               const std::vector<double>& gradient) {
    const auto direction = small::normals<double>(count, 100 + first);
    const std::vector<double> start = values;
    const auto at = [&](double distance) {
      for (std::size_t i = 0; i < count; ++i)
        values[first + i] = start[first + i] + distance * direction[i];
      return loss();
    };
    const double found = (at(h_) - at(-h_)) / (2 * h_);
    values = start;
    double slope = 0, size = 0;
    for (std::size_t i = 0; i < count; ++i) {
      slope += gradient[first + i] * direction[i];
      size += std::abs(gradient[first + i] * direction[i]);
    }
    return std::abs(found - slope) / std::max(size, 1e-2 * largest_);
  }

  nn::Graph graph_;
  nn::Network<eigen::Ops<double>> network_;
  double h_;
  std::vector<double> parameters_, x_, v_, y_, gradient_, dx_;
  std::vector<double> labels_{1.25, 0.8};
  std::vector<std::uint32_t> classes_;
  NoiseDraw draw_ = Noise{.seed = 4, .purpose = Purpose::dropout}.draw(11);
  double largest_ = 0;
};

}  // namespace

TEST_CASE("gradients match finite differences for every pair of fields of NCSN++", "[slow]") {
  const std::vector<Field> all = fields();
  const std::vector<Row> rows = covering_rows(all);
  Pairs pairs(all);
  for (const Row& row : rows) {
    UNetConfig config = small_network();
    std::string description;
    for (std::size_t k = 0; k < all.size(); ++k) {
      all[k].settings[row[k]](config);
      description += all[k].name + " " + std::to_string(row[k]) + ", ";
    }
    INFO(description);
    Slopes(config).check();
    pairs.close(row);
  }
  CHECK(pairs.open() == 0);
  CHECK(rows.size() >= 16);
}

TEST_CASE("DDPM's gradients match finite differences, with and without resampling convolutions",
          "[slow]") {
  UNetConfig config = small_network();
  config.architecture = nn::Architecture::ddpm;
  config.init_scale = 0;
  config.nf = 32;
  config.num_channels = 1;
  config.ch_mult = {1, 1};
  for (const bool convolved : {true, false}) {
    config.resamp_with_conv = config.centered = convolved;
    config.scale_by_sigma = config.conditional = !convolved;
    Slopes(config).check();
  }
}

TEST_CASE("gradients match finite differences through three levels with all pyramids") {
  UNetConfig config = small_network();
  config.image_size = 8;
  config.ch_mult = {1, 1, 2};
  config.fir = true;
  for (const auto in : {nn::ProgressiveInput::input_skip, nn::ProgressiveInput::residual})
    for (const auto out : {nn::ProgressiveOutput::output_skip, nn::ProgressiveOutput::residual}) {
      config.progressive_input = in;
      config.progressive = out;
      config.resblock_type = out == nn::ProgressiveOutput::residual ? nn::ResBlockType::ddpm
                                                                    : nn::ResBlockType::biggan;
      Slopes(config).check();
    }
}
