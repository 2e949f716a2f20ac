// SPDX-License-Identifier: MIT
/// PlannedOps: the plans of a network's operations in one precision, and the operations of
/// nn::InferenceOps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/cublaslt_product.hpp>
#include <scoresde/cuda/cudnn_convolution.hpp>
#include <scoresde/cuda/detail/network_kernels.hpp>
#include <scoresde/cuda/detail/op_scratch.hpp>
#include <scoresde/cuda/model_memory.hpp>
#include <scoresde/cuda/precision.hpp>
#include <scoresde/error.hpp>
#include <scoresde/nn/graph/inference_ops.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::cuda::detail {

/// A is the type of feature maps. Copies share plans.
template <class A>
class PlannedOps : public ModelMemory {
  using In = nn::View<const A>;
  using Out = nn::View<A>;
  using Layer = nn::LayerParameters<float>;
  using Scratch = std::span<float>;

 public:
  [[nodiscard]] std::size_t convolution_prepared_size(const nn::RectangularConvolution& op) const {
    return PreparedLayer<A>::size(op.weight_size(), op.out_channels);
  }
  void prepare_convolution(const nn::RectangularConvolution& op, const Layer& layer,
                           float* prepared) const {
    const PreparedLayer<A> to(prepared, op.weight_size());
    arrange_weights<A>(context_, op, layer.weights, to.weights);
    round(layer.bias, op.out_channels, to.bias);
  }
  [[nodiscard]] std::size_t convolution_scratch(const nn::RectangularConvolution& op,
                                                const nn::Shape& x) const {
    return floats_of(plans_->convolutions.plan_forward(op, x).workspace);
  }
  void convolution(const nn::RectangularConvolution& op, In x, const Layer& layer, Out y,
                   Scratch scratch) const {
    const PreparedLayer<const A> weights(layer.prepared, op.weight_size());
    plans_->convolutions.forward(op, x.shape,
                                 {.x = x.data,
                                  .weights = weights.weights,
                                  .bias = weights.bias,
                                  .relu = op.relu,
                                  .y = y.data},
                                 std::as_writable_bytes(scratch));
  }
  void max_pool(const nn::MaxPool& op, In x, Out y) const {
    detail::max_pool<A>(context_, op, x, y);
  }
  [[nodiscard]] std::size_t resize_scratch(const nn::Resize& op, const nn::Shape& x) const {
    return detail::resize_scratch<A>(op, x);
  }
  void resize(const nn::Resize& op, In x, Out y, Scratch scratch) const {
    detail::resize<A>(context_, op, x, y, scratch.data());
  }

 protected:
  PlannedOps(const Context& context, PlanOptions options, Precision precision)
      : ModelMemory(context),
        plans_(std::make_shared<Plans>(
            ConvolutionPlans(PlanDevice(context), checked(precision), std::move(options)),
            MatrixProducts(context, precision))) {}

  static constexpr bool rounds = !std::is_same_v<A, float>;

  struct Plans {
    Plans(ConvolutionPlans c, MatrixProducts p)
        : convolutions(std::move(c)), products(std::move(p)) {}
    ConvolutionPlans convolutions;
    MatrixProducts products;
    const std::uint64_t* step = nullptr;
  };

  /// to ← from, converted to A; no-op if `from` is null.
  void round(const float* from, std::size_t count, A* to) const {
    const nn::Convolution column{.in_channels = 1, .out_channels = count, .kernel = 1};
    if (from != nullptr) arrange_weights<A>(context_, column, 1, from, to);
  }

  std::shared_ptr<Plans> plans_;

 private:
  static Precision checked(Precision precision) {
    scoresde::require(
        rounds == (precision == Precision::bf16), "CUDA network: precision is ", name_of(precision),
        "; it must be ",
        rounds ? "bf16 for Bfloat16 activations" : "tf32 or fp32 for float activations");
    return precision;
  }
  static const char* name_of(Precision precision) {
    return precision == Precision::bf16 ? "bf16" : precision == Precision::tf32 ? "tf32" : "fp32";
  }
};

}  // namespace scoresde::cuda::detail
