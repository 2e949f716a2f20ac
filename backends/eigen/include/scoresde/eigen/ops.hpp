// SPDX-License-Identifier: MIT
/// Ops: the network operations on the CPU, forward and backward.
///
/// In double this is the reference for other backends, in float a fast implementation. Activations
/// are (N, C, H, W) without gaps. Threads are those of OpenMP where available; results are
/// bit-identical for any number of them, forward and backward. No operation allocates memory;
/// scratch is the caller's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include <scoresde/eigen/detail/activation.hpp>
#include <scoresde/eigen/detail/attention.hpp>
#include <scoresde/eigen/detail/convolution.hpp>
#include <scoresde/eigen/detail/convolution_weights.hpp>
#include <scoresde/eigen/detail/dense.hpp>
#include <scoresde/eigen/detail/elementwise.hpp>
#include <scoresde/eigen/detail/embedding.hpp>
#include <scoresde/eigen/detail/fir.hpp>
#include <scoresde/eigen/detail/group_norm.hpp>
#include <scoresde/eigen/detail/inference_convolution.hpp>
#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/eigen/detail/pooling.hpp>
#include <scoresde/eigen/detail/resampling.hpp>
#include <scoresde/eigen/detail/resize.hpp>
#include <scoresde/eigen/detail/scale_shift.hpp>
#include <scoresde/nn/graph/inference_ops.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/state/host_state.hpp>

namespace scoresde::eigen {

/// A model of nn::NetworkOps and nn::InferenceOps (which define each operation) and nn::ModelOps,
/// in float or double. Shapes are not checked here: the network checks its graph once, on
/// construction.
template <class T>
class Ops {
  static_assert(std::is_floating_point_v<T>);
  using In = nn::View<const T>;
  using Out = nn::View<T>;
  using Gradient = nn::Gradient<T>;
  using Layer = nn::LayerParameters<T>;
  using Scratch = std::span<T>;

 public:
  using Scalar = T;
  using Activation = T;
  using Buffer = std::vector<T, Eigen::aligned_allocator<T>>;
  using State = HostState<T>;
  static constexpr bool external_layout_is_internal = true;
  /// Conditioning values are used in host memory.
  struct ConditioningBuffer {
    static nn::Conditioning place(const nn::Conditioning& conditioning) { return conditioning; }
  };

  /// `threads` = 0: OpenMP's default.
  explicit Ops(std::size_t threads = 0) : threads_(detail::thread_count(threads)) {}

  [[nodiscard]] std::size_t threads() const { return threads_; }
  [[nodiscard]] Buffer allocate(std::size_t count) const { return Buffer(count, T(0)); }

  [[nodiscard]] static State make_state(Extents extents) { return State(extents); }
  [[nodiscard]] static const T* elements(const State& x) { return x.data(); }
  [[nodiscard]] static T* elements(State& x) { return x.data(); }
  void scale_states(const T* x, Extents extents, std::span<const double> factors, T* y) const {
    const nn::Shape shape{extents.samples, extents.dim, 1, 1};
    scale_samples({x, shape}, factors, {y, shape});
  }
  static void upload(std::span<const T> from, T* to) { std::copy(from.begin(), from.end(), to); }
  static void download(const T* from, std::vector<T>& to) {
    std::copy_n(from, to.size(), to.begin());
  }

  [[nodiscard]] static std::size_t activation_size(const nn::Shape& shape) { return shape.size(); }
  void to_internal_layout(const T* x, Out to) const {
    map(
        {to.data, false}, to.shape, [](Vec v) { return v; }, x);
  }
  void from_internal_layout(In y, T* to) const { to_internal_layout(y.data, {to, y.shape}); }

  /// Inference stores packed weights; training packs them in each pass, without additional memory.
  [[nodiscard]] std::size_t convolution_prepared_size(const nn::Convolution& op,
                                                      nn::Mode mode) const {
    if (nn::differentiates(mode)) return 0;
    return detail::packed_size<T>(op.out_channels, op.weight_size() / op.out_channels);
  }
  void prepare_convolution(const nn::Convolution& op, const Layer& layer, T* prepared) const {
    detail::pack_weights(op, layer.weights, prepared, false, threads_);
  }
  [[nodiscard]] std::size_t dense_prepared_size(const nn::Shape&, const nn::Shape&,
                                                nn::Mode) const {
    return 0;
  }
  void prepare_dense(const nn::Shape&, const nn::Shape&, const Layer&, T*) const {}

