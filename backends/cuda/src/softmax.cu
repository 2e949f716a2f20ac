// SPDX-License-Identifier: MIT
/// Launches the softmax of attention and its gradient.
#include <scoresde/cuda/detail/network_kernels.hpp>

#include "enqueue.cuh"
#include "kernels/softmax.hpp"

namespace scoresde::cuda::detail {

template <class T, class Score>
void softmax(const Context& context, std::size_t rows, std::size_t length, double scale,
             const Score* scores, T* probabilities) {
  const bool whole = rows_are_whole(length * sizeof(T), scores, probabilities);
  enqueue(context,
          Softmax<T, Score>{RowShare::of<T>(rows, length, whole), static_cast<float>(scale), scores,
                            probabilities},
          "a softmax");
}

template <class T, class Score>
void softmax_backward(const Context& context, std::size_t rows, std::size_t length, double scale,
                      const T* probabilities, const Score* dp, T* ds) {
  const bool whole = rows_are_whole(length * sizeof(T), probabilities, dp, ds);
  enqueue(context,
          SoftmaxGradient<T, Score>{RowShare::of<T>(rows, length, whole), static_cast<float>(scale),
                                    probabilities, dp, ds},
          "the gradient of a softmax");
}

#define SCORESDE_INSTANTIATE(T, Score)                                                            \
  template void softmax<T, Score>(const Context&, std::size_t, std::size_t, double, const Score*, \
                                  T*);                                                            \
  template void softmax_backward<T, Score>(const Context&, std::size_t, std::size_t, double,      \
                                           const T*, const Score*, T*)
SCORESDE_INSTANTIATE(float, float);
SCORESDE_INSTANTIATE(Bfloat16, float);
SCORESDE_INSTANTIATE(Bfloat16, Bfloat16);
#undef SCORESDE_INSTANTIATE

}  // namespace scoresde::cuda::detail
