// SPDX-License-Identifier: MIT
/// Ops: the network operations on the GPU, forward and backward.
///
/// Feature maps are channels-last (NHWC) in Bfloat16 or float; parameters, their gradients,
/// statistics and external images (NCHW) are float. Convolutions run in cuDNN, dense layers and
/// attention products in cuBLASLt, everything else in the library's own kernels
/// (network_kernels.hpp). All work is enqueued asynchronously in the context's stream, so a
/// network's passes can be captured in a CUDA graph. Every operation is deterministic.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/cublaslt_product.hpp>
#include <scoresde/cuda/cudnn_convolution.hpp>
#include <scoresde/cuda/detail/network_kernels.hpp>
#include <scoresde/cuda/detail/op_scratch.hpp>
#include <scoresde/cuda/detail/planned_ops.hpp>
#include <scoresde/cuda/model_memory.hpp>
#include <scoresde/cuda/network_memory.hpp>
#include <scoresde/cuda/precision.hpp>
#include <scoresde/error.hpp>
#include <scoresde/nn/graph/inference_ops.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::cuda {

/// Models nn::NetworkOps and nn::InferenceOps, which define each operation, and nn::CapturableOps.
/// A is Bfloat16 or float. Copies share plans. Not thread-safe.
template <class A = Bfloat16>
class Ops : public detail::PlannedOps<A> {
  using Base = detail::PlannedOps<A>;
  using Base::context_, Base::plans_, Base::rounds, Base::round;
  static_assert(std::is_same_v<A, Bfloat16> || std::is_same_v<A, float>);
  using In = nn::View<const A>;
  using Out = nn::View<A>;
  using Gradient = nn::Gradient<A>;
  using Layer = nn::LayerParameters<float>;
  using Scratch = std::span<float>;

 public:
  using Scalar = float;
  using Activation = A;
  using Buffer = FloatBuffer;
  using ConditioningBuffer = cuda::ConditioningBuffer;
  static constexpr bool external_layout_is_internal = false;

  /// With float activations, products are computed in tf32 or fp32. The default context is one of
  /// device 0. Throws Error if cuDNN or cuBLASLt is missing, or the plan cache's directory is not
  /// writable, and as Context does.
  explicit Ops(const Context& context = Context(), PlanOptions options = {},
               Precision precision = std::is_same_v<A, float> ? Precision::tf32 : Precision::bf16)
      : Base(context, std::move(options), precision) {}

  /// One report per convolution planned so far.
  [[nodiscard]] std::vector<PlanReport> plan_reports() const {
    return plans_->convolutions.reports();
  }

  /// Sets the step counter in device memory that dropout adds to the index of its draws, so that
  /// every replay of a captured training step uses new masks. Null: no counter.
  void set_step_counter(const std::uint64_t* step) { plans_->step = step; }

  [[nodiscard]] Buffer allocate(std::size_t count) const { return Buffer(context_, count); }
  [[nodiscard]] ConditioningBuffer make_conditioning_buffer(std::size_t samples) const {
    return ConditioningBuffer(context_, samples);
  }
  [[nodiscard]] static std::size_t activation_size(const nn::Shape& shape) {
    return detail::floats_of(shape.size() * sizeof(A));
  }
  void to_internal_layout(const float* x, Out to) const {
    detail::nchw_to_nhwc<A>(context_, {x, to.shape}, to.shape.c, nullptr, to.data);
  }
  void from_internal_layout(In y, float* to) const {
    detail::nhwc_to_nchw<A>(context_, y.data, y.shape, y.shape.c, nullptr, {to, false});
  }

  /// Weights in cuDNN's layout, then the bias, both in A.
  using Base::convolution, Base::convolution_prepared_size, Base::convolution_scratch,
      Base::prepare_convolution;
  [[nodiscard]] std::size_t convolution_prepared_size(const nn::Convolution& op, nn::Mode) const {
    return detail::PreparedLayer<A>::size(op.weight_size(), op.out_channels);
  }
  void prepare_convolution(const nn::Convolution& op, const Layer& layer, float* prepared) const {
    const detail::PreparedLayer<A> to(prepared, op.weight_size());
    detail::arrange_weights<A>(context_, op, 1, layer.weights, to.weights);
    round(layer.bias, op.out_channels, to.bias);
  }
  /// The same for dense layers; float activations use the parameters in place.
  [[nodiscard]] std::size_t dense_prepared_size(const nn::Shape& x, const nn::Shape& y,
                                                nn::Mode) const {
    return rounds ? detail::PreparedLayer<A>::size(x.c * y.c, y.c) : 0;
  }
  void prepare_dense(const nn::Shape& x, const nn::Shape& y, const Layer& layer,
                     float* prepared) const {
    const detail::PreparedLayer<A> to(prepared, x.c * y.c);
    round(layer.weights, x.c * y.c, to.weights);
    round(layer.bias, y.c, to.bias);
  }

