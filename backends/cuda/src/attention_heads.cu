// SPDX-License-Identifier: MIT
/// Launches layout conversions for multi-head attention.
#include <scoresde/cuda/detail/network_kernels.hpp>

#include "enqueue.cuh"
#include "kernels/attention_heads.hpp"

namespace scoresde::cuda::detail {
namespace {

HeadRows rows_of(const nn::Attention& op, const nn::Shape& together) {
  return {static_cast<std::uint32_t>(together.n), static_cast<std::uint32_t>(together.pixels()),
          static_cast<std::uint32_t>(op.heads), static_cast<std::uint32_t>(together.c / op.heads)};
}

}  // namespace

template <class T>
void split_heads(const Context& context, const nn::Attention& op, nn::View<const T> together,
                 T* apart) {
  const HeadRows rows = rows_of(op, together.shape);
  const bool whole = rows_are_whole(rows.width * sizeof(T), together.data, apart);
  enqueue(context, SplitHeads<T>{rows, whole, together.data, apart},
          "a conversion to head-major layout");
}

template <class T>
void join_heads(const Context& context, const nn::Attention& op, const T* apart,
                const nn::Shape& shape, nn::Gradient<T> together) {
  const HeadRows rows = rows_of(op, shape);
  const bool whole = rows_are_whole(rows.width * sizeof(T), apart, together.data);
  enqueue(context, JoinHeads<T>{rows, whole, apart, together},
          "a conversion from head-major layout");
}

#define SCORESDE_INSTANTIATE(T)                                                                 \
  template void split_heads<T>(const Context&, const nn::Attention&, nn::View<const T>, T*);    \
  template void join_heads<T>(const Context&, const nn::Attention&, const T*, const nn::Shape&, \
                              nn::Gradient<T>)
SCORESDE_INSTANTIATE(float);
SCORESDE_INSTANTIATE(Bfloat16);
#undef SCORESDE_INSTANTIATE

}  // namespace scoresde::cuda::detail
