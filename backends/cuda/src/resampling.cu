// SPDX-License-Identifier: MIT
/// Launches up- and downsampling, pooling and resizing.
#include <scoresde/cuda/detail/network_kernels.hpp>

#include "enqueue.cuh"
#include "kernels/fir_filter.hpp"
#include "kernels/pooling.hpp"
#include "kernels/resampling.hpp"
#include "kernels/resize_axis.hpp"

namespace scoresde::cuda::detail {
namespace {

SmallImage image_of(const nn::Shape& s) {
  return {static_cast<std::uint32_t>(s.n), static_cast<std::uint32_t>(s.h),
          static_cast<std::uint32_t>(s.w), static_cast<std::uint32_t>(s.c)};
}

template <class T>
void spread(const Context& context, nn::View<const T> small, float scale, nn::Gradient<T> large) {
  if (large.data == nullptr) return;
  const bool whole = rows_are_whole(small.shape.c * sizeof(T), small.data, large.data);
  enqueue(context, Upsample<T>{image_of(small.shape), whole, scale, small.data, large},
          "upsampling");
}

template <class T>
void gather(const Context& context, nn::View<const T> large, float scale, nn::Gradient<T> small) {
  if (small.data == nullptr) return;
  const nn::Shape shape{large.shape.n, large.shape.c, large.shape.h / 2, large.shape.w / 2};
  const bool whole = rows_are_whole(shape.c * sizeof(T), large.data, small.data);
  enqueue(context, Downsample<T>{image_of(shape), whole, scale, large.data, small}, "downsampling");
}

/// The windows of rows and of columns.
PoolWindows rows_of(const nn::AveragePool& op, const nn::Shape& x, const nn::Shape& y) {
  return {static_cast<std::int32_t>(op.height), static_cast<std::int32_t>(op.stride),
          static_cast<std::int32_t>(op.pad), static_cast<std::int32_t>(x.h),
          static_cast<std::int32_t>(y.h)};
}
PoolWindows columns_of(const nn::AveragePool& op, const nn::Shape& x, const nn::Shape& y) {
  return {static_cast<std::int32_t>(op.width), static_cast<std::int32_t>(op.stride),
          static_cast<std::int32_t>(op.pad), static_cast<std::int32_t>(x.w),
          static_cast<std::int32_t>(y.w)};
}

/// The kernel along columns, or along rows.
template <class From, class To>
ResizeAxis<From, To> columns_axis(const nn::Resize& op, const nn::Shape& x, const From* from,
                                  To* to) {
  return {op.rule,
          static_cast<std::uint32_t>(x.n * x.h),
          static_cast<std::uint32_t>(x.w),
          static_cast<std::uint32_t>(op.width),
          static_cast<std::uint32_t>(x.c),
          static_cast<float>(op.lowest),
          static_cast<float>(op.highest),
          from,
          to};
}
template <class From, class To>
ResizeAxis<From, To> rows_axis(const nn::Resize& op, const nn::Shape& x, const From* from, To* to) {
  return {op.rule,
          static_cast<std::uint32_t>(x.n),
          static_cast<std::uint32_t>(x.h),
          static_cast<std::uint32_t>(op.height),
          static_cast<std::uint32_t>(op.width * x.c),
          static_cast<float>(op.lowest),
          static_cast<float>(op.highest),
          from,
          to};
}

}  // namespace

template <class T>
void upsample_nearest(const Context& context, nn::View<const T> x, T* y) {
  spread<T>(context, x, 1.0f, {y, false});
}
template <class T>
void upsample_nearest_backward(const Context& context, nn::View<const T> dy, nn::Gradient<T> dx) {
  gather<T>(context, dy, 1.0f, dx);
}
template <class T>
void downsample_mean(const Context& context, nn::View<const T> x, T* y) {
  gather<T>(context, x, 0.25f, {y, false});
}
template <class T>
void downsample_mean_backward(const Context& context, nn::View<const T> dy, nn::Gradient<T> dx) {
  spread<T>(context, dy, 0.25f, dx);
}

template <class T>
void average_pool(const Context& context, const nn::AveragePool& op, nn::View<const T> x,
                  nn::View<T> y) {
  enqueue(context,
          AveragePool<T>{image_of(y.shape), rows_of(op, x.shape, y.shape),
                         columns_of(op, x.shape, y.shape),
                         rows_are_whole(y.shape.c * sizeof(T), x.data, y.data), x.data, y.data},
          "average pooling");
}
template <class T>
void average_pool_backward(const Context& context, const nn::AveragePool& op, nn::View<const T> dy,
                           const nn::Shape& x, nn::Gradient<T> dx) {
  if (dx.data == nullptr) return;
  enqueue(context,
          AveragePoolGradient<T>{image_of(x), rows_of(op, x, dy.shape), columns_of(op, x, dy.shape),
                                 rows_are_whole(x.c * sizeof(T), dy.data, dx.data), dy.data, dx},
          "the gradient of average pooling");
}

template <class T>
void max_pool(const Context& context, const nn::MaxPool& op, nn::View<const T> x, nn::View<T> y) {
  enqueue(context,
          MaxPool<T>{{image_of(y.shape), rows_of(op.windows, x.shape, y.shape),
                      columns_of(op.windows, x.shape, y.shape)},
                     rows_are_whole(y.shape.c * sizeof(T), x.data, y.data),
                     x.data,
                     y.data},
          "max pooling");
}

template <class T>
std::size_t resize_scratch(const nn::Resize& op, const nn::Shape& x) {
  return op.width != x.w && op.height != x.h ? x.n * x.h * op.width * x.c : 0;
}
template <class T>
void resize(const Context& context, const nn::Resize& op, nn::View<const T> x, nn::View<T> y,
            float* scratch) {
  constexpr const char* what = "resizing";
  if (op.height == x.shape.h) {
    nn::Resize columns = op;
    // Where no extent changes, TensorFlow's rule copies exactly, and the kernel still clips.
    if (op.width == x.shape.w) columns.rule = ResizeRule::tf1_bilinear;
    return enqueue(context, columns_axis(columns, x.shape, x.data, y.data), what);
  }
  if (op.width == x.shape.w) return enqueue(context, rows_axis(op, x.shape, x.data, y.data), what);
  const nn::Resize unclipped{op.rule, op.height, op.width};
  enqueue(context, columns_axis(unclipped, x.shape, x.data, scratch), what);
  const float* const columns = scratch;
  enqueue(context, rows_axis(op, x.shape, columns, y.data), what);
}

template <class T>
void fir(const Context& context, const nn::Fir& op, nn::View<const T> x, const nn::Shape& shape,
         nn::Gradient<T> y) {
  if (y.data == nullptr) return;
  enqueue(context,
          FirFilter<T>{image_of(shape), static_cast<std::int32_t>(x.shape.h),
                       static_cast<std::int32_t>(x.shape.w),
                       rows_are_whole(shape.c * sizeof(T), x.data, y.data), FirTaps(op), x.data, y},
          "a FIR filter");
}

#define SCORESDE_INSTANTIATE(T)                                                                   \
  template void upsample_nearest<T>(const Context&, nn::View<const T>, T*);                       \
  template void upsample_nearest_backward<T>(const Context&, nn::View<const T>, nn::Gradient<T>); \
  template void downsample_mean<T>(const Context&, nn::View<const T>, T*);                        \
  template void downsample_mean_backward<T>(const Context&, nn::View<const T>, nn::Gradient<T>);  \
  template void average_pool<T>(const Context&, const nn::AveragePool&, nn::View<const T>,        \
                                nn::View<T>);                                                     \
  template void average_pool_backward<T>(const Context&, const nn::AveragePool&,                  \
                                         nn::View<const T>, const nn::Shape&, nn::Gradient<T>);   \
  template void max_pool<T>(const Context&, const nn::MaxPool&, nn::View<const T>, nn::View<T>);  \
  template std::size_t resize_scratch<T>(const nn::Resize&, const nn::Shape&);                    \
  template void resize<T>(const Context&, const nn::Resize&, nn::View<const T>, nn::View<T>,      \
                          float*);                                                                \
  template void fir<T>(const Context&, const nn::Fir&, nn::View<const T>, const nn::Shape&,       \
                       nn::Gradient<T>)
SCORESDE_INSTANTIATE(float);
SCORESDE_INSTANTIATE(Bfloat16);
#undef SCORESDE_INSTANTIATE

}  // namespace scoresde::cuda::detail