  [[nodiscard]] std::size_t convolution_scratch(const nn::Convolution& op, const nn::Shape& x,
                                                nn::Mode mode) const {
    return detail::ConvolutionScratch<A>(op, x, mode, plans_->convolutions).size();
  }
  void convolution(const nn::Convolution& op, In x, const Layer& layer,
                   const nn::ConvolutionTerms<A>& add, Out y, Scratch scratch) const {
    const detail::PreparedLayer<const A> weights(layer.prepared, op.weight_size());
    plans_->convolutions.forward(op, x.shape,
                                 {.x = x.data,
                                  .weights = weights.weights,
                                  .residual = add.residual,
                                  .bias = layer.bias != nullptr ? weights.bias : nullptr,
                                  .channel_bias = add.channel_bias,
                                  .scale = static_cast<float>(op.scale),
                                  .y = y.data},
                                 std::as_writable_bytes(scratch));
  }
  void convolution_backward(const nn::Convolution& op, In x, const Layer& layer, In dy,
                            const nn::ConvolutionGradients<float, A>& to, Scratch scratch) const {
    const detail::PreparedLayer<const A> weights(layer.prepared, op.weight_size());
    const detail::ConvolutionScratch<A> parts(op, x.shape, nn::Mode::training,
                                              plans_->convolutions);
    const In scaled = scale_gradient(op, dy, to.residual, parts.scaled(scratch));
    detail::bias_gradient<A>(context_, scaled, to.bias, to.channel_bias, parts.sums(scratch));
    if (to.weights != nullptr) weight_gradient(op, x, scaled, to.weights, parts, scratch);
    plans_->convolutions.backward_data(op, x.shape, weights.weights, scaled.data,
                                       {to.x.data, to.x.accumulate}, parts.workspace(scratch));
  }

  [[nodiscard]] std::size_t dense_scratch(const nn::Shape& x, const nn::Shape& y) const {
    MatrixProducts& products = plans_->products;
    const std::size_t most = std::max({products.plan(dense_product(x.n, x.c, y.c, true)),
                                       products.plan(dense_data_product(x.n, x.c, y.c)),
                                       products.plan(dense_weight_product(x.n, x.c, y.c))});
    return detail::floats_of(most) + detail::aligned_floats(detail::bias_gradient_scratch<A>(y));
  }
  void dense(In x, const Layer& layer, Out y, Scratch scratch) const {
    const auto [weights, bias] = dense_parameters(layer, x.shape.c * y.shape.c);
    plans_->products.run(dense_product(x.shape.n, x.shape.c, y.shape.c, bias != nullptr),
                         {.a = x.data, .b = weights, .bias = bias, .c = y.data},
                         std::as_writable_bytes(scratch));
  }
  void dense_backward(In x, const Layer& layer, In dy, Gradient dx, float* dweights, float* dbias,
                      Scratch scratch) const {
    const std::size_t n = x.shape.n, in = x.shape.c, out = dy.shape.c;
    detail::bias_gradient<A>(context_, dy, dbias, {}, scratch.data());
    const auto workspace = std::as_writable_bytes(
        scratch.subspan(detail::aligned_floats(detail::bias_gradient_scratch<A>(dy.shape))));
    if (dx.data != nullptr)
      plans_->products.run(dense_data_product(n, in, out),
                           {.a = dy.data,
                            .b = dense_parameters(layer, in * out).first,
                            .c = dx.data,
                            .beta = dx.accumulate ? 1.0f : 0.0f},
                           workspace);
    if (dweights != nullptr)
      plans_->products.run(dense_weight_product(n, in, out),
                           {.a = dy.data, .b = x.data, .c = dweights, .beta = 1}, workspace);
  }

  [[nodiscard]] std::size_t group_norm_scratch(const nn::GroupNorm& norm,
                                               const nn::Shape& x) const {
    return detail::group_norm_scratch<A>(norm, x);
  }
  void group_norm(const nn::GroupNorm& norm, In x, const float* gamma, const float* beta, Out y,
                  float* statistics, Scratch scratch) const {
    detail::group_norm<A>(context_, norm, x, gamma, beta, y.data, statistics, scratch.data());
  }
  void group_norm_backward(const nn::GroupNorm& norm, In x, const float* gamma, const float* beta,
                           const float* statistics, In dy, Gradient dx, float* dgamma, float* dbeta,
                           Scratch scratch) const {
    detail::group_norm_backward<A>(context_, norm, x, gamma, beta, statistics, dy.data, dx, dgamma,
                                   dbeta, scratch.data());
  }