  [[nodiscard]] ConditioningBuffer make_conditioning_buffer(std::size_t) const { return {}; }

  /// Scratch in elements; `x` is the shape of the input with the largest batch.
  [[nodiscard]] std::size_t convolution_scratch(const nn::Convolution& op, const nn::Shape& x,
                                                nn::Mode mode) const {
    const detail::Window forward = detail::forward_window(op, x);
    if (!nn::differentiates(mode)) return detail::correlate_scratch<T>(forward, x.n, threads_);
    return std::max({detail::correlate_scratch<T>(forward, x.n, threads_),
                     detail::correlate_scratch<T>(detail::backward_window(op, x), x.n, threads_),
                     detail::weight_gradient_scratch<T>(forward, x.n, threads_),
                     x.n * op.out_channels});
  }
  void convolution(const nn::Convolution& op, In x, const Layer& layer,
                   const nn::ConvolutionTerms<T>& add, Out y, Scratch scratch) const {
    detail::convolution_forward<T>(
        op, x, layer, {layer.bias, add.channel_bias, add.residual, static_cast<T>(op.scale)},
        y.data, threads_, scratch.data());
  }
  void convolution_backward(const nn::Convolution& op, In x, const Layer& layer, In dy,
                            const nn::ConvolutionGradients<T>& to, Scratch scratch) const {
    detail::convolution_bias_gradient<T>(dy, static_cast<T>(op.scale), to.bias, to.channel_bias,
                                         threads_, scratch.data());
    if (to.weights != nullptr)
      detail::convolution_weight_gradient<T>(op, x, dy.data, to.weights, threads_, scratch.data());
    if (to.x.data != nullptr)
      detail::convolution_input_gradient<T>(op, x.shape, layer.weights, dy.data, to.x, threads_,
                                            scratch.data());
    affine_backward(dy, op.scale, to.residual);
  }

  [[nodiscard]] std::size_t dense_scratch(const nn::Shape& x, const nn::Shape& y) const {
    return detail::dense_scratch<T>(x, y, threads_);
  }
  void dense(In x, const Layer& layer, Out y, Scratch scratch) const {
    detail::dense_forward<T>(x, layer.weights, layer.bias, y, threads_, scratch.data());
  }
  void dense_backward(In x, const Layer& layer, In dy, Gradient dx, T* dweights, T* dbias,
                      Scratch scratch) const {
    detail::dense_backward<T>(x, layer.weights, dy, dx, dweights, dbias, threads_, scratch.data());
  }

  [[nodiscard]] std::size_t group_norm_scratch(const nn::GroupNorm& norm,
                                               const nn::Shape& x) const {
    return detail::group_norm_scratch(norm, x, threads_);
  }
  void group_norm(const nn::GroupNorm& norm, In x, const T* gamma, const T* beta, Out y,
                  T* statistics, Scratch) const {
    detail::group_norm_forward<T>(norm, x, gamma, beta, y.data, statistics, threads_);
  }
  void group_norm_backward(const nn::GroupNorm& norm, In x, const T* gamma, const T* beta,
                           const T* statistics, In dy, Gradient dx, T* dgamma, T* dbeta,
                           Scratch scratch) const {
    detail::group_norm_backward<T>(norm, x, gamma, beta, statistics, dy.data, dx, dgamma, dbeta,
                                   threads_, scratch.data());
  }

  /// The channels of a head are consecutive, so each head is treated as a sample.
  [[nodiscard]] std::size_t attention_scratch(const nn::Attention& op, const nn::Shape& q) const {
    return threads_ * detail::attention_part_size<T>(op.of_heads(q));
  }
  void attention(const nn::Attention& op, In q, In k, In v, Out y, T* probabilities,
                 Scratch scratch) const {
    detail::attention_forward<T>({q.data, op.of_heads(q.shape)}, k.data, v.data, y.data,
                                 probabilities, threads_, scratch.data());
  }
  void attention_backward(const nn::Attention& op, In q, In k, In v, const T* probabilities, In dy,
                          Gradient dq, Gradient dk, Gradient dv, Scratch scratch) const {
    detail::attention_backward<T>({q.data, op.of_heads(q.shape)}, k.data, v.data, probabilities,
                                  dy.data, {dq, dk, dv}, threads_, scratch.data());
  }

