// SPDX-License-Identifier: MIT
/// The nodes of a graph: each kind of operation, with its shapes, its passes and what its plan
/// depends on.
///
/// A kind of node hides the members of NodeDefaults that differ for it, and has
///
///   output(in)       the shape of the result from those of the operands, (n, c, h, w) each;
///                    throws Error for operands that do not fit
///   forward(pass)    calls the operation of NetworkOps
///   backward(pass)   calls its gradient
///
/// A pass gives the node that it runs `ops()`, `in(slot)` and `out()` as views, `parameter(index)`,
/// `layer(weights)`, `statistics()`, `probabilities()`, `scratch()`, `conditioning()` and
/// `mask(ordinal)`; the backward pass in place of `out()` the gradient `dy()` of the result, the
/// destination `dx(slot)` of that of an operand, and `parameter_gradient(index)`
/// (nn/runtime/detail).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nn/graph/inference_nodes.hpp>
#include <scoresde/nn/graph/node_defaults.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::nn {

/// The kinds of nodes: the parameters of NetworkOps' operations that are known before the run.
namespace node {

struct PositionalEmbedding : NodeDefaults {
  nn::PositionalEmbedding embedding;
  std::size_t channels = 0;

  static constexpr bool has_backward = false;
  [[nodiscard]] Shape output(const InputShapes&) const {
    require(channels >= 4 && channels % 2 == 0, "positional embedding: ", channels,
            " channels; the number must be even and at least 4");
    require(embedding.shift < static_cast<double>(channels / 2), "positional embedding: shift ",
            embedding.shift, "; it must be below ", channels / 2, ", the number of frequencies");
    return {1, channels, 1, 1};
  }
  void forward(const auto& pass) const {
    pass.ops().positional_embedding(embedding, pass.conditioning().labels, pass.out());
  }
};

struct Convolution : NodeDefaults {  ///< inputs: x, the bias per sample and channel, the residual
  nn::Convolution shape;
  Weights weights;

  [[nodiscard]] std::size_t residual_slot() const { return shape.channel_bias ? 2 : 1; }
  [[nodiscard]] static constexpr bool keeps_input(std::size_t slot) { return slot == 0; }
  [[nodiscard]] Shape output(const InputShapes& in) const { return shape.output(in[0]); }
  [[nodiscard]] std::size_t scratch(const auto& ops, const NodeShapes& s, Mode mode) const {
    return ops.convolution_scratch(shape, s.in[0], mode);
  }
  [[nodiscard]] std::size_t prepared_size(const auto& ops, const NodeShapes&, Mode mode) const {
    return ops.convolution_prepared_size(shape, mode);
  }
  void prepare(const auto& ops, const NodeShapes&, const auto& layer, auto* prepared) const {
    ops.prepare_convolution(shape, layer(weights), prepared);
  }
  [[nodiscard]] std::uint64_t multiply_adds(const NodeShapes& s) const {
    return std::uint64_t{shape.weight_size()} * s.out.n * s.out.pixels();
  }
  template <class Pass>
  void forward(const Pass& pass) const {
    const ConvolutionTerms<typename Pass::Activation> terms{
        .channel_bias = shape.channel_bias ? pass.in(1).data : nullptr,
        .residual = shape.residual ? pass.in(residual_slot()).data : nullptr};
    pass.ops().convolution(shape, pass.in(0), pass.layer(weights), terms, pass.out(),
                           pass.scratch());
  }
  template <class Pass>
  void backward(const Pass& pass) const {
    using A = typename Pass::Activation;
    const ConvolutionGradients<typename Pass::Scalar, A> to{
        .x = pass.dx(0),
        .weights = pass.parameter_gradient(weights.weight),
        .bias = pass.parameter_gradient(weights.bias),
        .channel_bias = shape.channel_bias ? pass.dx(1) : Gradient<A>{},
        .residual = shape.residual ? pass.dx(residual_slot()) : Gradient<A>{}};
    pass.ops().convolution_backward(shape, pass.in(0), pass.layer(weights), pass.dy(), to,
                                    pass.scratch());
  }
};

struct Dense : NodeDefaults {
  Weights weights;
  std::size_t channels = 0;

