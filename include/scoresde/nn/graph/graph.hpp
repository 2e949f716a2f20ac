// SPDX-License-Identifier: MIT
/// Graph: a network as a static list of operations, in the order of the forward pass.
///
/// Tensors are numbered; each has a shape per sample (n = 1) and exactly one producer, so the
/// backward pass is the same list in reverse. A graph is independent of backend, scalar type and
/// batch size.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nn/graph/nodes.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/nn/graph/parameters.hpp>

namespace scoresde::nn {

/// The shape, initialization and name of a convolution.
struct ConvolutionSpec {
  std::string name;  ///< parameters are name.weight, name.bias (input_major: name.W, name.b)
  std::size_t out_channels = 0;
  std::size_t kernel = 3;
  std::size_t stride = 1;
  /// Zeros above and left, below and right; (kernel − 1)/2 on both sides keeps the extents.
  std::optional<std::array<std::size_t, 2>> pads{};
  double scale = 1;  ///< of variance_scaling
  bool input_major = false;
};

/// Operations fused into a convolution: y = (W ∗ x + b + channel_bias + residual)·scale.
/// channel_bias is (out_channels, 1, 1) per sample; the residual has the shape of y.
struct ConvolutionEpilogue {
  std::optional<Tensor> channel_bias{}, residual{};
  double scale = 1;
};

/// The list of operations and the functions that append to it; each checks the shapes of its
/// operands.
class Graph {
 public:
  /// A graph of one image input (c, h, w).
  Graph(std::size_t channels, std::size_t height, std::size_t width)
      : shapes_{{1, channels, height, width}} {}

  [[nodiscard]] Tensor input() const { return {0}; }
  [[nodiscard]] Tensor output() const { return output_; }
  void set_output(Tensor y) { output_ = y; }
  [[nodiscard]] const Shape& shape(Tensor t) const { return shapes_[t.index]; }
  /// The same for a batch of `samples`.
  [[nodiscard]] Shape shape(Tensor t, std::size_t samples) const {
    Shape s = shape(t);
    s.n = samples;
    return s;
  }
  /// The shapes of a node's operands and result for a batch of `samples`.
  [[nodiscard]] NodeShapes shapes(const Node& node, std::size_t samples) const {
    NodeShapes s{{}, shape(node.output, samples)};
    for (std::size_t slot = 0; slot < node.inputs.size(); ++slot)
      s.in[slot] = shape(node.inputs[slot], samples);
    return s;
  }
  [[nodiscard]] std::size_t tensors() const { return shapes_.size(); }
  [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }
  [[nodiscard]] const ParameterTable& parameters() const { return parameters_; }
  [[nodiscard]] std::size_t dropouts() const { return dropouts_; }

  /// Appends a node of any kind (nn/graph/nodes.hpp). Throws Error for operands that do not fit.
  template <class Operation>
  Tensor append(const Operation& operation, std::vector<Tensor> inputs) {
    InputShapes in{};
    for (std::size_t slot = 0; slot < inputs.size(); ++slot) in.at(slot) = shape(inputs[slot]);
    const Shape out = operation.output(in);
    for (const Tensor t : inputs)
      require(!operation.distinct_inputs || std::count(inputs.begin(), inputs.end(), t) == 1,
              "graph: an operation reads tensor ", t.index,
              " twice; its operands must be different tensors");
    const Tensor result{shapes_.size()};
    shapes_.push_back(out);
    nodes_.push_back({operation, std::move(inputs), result});
    output_ = result;
    return result;
  }

  /// Sines and cosines of the label, `channels` in all. Throws Error for an odd number of channels
  /// or fewer than 4, and for a shift that is not below half of them.
  Tensor positional_embedding(std::size_t channels, const nn::PositionalEmbedding& embedding = {}) {
    return append(node::PositionalEmbedding{{}, embedding, channels}, {});
  }

  /// Sines and cosines of 2πw ln σ of labels σ, `channels` in all; the channels/2 frequencies w are
  /// sampled once from N(0, scale²) and not trained.
  Tensor fourier_embedding(const std::string& name, std::size_t channels, double scale) {
    require(channels >= 2 && channels % 2 == 0, "fourier embedding: ", channels,
            " channels; the number must be even and at least 2");
    const Weights weights{parameters_.add(name + ".W", {channels / 2}, normal(scale), false)};
    return append(node::FourierEmbedding{{}, weights, channels}, {});
  }

