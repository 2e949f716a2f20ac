// SPDX-License-Identifier: MIT
/// Launches activations, sums and scales.
#include <scoresde/cuda/detail/network_kernels.hpp>

#include "enqueue.cuh"
#include "kernels/elementwise.hpp"

namespace scoresde::cuda::detail {

template <class T>
void activation(const Context& context, nn::Activation function, nn::View<const T> x, T* y) {
  enqueue(context,
          Elementwise<T, Activate>{
              x.shape.size(), rows_are_whole(16, x.data, y), {function}, {x.data}, {{y, false}}},
          "an activation");
}

template <class T>
void activation_backward(const Context& context, nn::Activation function, nn::View<const T> x,
                         const T* dy, nn::Gradient<T> dx) {
  if (dx.data == nullptr) return;
  enqueue(
      context,
      Elementwise<T, ActivationGradient, 2>{
          x.shape.size(), rows_are_whole(16, x.data, dy, dx.data), {function}, {x.data, dy}, {dx}},
      "the gradient of an activation");
}

template <class T>
void scaled_sum(const Context& context, nn::View<const T> a, const T* b, double scale, T* y) {
  enqueue(context,
          Elementwise<T, AddScale, 2>{a.shape.size(),
                                      rows_are_whole(16, a.data, b, y),
                                      {static_cast<float>(scale)},
                                      {a.data, b},
                                      {{y, false}}},
          "a sum");
}

template <class T>
void scaled_sum_backward(const Context& context, nn::View<const T> dy, double scale,
                         nn::Gradient<T> da, nn::Gradient<T> db) {
  if (da.data == nullptr && db.data == nullptr) return;
  enqueue(context,
          Elementwise<T, Affine, 1, 2>{dy.shape.size(),
                                       rows_are_whole(16, dy.data, da.data, db.data),
                                       {static_cast<float>(scale), 0.0f},
                                       {dy.data},
                                       {da, db}},
          "the gradient of a sum");
}

template <class T>
void affine(const Context& context, nn::View<const T> x, double scale, double shift,
            nn::Gradient<T> y) {
  if (y.data == nullptr) return;
  enqueue(context,
          Elementwise<T, Affine>{x.shape.size(),
                                 rows_are_whole(16, x.data, y.data),
                                 {static_cast<float>(scale), static_cast<float>(shift)},
                                 {x.data},
                                 {y}},
          "a scale and shift");
}

template <class T>
void scale_samples(const Context& context, nn::View<const T> x, const double* factors,
                   nn::Gradient<T> y) {
  if (y.data == nullptr) return;
  const std::size_t count = x.shape.c * x.shape.pixels();
  enqueue(context,
          ScaleSamples<T>{count, static_cast<std::uint32_t>(x.shape.n),
                          rows_are_whole(count * sizeof(T), x.data, y.data), factors, x.data, y},
          "per-sample scaling");
}

#define SCORESDE_INSTANTIATE(T)                                                                    \
  template void activation<T>(const Context&, nn::Activation, nn::View<const T>, T*);              \
  template void activation_backward<T>(const Context&, nn::Activation, nn::View<const T>,          \
                                       const T*, nn::Gradient<T>);                                 \
  template void scaled_sum<T>(const Context&, nn::View<const T>, const T*, double, T*);            \
  template void scaled_sum_backward<T>(const Context&, nn::View<const T>, double, nn::Gradient<T>, \
                                       nn::Gradient<T>);                                           \
  template void affine<T>(const Context&, nn::View<const T>, double, double, nn::Gradient<T>);     \
  template void scale_samples<T>(const Context&, nn::View<const T>, const double*, nn::Gradient<T>)
SCORESDE_INSTANTIATE(float);
SCORESDE_INSTANTIATE(Bfloat16);
#undef SCORESDE_INSTANTIATE

}  // namespace scoresde::cuda::detail