  [[nodiscard]] static constexpr bool keeps_input(std::size_t) { return true; }
  [[nodiscard]] Shape output(const InputShapes& in) const { return {in[0].n, channels, 1, 1}; }
  [[nodiscard]] std::size_t scratch(const auto& ops, const NodeShapes& s, Mode) const {
    return ops.dense_scratch(s.in[0], s.out);
  }
  [[nodiscard]] std::size_t prepared_size(const auto& ops, const NodeShapes& s, Mode mode) const {
    return ops.dense_prepared_size(s.in[0], s.out, mode);
  }
  void prepare(const auto& ops, const NodeShapes& s, const auto& layer, auto* prepared) const {
    ops.prepare_dense(s.in[0], s.out, layer(weights), prepared);
  }
  [[nodiscard]] std::uint64_t multiply_adds(const NodeShapes& s) const {
    return std::uint64_t{s.in[0].c} * s.out.size();
  }
  void forward(const auto& pass) const {
    pass.ops().dense(pass.in(0), pass.layer(weights), pass.out(), pass.scratch());
  }
  void backward(const auto& pass) const {
    pass.ops().dense_backward(pass.in(0), pass.layer(weights), pass.dy(), pass.dx(0),
                              pass.parameter_gradient(weights.weight),
                              pass.parameter_gradient(weights.bias), pass.scratch());
  }
};

struct GroupNorm : NodeDefaults {
  nn::GroupNorm norm;
  Weights weights;

  [[nodiscard]] static constexpr bool keeps_input(std::size_t) { return true; }
  [[nodiscard]] Shape output(const InputShapes& in) const { return in[0]; }
  [[nodiscard]] std::size_t scratch(const auto& ops, const NodeShapes& s, Mode) const {
    return ops.group_norm_scratch(norm, s.in[0]);
  }
  /// Mean and 1/√(var + ε) of each group.
  [[nodiscard]] std::size_t statistics(const auto& /*layout*/, const NodeShapes& s) const {
    return 2 * norm.groups * s.out.n;
  }
  void forward(const auto& pass) const {
    pass.ops().group_norm(norm, pass.in(0), pass.parameter(weights.weight),
                          pass.parameter(weights.bias), pass.out(), pass.statistics(),
                          pass.scratch());
  }
  void backward(const auto& pass) const {
    pass.ops().group_norm_backward(norm, pass.in(0), pass.parameter(weights.weight),
                                   pass.parameter(weights.bias), pass.statistics(), pass.dy(),
                                   pass.dx(0), pass.parameter_gradient(weights.weight),
                                   pass.parameter_gradient(weights.bias), pass.scratch());
  }
};

struct Attention : NodeDefaults {  ///< inputs: q, k, v
  nn::Attention heads;

  static constexpr bool distinct_inputs = true;
  [[nodiscard]] static constexpr bool keeps_input(std::size_t) { return true; }
  [[nodiscard]] Shape output(const InputShapes& in) const {
    for (const Shape& other : {in[1], in[2]}) detail::require_equal(in[0], other, "attention");
    require(heads.heads > 0 && in[0].c % heads.heads == 0, "attention: ", heads.heads,
            " heads for ", in[0].c, " channels; the number of heads must divide the channels");
    return in[0];
  }
  [[nodiscard]] std::size_t scratch(const auto& ops, const NodeShapes& s, Mode) const {
    return ops.attention_scratch(heads, s.in[0]);
  }
  /// The probabilities.
  [[nodiscard]] std::size_t statistics(const auto& layout, const NodeShapes& s) const {
    const std::size_t pixels = s.out.pixels();
    return layout.activation_size({s.out.n * heads.heads, pixels, pixels, 1});
  }
  /// Both products.
  [[nodiscard]] static constexpr std::uint64_t multiply_adds(const NodeShapes& s) {
    return 2 * std::uint64_t{s.out.pixels()} * s.out.size();
  }
  void forward(const auto& pass) const {
    pass.ops().attention(heads, pass.in(0), pass.in(1), pass.in(2), pass.out(),
                         pass.probabilities(), pass.scratch());
  }
  void backward(const auto& pass) const {
    pass.ops().attention_backward(heads, pass.in(0), pass.in(1), pass.in(2), pass.probabilities(),
                                  pass.dy(), pass.dx(0), pass.dx(1), pass.dx(2), pass.scratch());
  }
};

struct ScaleShift : NodeDefaults {  ///< inputs: x, then factors and shifts, two for each channel
  [[nodiscard]] static constexpr bool keeps_input(std::size_t) { return true; }
  [[nodiscard]] static Shape output(const InputShapes& in) {
    detail::require_equal(in[1], {in[0].n, 2 * in[0].c, 1, 1}, "scale and shift");
    return in[0];
  }
  [[nodiscard]] static std::size_t scratch(const auto& ops, const NodeShapes& s, Mode mode) {
    return differentiates(mode) ? ops.scale_shift_scratch(s.in[0]) : 0;
  }
  void forward(const auto& pass) const {
    pass.ops().scale_shift(pass.in(0), pass.in(1), pass.out());
  }
  void backward(const auto& pass) const {
    pass.ops().scale_shift_backward(pass.in(0), pass.in(1), pass.dy(), pass.dx(0), pass.dx(1),
                                    pass.scratch());
  }
};

struct Activation : NodeDefaults {
  nn::Activation function = nn::Activation::swish;