  /// A row of a learned table for each of `count` classes, zeros for no_class. Parameter:
  /// name.weight, N(0, 1).
  Tensor class_embedding(const std::string& name, std::size_t count, std::size_t channels) {
    require(count > 0, name, ": the number of classes is 0; it must be at least 1");
    const Weights weights{parameters_.add(name + ".weight", {count, channels}, normal(1))};
    return append(node::ClassEmbedding{{}, weights, count, channels}, {});
  }

  Tensor divide_by_sigma(Tensor x, const SigmaLevels& levels) {
    return append(node::DivideBySigma{{}, levels}, {x});
  }

  /// Adds the parameters of a convolution of x. Called before convolution(), it fixes their
  /// position in the flat buffer; the convolution of that name then uses them.
  Weights convolution_weights(Tensor x, const ConvolutionSpec& spec) {
    const std::size_t in = shape(x).c, out = spec.out_channels, k = spec.kernel;
    const std::string weight = spec.name + (spec.input_major ? ".W" : ".weight");
    const std::string bias = spec.name + (spec.input_major ? ".b" : ".bias");
    std::vector<std::size_t> extents{out, in, k, k};
    if (spec.input_major) extents = {in, out};
    if (parameters_.contains(weight)) {
      require(parameters_.find(weight).shape == extents, "convolution: '", weight,
              "' exists with another shape");
      return {parameters_.index(weight), parameters_.index(bias)};
    }
    const Initialization start = variance_scaling(spec.scale, in * k * k, out * k * k);
    return {parameters_.add(weight, std::move(extents), start),
            parameters_.add(bias, {out}, constant(0))};
  }

  /// A convolution; it keeps the spatial extents unless `spec` changes them. Throws Error where
  /// the kernel does not fit, or a fused operand has the wrong shape.
  Tensor convolution(Tensor x, const ConvolutionSpec& spec,
                     const ConvolutionEpilogue& epilogue = {}) {
    const Shape in = shape(x);
    const std::size_t same = (spec.kernel - 1) / 2;
    const auto [before, after] = spec.pads.value_or(std::array{same, same});
    for (const std::size_t extent : {in.h, in.w})
      require(extent + before + after >= spec.kernel, spec.name, ": a kernel of ", spec.kernel,
              " does not fit an image of ", in.h, "×", in.w);
    const nn::Convolution conv{.in_channels = in.c,
                               .out_channels = spec.out_channels,
                               .kernel = spec.kernel,
                               .stride = spec.stride,
                               .pad_before = before,
                               .pad_after = after,
                               .input_major = spec.input_major,
                               .channel_bias = epilogue.channel_bias.has_value(),
                               .residual = epilogue.residual.has_value(),
                               .scale = epilogue.scale};
    const Shape out = conv.output(in);
    std::vector<Tensor> inputs{x};
    if (epilogue.channel_bias) {
      const Shape found = shape(*epilogue.channel_bias);
      require(found == Shape{1, out.c, 1, 1}, spec.name, ": the bias per channel has ",
              found.size(), " values; there are ", out.c, " output channels; they must be equal");
      inputs.push_back(*epilogue.channel_bias);
    }
    if (epilogue.residual) {
      require(epilogue.residual->index != x.index, spec.name,
              ": the residual must differ from the input tensor");
      detail::require_equal(shape(*epilogue.residual), out, spec.name.c_str());
      inputs.push_back(*epilogue.residual);
    }
    return append(node::Convolution{{}, conv, convolution_weights(x, spec)}, std::move(inputs));
  }

  /// Without a bias the layer has only name.weight; layers of the same name share it.
  Tensor dense(Tensor x, const std::string& name, std::size_t out_channels, bool bias = true) {
    const Shape in = shape(x);
    require(in.pixels() == 1, name, ": the input of a dense layer must be vectors, not ", in.h, "×",
            in.w, " images");
    Weights weights{shared_parameter(name + ".weight", {out_channels, in.c},
                                     variance_scaling(1, in.c, out_channels))};
    if (bias) weights.bias = parameters_.add(name + ".bias", {out_channels}, constant(0));
    return append(node::Dense{{}, weights, out_channels}, {x});
  }