  [[nodiscard]] std::size_t scale_shift_scratch(const nn::Shape&) const { return 0; }
  void scale_shift(In x, In modulation, Out y) const {
    detail::scale_shift<T>(x, modulation.data, y.data, threads_);
  }
  void scale_shift_backward(In x, In modulation, In dy, Gradient dx, Gradient dmodulation,
                            Scratch) const {
    detail::scale_shift_backward<T>(x, modulation.data, dy.data, dx, dmodulation, threads_);
  }

  void activation(nn::Activation function, In x, Out y) const {
    detail::with_activation<T>(function, [&](const auto& f) {
      map(
          {y.data, false}, x.shape, [&f](Vec v) { return f.value(v); }, x.data);
    });
  }
  void activation_backward(nn::Activation function, In x, In dy, Gradient dx) const {
    detail::with_activation<T>(function, [&](const auto& f) {
      map(
          dx, x.shape, [&f](Vec v, Vec d) { return d * f.slope(v); }, x.data, dy.data);
    });
  }

  [[nodiscard]] std::size_t fir_scratch(const nn::Fir& op, const nn::Shape& x,
                                        const nn::Shape& y) const {
    return threads_ * std::max(detail::fir_scratch(op, x, y), detail::fir_scratch(op, y, x));
  }
  void fir(const nn::Fir& op, In x, Out y, Scratch scratch) const {
    detail::fir<T>(op, x, y.shape, {y.data, false}, threads_, scratch.data());
  }
  /// dx has the planes of dy and the extents of the forward filter's input.
  void fir_backward(const nn::Fir& op, In dy, const nn::Shape& x, Gradient dx,
                    Scratch scratch) const {
    if (dx.data != nullptr) detail::fir<T>(op.adjoint(), dy, x, dx, threads_, scratch.data());
  }

  void upsample_nearest(In x, Out y) const {
    detail::spread_two_by_two<T>(x, T(1), {y.data, false}, threads_);
  }
  void upsample_nearest_backward(In dy, Gradient dx) const {
    if (dx.data == nullptr) return;
    detail::gather_two_by_two<T>(dy.data, T(1), halved(dy.shape), dx, threads_);
  }
  void downsample_mean(In x, Out y) const {
    detail::gather_two_by_two<T>(x.data, T(0.25), y.shape, {y.data, false}, threads_);
  }
  void downsample_mean_backward(In dy, Gradient dx) const {
    if (dx.data != nullptr) detail::spread_two_by_two<T>(dy, T(0.25), dx, threads_);
  }

  void average_pool(const nn::AveragePool& op, In x, Out y) const {
    detail::average_pool<T>(op, x, y, threads_);
  }
  /// dx has the planes of dy and the extents of the pooled image.
  void average_pool_backward(const nn::AveragePool& op, In dy, const nn::Shape& x,
                             Gradient dx) const {
    if (dx.data != nullptr) detail::average_pool_gradient<T>(op, dy, x, dx, threads_);
  }

  [[nodiscard]] std::size_t convolution_prepared_size(const nn::RectangularConvolution& op) const {
    return detail::inference_packed_size<T>(op);
  }
  void prepare_convolution(const nn::RectangularConvolution& op, const Layer& layer,
                           T* prepared) const {
    detail::pack_inference_weights(op, layer.weights, prepared);
  }
  [[nodiscard]] std::size_t convolution_scratch(const nn::RectangularConvolution& op,
                                                const nn::Shape& x) const {
    return detail::inference_scratch<T>(detail::forward_window(op, x), x.n, threads_);
  }
  void convolution(const nn::RectangularConvolution& op, In x, const Layer& layer, Out y,
                   Scratch scratch) const {
    detail::inference_convolution<T>(op, x, layer, y.data, threads_, scratch.data());
  }
  void max_pool(const nn::MaxPool& op, In x, Out y) const {
    detail::max_pool<T>(op, x, y, threads_);
  }
  [[nodiscard]] std::size_t resize_scratch(const nn::Resize& op, const nn::Shape& x) const {
    return threads_ * detail::resize_part_size(op, x);
  }
  void resize(const nn::Resize& op, In x, Out y, Scratch scratch) const {
    detail::resize<T>(op, x, y, threads_, scratch.data());
  }