  [[nodiscard]] static constexpr bool keeps_input(std::size_t) { return true; }
  [[nodiscard]] static Shape output(const InputShapes& in) { return in[0]; }
  void forward(const auto& pass) const { pass.ops().activation(function, pass.in(0), pass.out()); }
  void backward(const auto& pass) const {
    pass.ops().activation_backward(function, pass.in(0), pass.dy(), pass.dx(0));
  }
};

struct Fir : NodeDefaults {
  nn::Fir filter;

  [[nodiscard]] Shape output(const InputShapes& in) const {
    for (const std::size_t extent : {in[0].h, in[0].w})
      require(
          static_cast<std::ptrdiff_t>(extent * filter.up) + filter.pad_before + filter.pad_after >=
              static_cast<std::ptrdiff_t>(filter.count),
          "fir: ", filter.count, " taps do not fit an image of ", in[0].h, "×", in[0].w);
    return filter.output(in[0]);
  }
  [[nodiscard]] std::size_t scratch(const auto& ops, const NodeShapes& s, Mode) const {
    return ops.fir_scratch(filter, s.in[0], s.out);
  }
  void forward(const auto& pass) const {
    pass.ops().fir(filter, pass.in(0), pass.out(), pass.scratch());
  }
  void backward(const auto& pass) const {
    pass.ops().fir_backward(filter, pass.dy(), pass.in(0).shape, pass.dx(0), pass.scratch());
  }
};

struct FourierEmbedding : NodeDefaults {
  Weights weights;
  std::size_t channels = 0;

  static constexpr bool has_backward = false;
  static constexpr bool positive_labels = true;
  [[nodiscard]] Shape output(const InputShapes&) const { return {1, channels, 1, 1}; }
  void forward(const auto& pass) const {
    pass.ops().fourier_embedding(pass.conditioning().labels, pass.parameter(weights.weight),
                                 pass.out());
  }
};

struct ClassEmbedding : NodeDefaults {
  Weights weights;
  std::size_t count = 0;  ///< classes
  std::size_t channels = 0;

  [[nodiscard]] std::size_t classes() const { return count; }
  [[nodiscard]] Shape output(const InputShapes&) const { return {1, channels, 1, 1}; }
  void forward(const auto& pass) const {
    pass.ops().class_embedding(pass.conditioning().classes, pass.parameter(weights.weight),
                               pass.out());
  }
  void backward(const auto& pass) const {
    if (auto* table = pass.parameter_gradient(weights.weight); table != nullptr)
      pass.ops().class_embedding_backward(pass.conditioning().classes, pass.dy(), table);
  }
};

struct DivideBySigma : NodeDefaults {  ///< x/σ(label) per sample
  SigmaLevels levels;