  /// A convolution for inference, with weights name.weight (out, in, height, width) and name.bias.
  /// Its input channels are those of x.
  Tensor rectangular_convolution(Tensor x, const std::string& name,
                                 nn::RectangularConvolution convolution) {
    convolution.in_channels = shape(x).c;
    const auto& [in, out, height, width, stride, rows, columns, relu] = convolution;
    const std::size_t taps = height * width;
    const Weights weights{parameters_.add(name + ".weight", {out, in, height, width},
                                          variance_scaling(1, in * taps, out * taps)),
                          parameters_.add(name + ".bias", {out}, constant(0))};
    return append(node::RectangularConvolution(convolution, weights), {x});
  }
  Tensor average_pool(Tensor x, const nn::AveragePool& windows) {
    return append(node::AveragePool{{}, windows}, {x});
  }
  /// The mean of each channel over all pixels: of rows, then of their means, because one sum over
  /// all pixels of a large image loses digits in float.
  Tensor mean(Tensor x) {
    const Tensor rows = average_pool(x, {.height = 1, .width = shape(x).w, .stride = 1});
    return average_pool(rows, {.height = shape(x).h, .width = 1, .stride = 1});
  }
  Tensor max_pool(Tensor x, const nn::AveragePool& windows) {
    return append(node::MaxPool(nn::MaxPool{windows}), {x});
  }
  Tensor resize(Tensor x, const nn::Resize& to) { return append(node::Resize(to), {x}); }

  /// Throws Error when the groups do not divide the channels.
  Tensor group_norm(Tensor x, const std::string& name, const nn::GroupNorm& norm) {
    const Shape in = shape(x);
    require(norm.groups > 0 && in.c % norm.groups == 0, name, ": ", in.c,
            " channels do not divide into ", norm.groups, " groups; choose nf so they do");
    const Weights weights{parameters_.add(name + ".weight", {in.c}, constant(1)),
                          parameters_.add(name + ".bias", {in.c}, constant(0))};
    return append(node::GroupNorm{{}, norm, weights}, {x});
  }

  /// Throws Error when the heads do not divide the channels.
  Tensor attention(Tensor q, Tensor k, Tensor v, std::size_t heads = 1) {
    return append(node::Attention{{}, {heads}}, {q, k, v});
  }
  /// x·(1 + scale) + shift; scale_and_shift has two values per channel of x, all scales first.
  Tensor scale_shift(Tensor x, Tensor scale_and_shift) {
    return append(node::ScaleShift{}, {x, scale_and_shift});
  }
  Tensor activation(Tensor x, nn::Activation function) {
    return append(node::Activation{{}, function}, {x});
  }
  Tensor silu(Tensor x) { return activation(x, nn::Activation::swish); }

  Tensor upsample_nearest(Tensor x) { return append(node::UpsampleNearest{}, {x}); }
  /// Throws Error on odd extents.
  Tensor downsample_mean(Tensor x) { return append(node::DownsampleMean{}, {x}); }

  /// Throws Error where the filter is wider than the padded image.
  Tensor fir(Tensor x, const nn::Fir& filter) { return append(node::Fir{{}, filter}, {x}); }

  Tensor concatenate(Tensor a, Tensor b) { return append(node::Concatenate{}, {a, b}); }
  Tensor scaled_sum(Tensor a, Tensor b, double scale) {
    return append(node::AddScale{{}, scale}, {a, b});
  }
  Tensor affine(Tensor x, double scale, double shift) {
    return append(node::Affine{{}, scale, shift}, {x});
  }
  /// Adds no node at rate 0. Throws Error for a rate outside [0, 1).
  Tensor dropout(Tensor x, double rate) {
    require(rate >= 0 && rate < 1, "dropout: the rate is ", rate, "; it must be in [0, 1)");
    if (rate == 0) return x;
    return append(node::Dropout{{}, rate, dropouts_++}, {x});
  }

 private:
  /// The parameter of that name, added unless it exists.
  std::size_t shared_parameter(const std::string& name, std::vector<std::size_t> extents,
                               const Initialization& start) {
    if (!parameters_.contains(name)) return parameters_.add(name, std::move(extents), start);
    require(parameters_.find(name).shape == extents, "graph: '", name,
            "' exists with another shape");
    return parameters_.index(name);
  }

  std::vector<Shape> shapes_;
  std::vector<Node> nodes_;
  ParameterTable parameters_;
  Tensor output_{0};
  std::size_t dropouts_ = 0;
};

}  // namespace scoresde::nn
