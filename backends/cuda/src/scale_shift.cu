// SPDX-License-Identifier: MIT
/// Launches per-sample, per-channel scale and shift, and their gradients.
#include <scoresde/cuda/detail/network_kernels.hpp>

#include "enqueue.cuh"
#include "kernels/scale_shift.hpp"

namespace scoresde::cuda::detail {
namespace {

JoinedRows rows_of(const nn::Shape& x) {
  return {static_cast<std::uint32_t>(x.n), static_cast<std::uint32_t>(x.pixels()),
          static_cast<std::uint32_t>(x.c), 0};
}

/// Size in floats of `count` elements of T, rounded up to 256 bytes.
template <class T>
std::size_t room(std::size_t count) {
  return (count * sizeof(T) + 255) / 256 * 64;
}

/// Buffers for the sums of a gradient: dy·x, ds, db, and ds and db concatenated.
template <class T>
struct Parts {
  Parts(const nn::Shape& x, float* memory)
      : product(reinterpret_cast<T*>(memory)),
        ds(reinterpret_cast<T*>(memory + room<T>(x.size()))),
        db(reinterpret_cast<T*>(memory + room<T>(x.size()) + room<T>(x.n * x.c))),
        epilogue(reinterpret_cast<T*>(memory + room<T>(x.size()) + 2 * room<T>(x.n * x.c))),
        sums(memory + size(x)) {}
  static std::size_t size(const nn::Shape& x) {
    return room<T>(x.size()) + 2 * room<T>(x.n * x.c) + room<T>(2 * x.n * x.c);
  }
  T *product, *ds, *db, *epilogue;
  float* sums;
};

}  // namespace

template <class T>
std::size_t scale_shift_scratch(const nn::Shape& x) {
  return Parts<T>::size(x) + bias_gradient_scratch<T>(x);
}

template <class T>
void scale_shift(const Context& context, nn::View<const T> x, const T* modulation, T* y) {
  const bool whole = rows_are_whole(x.shape.c * sizeof(T), x.data, modulation, y);
  enqueue(context, ScaleShift<T>{rows_of(x.shape), whole, x.data, modulation, y},
          "scale and shift");
}

template <class T>
void scale_shift_backward(const Context& context, nn::View<const T> x, const T* modulation,
                          const T* dy, nn::Gradient<T> dx, nn::Gradient<T> dmodulation,
                          float* scratch) {
  if (dx.data == nullptr && dmodulation.data == nullptr) return;
  const Parts<T> parts(x.shape, scratch);
  T* const product = dmodulation.data != nullptr ? parts.product : nullptr;
  const bool whole =
      rows_are_whole(x.shape.c * sizeof(T), x.data, modulation, dy, dx.data, product);
  enqueue(context,
          ScaleShiftGradient<T>{rows_of(x.shape), whole, x.data, modulation, dy, dx, product},
          "the gradient of scale and shift");
  if (product == nullptr) return;
  const nn::Shape vectors{x.shape.n, x.shape.c};
  bias_gradient<T>(context, {product, x.shape}, nullptr, {parts.ds, false}, parts.sums);
  bias_gradient<T>(context, {dy, x.shape}, nullptr, {parts.db, false}, parts.sums);
  concatenate<T>(context, {parts.ds, vectors}, {parts.db, vectors}, parts.epilogue);
  affine<T>(context, {parts.epilogue, {x.shape.n, 2 * x.shape.c}}, 1, 0, dmodulation);
}

#define SCORESDE_INSTANTIATE(T)                                                                \
  template std::size_t scale_shift_scratch<T>(const nn::Shape&);                               \
  template void scale_shift<T>(const Context&, nn::View<const T>, const T*, T*);               \
  template void scale_shift_backward<T>(const Context&, nn::View<const T>, const T*, const T*, \
                                        nn::Gradient<T>, nn::Gradient<T>, float*)
SCORESDE_INSTANTIATE(float);
SCORESDE_INSTANTIATE(Bfloat16);
#undef SCORESDE_INSTANTIATE

}  // namespace scoresde::cuda::detail