  [[nodiscard]] std::optional<SigmaLevels> sigma_levels() const { return levels; }
  [[nodiscard]] static Shape output(const InputShapes& in) { return in[0]; }
  void forward(const auto& pass) const {
    pass.ops().scale_samples(pass.in(0), pass.conditioning().output_scale, pass.out());
  }
  void backward(const auto& pass) const {
    pass.ops().scale_samples_backward(pass.dy(), pass.conditioning().output_scale, pass.dx(0));
  }
};

struct UpsampleNearest : NodeDefaults {
  [[nodiscard]] static Shape output(const InputShapes& in) {
    return {in[0].n, in[0].c, 2 * in[0].h, 2 * in[0].w};
  }
  void forward(const auto& pass) const { pass.ops().upsample_nearest(pass.in(0), pass.out()); }
  void backward(const auto& pass) const {
    pass.ops().upsample_nearest_backward(pass.dy(), pass.dx(0));
  }
};

struct DownsampleMean : NodeDefaults {
  [[nodiscard]] static Shape output(const InputShapes& in) {
    require(in[0].h % 2 == 0 && in[0].w % 2 == 0, "downsample: ", in[0].h, "×", in[0].w,
            " has an odd extent; choose image_size divisible by 2^(levels − 1)");
    return {in[0].n, in[0].c, in[0].h / 2, in[0].w / 2};
  }
  void forward(const auto& pass) const { pass.ops().downsample_mean(pass.in(0), pass.out()); }
  void backward(const auto& pass) const {
    pass.ops().downsample_mean_backward(pass.dy(), pass.dx(0));
  }
};

struct AveragePool : NodeDefaults {
  nn::AveragePool pool;

  [[nodiscard]] Shape output(const InputShapes& in) const {
    return detail::pooled(pool, in[0], "average pool");
  }
  void forward(const auto& pass) const { pass.ops().average_pool(pool, pass.in(0), pass.out()); }
  void backward(const auto& pass) const {
    pass.ops().average_pool_backward(pool, pass.dy(), pass.in(0).shape, pass.dx(0));
  }
};

struct Concatenate : NodeDefaults {  ///< inputs: the first channels, the last channels
  [[nodiscard]] static Shape output(const InputShapes& in) {
    const auto& [p, q, unused] = in;
    require(p.h == q.h && p.w == q.w, "concatenate: ", p.h, "×", p.w, " and ", q.h, "×", q.w,
            " images cannot be concatenated");
    return {p.n, p.c + q.c, p.h, p.w};
  }
  void forward(const auto& pass) const {
    pass.ops().concatenate(pass.in(0), pass.in(1), pass.out());
  }
  void backward(const auto& pass) const {
    pass.ops().concatenate_backward(pass.dy(), pass.in(0).shape.c, pass.dx(0), pass.dx(1));
  }
};

struct AddScale : NodeDefaults {
  double scale = 1;

  static constexpr bool distinct_inputs = true;
  [[nodiscard]] static Shape output(const InputShapes& in) {
    detail::require_equal(in[0], in[1], "sum");
    return in[0];
  }
  void forward(const auto& pass) const {
    pass.ops().scaled_sum(pass.in(0), pass.in(1), scale, pass.out());
  }
  void backward(const auto& pass) const {
    pass.ops().scaled_sum_backward(pass.dy(), scale, pass.dx(0), pass.dx(1));
  }
};

struct Affine : NodeDefaults {
  double scale = 1, shift = 0;

  [[nodiscard]] static Shape output(const InputShapes& in) { return in[0]; }
  void forward(const auto& pass) const { pass.ops().affine(pass.in(0), scale, shift, pass.out()); }
  void backward(const auto& pass) const {
    pass.ops().affine_backward(pass.dy(), scale, pass.dx(0));
  }
};

struct Dropout : NodeDefaults {
  double rate = 0;
  std::size_t ordinal = 0;  ///< index among the network's dropout layers, for independent noise

  static constexpr bool identity_outside_training = true;
  [[nodiscard]] static Shape output(const InputShapes& in) { return in[0]; }
  void forward(const auto& pass) const {
    pass.ops().dropout(pass.in(0), rate, pass.mask(ordinal), pass.out());
  }
  void backward(const auto& pass) const {
    pass.ops().dropout_backward(pass.dy(), rate, pass.mask(ordinal), pass.dx(0));
  }
};

}  // namespace node

/// One operation, its operands and its result.
struct Node {
  std::variant<node::PositionalEmbedding, node::Convolution, node::Dense, node::GroupNorm,
               node::Attention, node::Activation, node::UpsampleNearest, node::DownsampleMean,
               node::AveragePool, node::Fir, node::Concatenate, node::AddScale, node::Affine,
               node::Dropout, node::FourierEmbedding, node::ClassEmbedding, node::DivideBySigma,
               node::ScaleShift, node::RectangularConvolution, node::MaxPool, node::Resize>
      operation;
  std::vector<Tensor> inputs;
  Tensor output;

  /// f of the operation as its own type.
  template <class F>
  decltype(auto) visit(const F& f) const {
    return std::visit(f, operation);
  }
};

}  // namespace scoresde::nn
