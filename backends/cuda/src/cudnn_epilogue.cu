// SPDX-License-Identifier: MIT
/// Launches convolution epilogues and the accumulation of rounded gradients.
#include "cudnn_epilogue.hpp"
#include "enqueue.cuh"
#include "kernels/convolution_epilogue.hpp"

namespace scoresde::cuda {
namespace {

template <class T>
void apply(const Context& context, const nn::Shape& y, const ConvolutionOperands& operands) {
  const auto pointer = [](const void* p) { return static_cast<const T*>(p); };
  enqueue(context,
          ConvolutionEpilogue<T>{
              static_cast<T*>(operands.y), pointer(operands.residual), pointer(operands.bias),
              pointer(operands.channel_bias), operands.scale, y.n * y.pixels(),
              static_cast<std::uint32_t>(y.pixels()), static_cast<std::uint32_t>(y.c),
              rows_are_whole(y.c * sizeof(T), pointer(operands.y), pointer(operands.residual),
                             pointer(operands.bias), pointer(operands.channel_bias)),
              operands.relu},
          "the epilogue of a convolution");
}

}  // namespace

void apply_epilogue(const Context& context, Precision precision, const nn::Shape& y,
                    const ConvolutionOperands& operands) {
  precision == Precision::bf16 ? apply<Bfloat16>(context, y, operands)
                               : apply<float>(context, y, operands);
}

void add_rounded_gradient(const Context& context, const void* part, std::size_t count, float* sum) {
  enqueue(context, AddRoundedGradient{static_cast<const Bfloat16*>(part), sum, count},
          "the sum of a rounded gradient");
}

}  // namespace scoresde::cuda
