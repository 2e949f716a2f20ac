// SPDX-License-Identifier: MIT
/// Launches embeddings and dropout.
#include <scoresde/cuda/detail/network_kernels.hpp>

#include "enqueue.cuh"
#include "kernels/dropout.hpp"
#include "kernels/embedding.hpp"

namespace scoresde::cuda::detail {
namespace {

EmbeddingRows rows_of(std::size_t samples, std::size_t width) {
  return {static_cast<std::uint32_t>(samples), static_cast<std::uint32_t>(width)};
}

}  // namespace

template <class T>
void positional_embedding(const Context& context, const nn::PositionalEmbedding& op,
                          std::size_t samples, std::size_t width, const double* labels, T* y) {
  enqueue(context, PositionalEmbedding<T>::of(rows_of(samples, width), op, labels, y),
          "a positional embedding");
}

template <class T>
void fourier_embedding(const Context& context, std::size_t samples, std::size_t width,
                       const double* labels, const float* frequencies, T* y) {
  enqueue(context, FourierEmbedding<T>{rows_of(samples, width), labels, frequencies, y},
          "a Fourier embedding");
}

template <class T>
void class_embedding(const Context& context, std::size_t samples, std::size_t width,
                     const std::uint32_t* classes, const float* table, T* y) {
  enqueue(context, ClassEmbedding<T>{rows_of(samples, width), classes, table, y},
          "a class embedding");
}

template <class T>
void class_embedding_backward(const Context& context, std::size_t samples, std::size_t width,
                              const std::uint32_t* classes, const T* dy, float* dtable) {
  enqueue(context, ClassEmbeddingGradient<T>{rows_of(samples, width), classes, dy, dtable},
          "the gradient of a class embedding");
}

template <class T>
void dropout(const Context& context, nn::View<const T> x, double rate, const DeviceDraw& draw,
             nn::Gradient<T> y) {
  if (y.data == nullptr) return;
  const bool whole = rows_are_whole(x.shape.c * sizeof(T), x.data, y.data);
  enqueue(context, Dropout<T>::of(x.shape, whole, rate, draw, x.data, y), "dropout");
}

#define SCORESDE_INSTANTIATE(T)                                                                    \
  template void positional_embedding<T>(const Context&, const nn::PositionalEmbedding&,            \
                                        std::size_t, std::size_t, const double*, T*);              \
  template void fourier_embedding<T>(const Context&, std::size_t, std::size_t, const double*,      \
                                     const float*, T*);                                            \
  template void class_embedding<T>(const Context&, std::size_t, std::size_t, const std::uint32_t*, \
                                   const float*, T*);                                              \
  template void class_embedding_backward<T>(const Context&, std::size_t, std::size_t,              \
                                            const std::uint32_t*, const T*, float*);               \
  template void dropout<T>(const Context&, nn::View<const T>, double, const DeviceDraw&,           \
                           nn::Gradient<T>)
SCORESDE_INSTANTIATE(float);
SCORESDE_INSTANTIATE(Bfloat16);
#undef SCORESDE_INSTANTIATE

}  // namespace scoresde::cuda::detail