  [[nodiscard]] std::size_t attention_scratch(const nn::Attention& op, const nn::Shape& q) const {
    return detail::AttentionScratch<A>(op, q, plans_->products).size();
  }
  void attention(const nn::Attention& op, In q, In k, In v, Out y, A* probabilities,
                 Scratch scratch) const {
    const detail::AttentionScratch<A> parts(op, q.shape, plans_->products);
    const auto [n, c, p] = extents_of(parts.heads());
    const A *const queries = split(op, q, parts.room(0, scratch)),
                   *const keys = split(op, k, parts.room(1, scratch)),
                   *const values = split(op, v, parts.room(2, scratch));
    float* const scores = parts.scores(scratch);
    plans_->products.run(parts.scores_product(), {.a = queries, .b = keys, .c = scores},
                         parts.workspace(scratch));
    detail::softmax<A, float>(context_, n * p, p, 1 / std::sqrt(double(c)), scores, probabilities);
    A* const mixed = op.heads > 1 ? parts.room(4, scratch) : y.data;
    plans_->products.run(attention_values(n, p, c), {.a = probabilities, .b = values, .c = mixed},
                         parts.workspace(scratch));
    if (op.heads > 1) detail::join_heads<A>(context_, op, mixed, y.shape, {y.data, false});
  }
  void attention_backward(const nn::Attention& op, In q, In k, In v, const A* probabilities, In dy,
                          Gradient dq, Gradient dk, Gradient dv, Scratch scratch) const {
    const detail::AttentionScratch<A> parts(op, q.shape, plans_->products);
    const auto [n, c, p] = extents_of(parts.heads());
    const A* const dmixed = split(op, dy, parts.room(3, scratch));
    const auto product = [&](const MatrixProduct& kind, const A* a, const A* b, Gradient to) {
      if (to.data == nullptr) return;
      const Gradient result = op.heads > 1 ? Gradient{parts.room(4, scratch), false} : to;
      plans_->products.run(
          kind, {.a = a, .b = b, .c = result.data, .beta = result.accumulate ? 1.0f : 0.0f},
          parts.workspace(scratch));
      if (op.heads > 1) detail::join_heads<A>(context_, op, result.data, q.shape, to);
    };
    product(attention_transposed(n, p, c), probabilities, dmixed, dv);
    if (dq.data == nullptr && dk.data == nullptr) return;
    float* const dp = parts.scores(scratch);
    A* const ds = parts.score_gradient(scratch);
    plans_->products.run(parts.scores_product(),
                         {.a = dmixed, .b = split(op, v, parts.room(2, scratch)), .c = dp},
                         parts.workspace(scratch));
    detail::softmax_backward<A, float>(context_, n * p, p, 1 / std::sqrt(double(c)), probabilities,
                                       dp, ds);
    product(attention_values(n, p, c), ds, split(op, k, parts.room(1, scratch)), dq);
    product(attention_transposed(n, p, c), ds, split(op, q, parts.room(0, scratch)), dk);
  }

  [[nodiscard]] std::size_t scale_shift_scratch(const nn::Shape& x) const {
    return detail::scale_shift_scratch<A>(x);
  }
  void scale_shift(In x, In modulation, Out y) const {
    detail::scale_shift<A>(context_, x, modulation.data, y.data);
  }
  void scale_shift_backward(In x, In modulation, In dy, Gradient dx, Gradient dmodulation,
                            Scratch scratch) const {
    detail::scale_shift_backward<A>(context_, x, modulation.data, dy.data, dx, dmodulation,
                                    scratch.data());
  }

  void activation(nn::Activation function, In x, Out y) const {
    detail::activation<A>(context_, function, x, y.data);
  }
  void activation_backward(nn::Activation function, In x, In dy, Gradient dx) const {
    detail::activation_backward<A>(context_, function, x, dy.data, dx);
  }

  [[nodiscard]] std::size_t fir_scratch(const nn::Fir&, const nn::Shape&, const nn::Shape&) const {
    return 0;
  }
  void fir(const nn::Fir& op, In x, Out y, Scratch) const {
    detail::fir<A>(context_, op, x, y.shape, {y.data, false});
  }
  void fir_backward(const nn::Fir& op, In dy, const nn::Shape& x, Gradient dx, Scratch) const {
    if (dx.data != nullptr) detail::fir<A>(context_, op.adjoint(), dy, x, dx);
  }
  void upsample_nearest(In x, Out y) const { detail::upsample_nearest<A>(context_, x, y.data); }
  void upsample_nearest_backward(In dy, Gradient dx) const {
    detail::upsample_nearest_backward<A>(context_, dy, dx);
  }
  void downsample_mean(In x, Out y) const { detail::downsample_mean<A>(context_, x, y.data); }
  void downsample_mean_backward(In dy, Gradient dx) const {
    detail::downsample_mean_backward<A>(context_, dy, dx);
  }
  void average_pool(const nn::AveragePool& op, In x, Out y) const {
    detail::average_pool<A>(context_, op, x, y);
  }
  void average_pool_backward(const nn::AveragePool& op, In dy, const nn::Shape& x,
                             Gradient dx) const {
    detail::average_pool_backward<A>(context_, op, dy, x, dx);
  }

