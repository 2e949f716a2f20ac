// SPDX-License-Identifier: MIT
/// Launches group normalization, its gradient and bias gradients.
#include <scoresde/cuda/detail/network_kernels.hpp>

#include "enqueue.cuh"
#include "kernels/channel_sums.hpp"
#include "kernels/group_norm.hpp"
#include "kernels/group_norm_backward.hpp"

namespace scoresde::cuda::detail {
namespace {

/// out[c] += Σ of `count` rows; no-op if `out` is null.
void add_rows(const Context& context, const float* rows, std::size_t count, std::size_t channels,
              float* out) {
  if (out == nullptr) return;
  enqueue(context,
          ReduceRows<float>{rows,
                            1,
                            static_cast<std::uint32_t>(count),
                            static_cast<std::uint32_t>(channels),
                            {out, true}},
          "a sum of rows");
}

}  // namespace

template <class T>
std::size_t group_norm_scratch(const nn::GroupNorm& norm, const nn::Shape& x) {
  return std::max(group_extents<T>(norm, x, 1).partial_size(),
                  GroupNormGradient<T>::sums_size(group_extents<T>(norm, x, 2)));
}

template <class T>
void group_norm(const Context& context, const nn::GroupNorm& norm, nn::View<const T> x,
                const float* gamma, const float* beta, T* y, float* statistics, float* scratch) {
  const GroupExtents extents = group_extents<T>(norm, x.shape, 1);
  const GroupNormArguments<T> arguments{
      extents,    static_cast<float>(norm.epsilon),
      norm.silu,  rows_are_whole(x.shape.c * sizeof(T), x.data, y),
      x.data,     gamma,
      beta,       y,
      statistics, scratch};
  enqueue(context, GroupNormForward<T>{arguments}, "group norm");
  if (extents.tiles.chunks() > 1)
    enqueue(context, GroupNormApply<T>{arguments}, "group norm of a large image");
}

template <class T>
void group_norm_backward(const Context& context, const nn::GroupNorm& norm, nn::View<const T> x,
                         const float* gamma, const float* beta, const float* statistics,
                         const T* dy, nn::Gradient<T> dx, float* dgamma, float* dbeta,
                         float* scratch) {
  const GroupExtents extents = group_extents<T>(norm, x.shape, 2);
  const bool whole = rows_are_whole(x.shape.c * sizeof(T), x.data, dy, dx.data);
  const GroupNormGradient<T> arguments{extents, norm.silu, whole,      x.data, dy,
                                       gamma,   beta,      statistics, dx,     scratch};
  enqueue(context, GroupNormBackward<T>{arguments}, "the gradient of group norm");
  if (extents.tiles.chunks() > 1 && dx.data != nullptr)
    enqueue(context, GroupNormBackwardApply<T>{arguments},
            "the gradient of group norm of a large image");
  const std::size_t rows = x.shape.n * extents.tiles.chunks();
  add_rows(context, scratch, rows, x.shape.c, dgamma);
  add_rows(context, scratch + rows * x.shape.c, rows, x.shape.c, dbeta);
}

template <class T>
std::size_t bias_gradient_scratch(const nn::Shape& dy) {
  const ChannelTiles tiles = channel_sum_tiles<T>(dy.n, dy.pixels(), dy.c);
  return std::size_t{tiles.samples} * tiles.chunks() * tiles.channels;
}

template <class T>
void bias_gradient(const Context& context, nn::View<const T> dy, float* dbias,
                   nn::Gradient<T> dchannel_bias, float* scratch) {
  const auto [n, c, h, w] = dy.shape;
  const ChannelTiles tiles = channel_sum_tiles<T>(n, h * w, c);
  enqueue(context, ChannelSums<T>{tiles, rows_are_whole(c * sizeof(T), dy.data), dy.data, scratch},
          "sums over pixels");
  add_rows(context, scratch, n * tiles.chunks(), c, dbias);
  if (dchannel_bias.data != nullptr)
    enqueue(context,
            ReduceRows<T>{scratch, tiles.samples, tiles.chunks(), tiles.channels, dchannel_bias},
            "a sum of rows");
}

#define SCORESDE_INSTANTIATE(T)                                                                 \
  template std::size_t group_norm_scratch<T>(const nn::GroupNorm&, const nn::Shape&);           \
  template void group_norm<T>(const Context&, const nn::GroupNorm&, nn::View<const T>,          \
                              const float*, const float*, T*, float*, float*);                  \
  template void group_norm_backward<T>(const Context&, const nn::GroupNorm&, nn::View<const T>, \
                                       const float*, const float*, const float*, const T*,      \
                                       nn::Gradient<T>, float*, float*, float*);                \
  template std::size_t bias_gradient_scratch<T>(const nn::Shape&);                              \
  template void bias_gradient<T>(const Context&, nn::View<const T>, float*, nn::Gradient<T>, float*)
SCORESDE_INSTANTIATE(float);
SCORESDE_INSTANTIATE(Bfloat16);
#undef SCORESDE_INSTANTIATE

}  // namespace scoresde::cuda::detail
