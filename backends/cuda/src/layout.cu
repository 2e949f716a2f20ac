// SPDX-License-Identifier: MIT
/// Launches concatenations and layout conversions.
#include <scoresde/cuda/detail/network_kernels.hpp>

#include "enqueue.cuh"
#include "kernels/concatenation.hpp"
#include "kernels/layout_conversion.hpp"
#include "kernels/weight_layout.hpp"

namespace scoresde::cuda::detail {
namespace {

std::uint32_t narrow(std::size_t n) { return static_cast<std::uint32_t>(n); }

LayoutConversion conversion_of(const nn::Shape& s, std::size_t padded) {
  return {narrow(s.n), narrow(s.pixels()), narrow(s.c), narrow(padded)};
}

}  // namespace

template <class T>
void concatenate(const Context& context, nn::View<const T> a, nn::View<const T> b, T* y) {
  const bool whole = rows_are_whole(a.shape.c * sizeof(T), a.data, y) &&
                     rows_are_whole(b.shape.c * sizeof(T), b.data);
  const JoinedRows rows{narrow(a.shape.n), narrow(a.shape.pixels()), narrow(a.shape.c),
                        narrow(b.shape.c)};
  enqueue(context, Concatenate<T>{rows, whole, a.data, b.data, y}, "a concatenation");
}

template <class T>
void concatenate_backward(const Context& context, nn::View<const T> dy, std::size_t first,
                          nn::Gradient<T> da, nn::Gradient<T> db) {
  if (da.data == nullptr && db.data == nullptr) return;
  const std::size_t second = dy.shape.c - first;
  const bool whole = rows_are_whole(first * sizeof(T), dy.data, da.data) &&
                     rows_are_whole(second * sizeof(T), db.data);
  const JoinedRows rows{narrow(dy.shape.n), narrow(dy.shape.pixels()), narrow(first),
                        narrow(second)};
  enqueue(context, Split<T>{rows, whole, dy.data, da, db}, "the gradient of a concatenation");
}

template <class T>
void nchw_to_nhwc(const Context& context, nn::View<const float> outside, std::size_t padded,
                  const double* factors, T* inside) {
  enqueue(context,
          NchwToNhwc<T>{conversion_of(outside.shape, padded),
                        rows_are_whole(padded * sizeof(T), inside), factors, outside.data, inside},
          "a layout conversion to NHWC");
}

template <class T>
void nhwc_to_nchw(const Context& context, const T* inside, const nn::Shape& shape,
                  std::size_t padded, const double* factors, nn::Gradient<float> outside) {
  if (outside.data == nullptr) return;
  enqueue(context,
          NhwcToNchw<T>{conversion_of(shape, padded), rows_are_whole(padded * sizeof(T), inside),
                        factors, inside, outside},
          "a layout conversion to NCHW");
}

template <class T>
void arrange_weights(const Context& context, const nn::Convolution& op, std::size_t pad,
                     const float* weights, T* arranged) {
  enqueue(context, ArrangeWeights<T>{WeightExtents::of(op, pad), weights, arranged},
          "a layout conversion of weights");
}

template <class T>
void arrange_weights(const Context& context, const nn::RectangularConvolution& op,
                     const float* weights, T* arranged) {
  enqueue(context, ArrangeWeights<T>{WeightExtents::of(op), weights, arranged},
          "a layout conversion of weights");
}

void add_weight_gradient(const Context& context, const nn::Convolution& op, std::size_t pad,
                         const float* arranged, float* gradient) {
  enqueue(context, AddWeightGradient{WeightExtents::of(op, pad), arranged, gradient},
          "a layout conversion of gradients");
}

#define SCORESDE_INSTANTIATE(T)                                                                    \
  template void concatenate<T>(const Context&, nn::View<const T>, nn::View<const T>, T*);          \
  template void concatenate_backward<T>(const Context&, nn::View<const T>, std::size_t,            \
                                        nn::Gradient<T>, nn::Gradient<T>);                         \
  template void nchw_to_nhwc<T>(const Context&, nn::View<const float>, std::size_t, const double*, \
                                T*);                                                               \
  template void nhwc_to_nchw<T>(const Context&, const T*, const nn::Shape&, std::size_t,           \
                                const double*, nn::Gradient<float>);                               \
  template void arrange_weights<T>(const Context&, const nn::Convolution&, std::size_t,            \
                                   const float*, T*);                                              \
  template void arrange_weights<T>(const Context&, const nn::RectangularConvolution&,              \
                                   const float*, T*)
SCORESDE_INSTANTIATE(float);
SCORESDE_INSTANTIATE(Bfloat16);
#undef SCORESDE_INSTANTIATE

}  // namespace scoresde::cuda::detail