  void concatenate(In a, In b, Out y) const { detail::concatenate<A>(context_, a, b, y.data); }
  void concatenate_backward(In dy, std::size_t first, Gradient da, Gradient db) const {
    detail::concatenate_backward<A>(context_, dy, first, da, db);
  }
  void scaled_sum(In a, In b, double scale, Out y) const {
    detail::scaled_sum<A>(context_, a, b.data, scale, y.data);
  }
  void scaled_sum_backward(In dy, double scale, Gradient da, Gradient db) const {
    detail::scaled_sum_backward<A>(context_, dy, scale, da, db);
  }
  void affine(In x, double scale, double shift, Out y) const {
    detail::affine<A>(context_, x, scale, shift, {y.data, false});
  }
  void affine_backward(In dy, double scale, Gradient dx) const {
    detail::affine<A>(context_, dy, scale, 0, dx);
  }
  void scale_samples(In x, std::span<const double> factors, Out y) const {
    detail::scale_samples<A>(context_, x, factors.data(), {y.data, false});
  }
  void scale_samples_backward(In dy, std::span<const double> factors, Gradient dx) const {
    detail::scale_samples<A>(context_, dy, factors.data(), dx);
  }

  void positional_embedding(const nn::PositionalEmbedding& op, std::span<const double> labels,
                            Out y) const {
    detail::positional_embedding<A>(context_, op, labels.size(), y.shape.c, labels.data(), y.data);
  }
  void fourier_embedding(std::span<const double> labels, const float* frequencies, Out y) const {
    detail::fourier_embedding<A>(context_, labels.size(), y.shape.c, labels.data(), frequencies,
                                 y.data);
  }
  void class_embedding(std::span<const std::uint32_t> classes, const float* table, Out y) const {
    detail::class_embedding<A>(context_, classes.size(), y.shape.c, classes.data(), table, y.data);
  }
  void class_embedding_backward(std::span<const std::uint32_t> classes, In dy,
                                float* dtable) const {
    detail::class_embedding_backward<A>(context_, classes.size(), dy.shape.c, classes.data(),
                                        dy.data, dtable);
  }

  void dropout(In x, double rate, NoiseDraw draw, Out y) const {
    detail::dropout<A>(context_, x, rate, {draw, plans_->step}, {y.data, false});
  }
  void dropout_backward(In dy, double rate, NoiseDraw draw, Gradient dx) const {
    if (dx.data != nullptr) detail::dropout<A>(context_, dy, rate, {draw, plans_->step}, dx);
  }

 private:
  struct AttentionExtents {
    std::size_t samples, channels, pixels;
  };
  static AttentionExtents extents_of(const nn::Shape& q) { return {q.n, q.c, q.pixels()}; }

  /// The operand in head-major layout: converted into `room`, or in place if there is one head.
  const A* split(const nn::Attention& op, In x, A* room) const {
    if (op.heads == 1) return x.data;
    detail::split_heads<A>(context_, op, x, room);
    return room;
  }

  std::pair<const void*, const void*> dense_parameters(const Layer& layer,
                                                       std::size_t weights) const {
    if constexpr (!rounds) return {layer.weights, layer.bias};
    const detail::PreparedLayer<const A> prepared(layer.prepared, weights);
    return {prepared.weights, layer.bias != nullptr ? prepared.bias : nullptr};
  }

  /// scale·dy, which is also the residual's gradient: stored there, in `room`, or dy itself.
  In scale_gradient(const nn::Convolution& op, In dy, Gradient residual, A* room) const {
    detail::affine<A>(context_, dy, op.scale, 0, residual);
    if (op.scale == 1) return dy;
    if (residual.data != nullptr && !residual.accumulate) return {residual.data, dy.shape};
    detail::affine<A>(context_, dy, op.scale, 0, {room, false});
    return {room, dy.shape};
  }

  void weight_gradient(const nn::Convolution& op, In x, In dy, float* dweights,
                       const detail::ConvolutionScratch<A>& parts, Scratch scratch) const {
    const bool same_order = op.kernel == 1 && !op.input_major;
    float* const arranged = same_order ? dweights : parts.arranged(scratch);
    if (!same_order) context_.clear(arranged, op.weight_size() * sizeof(float));
    plans_->convolutions.backward_filter(op, x.shape, x.data, dy.data, arranged,
                                         parts.workspace(scratch));
    if (!same_order) detail::add_weight_gradient(context_, op, 1, arranged, dweights);
  }
};

static_assert(nn::InferenceOps<Ops<Bfloat16>>);
static_assert(nn::InferenceOps<Ops<float>>);

}  // namespace scoresde::cuda