  void concatenate(In a, In b, Out y) const {
    detail::concatenate_halves<T>({a.shape.n, detail::features(a.shape), detail::features(b.shape)},
                                  a.data, b.data, y.data, threads_);
  }
  void concatenate_backward(In dy, std::size_t first_channels, Gradient da, Gradient db) const {
    const std::size_t first = first_channels * dy.shape.pixels();
    detail::split_halves<T>({dy.shape.n, first, detail::features(dy.shape) - first}, dy.data, da,
                            db, threads_);
  }

  void scaled_sum(In a, In b, double scale, Out y) const {
    map(
        {y.data, false}, a.shape,
        [s = Vec(static_cast<T>(scale))](Vec u, Vec v) { return (u + v) * s; }, a.data, b.data);
  }
  void scaled_sum_backward(In dy, double scale, Gradient da, Gradient db) const {
    affine_backward(dy, scale, da);
    affine_backward(dy, scale, db);
  }
  void affine(In x, double scale, double shift, Out y) const {
    map(
        {y.data, false}, x.shape,
        [s = Vec(static_cast<T>(scale)), o = Vec(static_cast<T>(shift))](Vec v) {
          return v * s + o;
        },
        x.data);
  }
  void affine_backward(In dy, double scale, Gradient dx) const {
    map(
        dx, dy.shape, [s = Vec(static_cast<T>(scale))](Vec d) { return d * s; }, dy.data);
  }

  void scale_samples(In x, std::span<const double> factors, Out y) const {
    scale_each(x, factors, {y.data, false});
  }
  void scale_samples_backward(In dy, std::span<const double> factors, Gradient dx) const {
    if (dx.data != nullptr) scale_each(dy, factors, dx);
  }

  /// y has one row of y.shape.c values per label.
  void fourier_embedding(std::span<const double> labels, const T* frequencies, Out y) const {
    detail::fourier_embedding<T>(labels, frequencies, detail::features(y.shape), y.data);
  }
  void class_embedding(std::span<const std::uint32_t> classes, const T* table, Out y) const {
    detail::class_embedding<T>(classes, table, detail::features(y.shape), y.data);
  }
  void class_embedding_backward(std::span<const std::uint32_t> classes, In dy, T* dtable) const {
    detail::class_embedding_gradient<T>(classes, dy.data, detail::features(dy.shape), dtable);
  }
  void positional_embedding(const nn::PositionalEmbedding& op, std::span<const double> labels,
                            Out y) const {
    detail::positional_embedding<T>(op, labels, detail::features(y.shape), y.data);
  }

  void dropout(In x, double rate, NoiseDraw draw, Out y) const {
    detail::dropout<T>(x.data, x.shape, rate, draw, {y.data, false}, threads_);
  }
  void dropout_backward(In dy, double rate, NoiseDraw draw, Gradient dx) const {
    if (dx.data != nullptr) detail::dropout<T>(dy.data, dy.shape, rate, draw, dx, threads_);
  }

 private:
  using Vec = detail::Vec<T>;

  static nn::Shape halved(const nn::Shape& s) { return {s.n, s.c, s.h / 2, s.w / 2}; }

  void scale_each(In x, std::span<const double> factors, Gradient y) const {
    const std::size_t count = detail::features(x.shape);
    for (std::size_t n = 0; n < x.shape.n; ++n)
      detail::transform_all<T>(
          threads_, count, {y.data + n * count, y.accumulate},
          [s = Vec(static_cast<T>(factors[n]))](Vec v) { return v * s; }, x.data + n * count);
  }

  template <class F, class... Inputs>
  void map(Gradient out, const nn::Shape& shape, const F& f, const Inputs*... in) const {
    detail::transform_all<T>(threads_, shape.size(), out, f, in...);
  }

  std::size_t threads_;
};

static_assert(nn::InferenceOps<Ops<float>>);
static_assert(nn::InferenceOps<Ops<double>>);

}  // namespace scoresde::eigen
