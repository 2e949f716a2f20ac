// SPDX-License-Identifier: MIT
/// Builds graphs of cuDNN's backend API.
#include "cudnn_graph.hpp"

#include <string>
#include <utility>

namespace scoresde::cuda {
namespace {

using scoresde::text;

constexpr std::int64_t byte_alignment = 16;

[[nodiscard]] const char* name(Operand which) {
  switch (which) {
    case Operand::x:
      return "x";
    case Operand::weights:
      return "weights";
    case Operand::bias:
      return "bias";
    case Operand::channel_bias:
      return "channel_bias";
    case Operand::residual:
      return "residual";
    case Operand::scale:
      return "scale";
    case Operand::y:
      return "y";
    case Operand::dweights:
      return "dweights";
    case Operand::dweights_before:
      return "dweights_before";
    case Operand::intermediate:
      break;
  }
  return "intermediate";
}

[[nodiscard]] const char* name(cudnnDataType_t type) {
  return type == CUDNN_DATA_BFLOAT16 ? "bf16" : type == CUDNN_DATA_FLOAT ? "float32" : "other";
}

[[nodiscard]] Descriptor window(const ConvolutionGeometry& op) {
  const auto pair = [](const ConvolutionGeometry::Pair& values) {
    return std::array<std::int64_t, 2>{static_cast<std::int64_t>(values[0]),
                                       static_cast<std::int64_t>(values[1])};
  };
  Descriptor window(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  window.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2})
      .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION)
      .set_array(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, pair(op.before).data(), 2)
      .set_array(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, pair(op.after).data(), 2)
      .set_array(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, pair({op.stride, op.stride}).data(), 2)
      .set_array(CUDNN_ATTR_CONVOLUTION_DILATIONS, pair({1, 1}).data(), 2)
      .finalize("a convolution");
  return window;
}

[[nodiscard]] std::string geometry(const ConvolutionGeometry& op) {
  return text(" with stride ", op.stride, ", zeros ", ConvolutionGeometry::words(op.before),
              " and ", ConvolutionGeometry::words(op.after));
}

void set_pointwise(Descriptor& function, cudnnPointwiseMode_t mode) {
  function.set(CUDNN_ATTR_POINTWISE_MODE, mode)
      .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT)
      .finalize("a pointwise function");
}

}  // namespace

OperationGraph::Tensor OperationGraph::add(Operand which, cudnnDataType_t type,
                                           const Extents& extents, bool on_host) {
  const auto& [n, c, h, w] = extents;
  const Extents strides{c * h * w, 1, c * w, c};
  const bool is_virtual = which >= Operand::intermediate;
  Descriptor made(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  made.set(CUDNN_ATTR_TENSOR_DATA_TYPE, type)
      .set_array(CUDNN_ATTR_TENSOR_DIMENSIONS, extents.data(), extents.size())
      .set_array(CUDNN_ATTR_TENSOR_STRIDES, strides.data(), strides.size())
      .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, static_cast<std::int64_t>(which))
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, byte_alignment)
      .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, is_virtual)
      .set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, on_host)
      .finalize("a tensor");
  std::string words = name(which);
  if (!is_virtual) {
    const std::size_t bytes = type == CUDNN_DATA_BFLOAT16 ? 2 : 4;
    memory_.push_back({which, static_cast<std::size_t>(n * c * h * w) * bytes, on_host});
  }
  if (!is_virtual && !on_host) words += text(" ", name(type), " [", n, " ", c, " ", h, " ", w, "]");
  tensors_.push_back({std::move(made), std::move(words)});
  return {tensors_.size() - 1};
}

OperationGraph::Tensor OperationGraph::tensor(Operand which, cudnnDataType_t type,
                                              const Extents& extents) {
  return add(which, type, extents, false);
}

OperationGraph::Tensor OperationGraph::intermediate(const Extents& extents) {
  const auto id = static_cast<std::int64_t>(Operand::intermediate);
  return add(static_cast<Operand>(id + static_cast<std::int64_t>(tensors_.size())),
             CUDNN_DATA_FLOAT, extents, false);
}

OperationGraph::Tensor OperationGraph::host_scalar(Operand which) {
  return add(which, CUDNN_DATA_FLOAT, {1, 1, 1, 1}, true);
}

void OperationGraph::say(const std::string& sentence) {
  words_ += (words_.empty() ? "" : ", then ") + sentence;
}

void OperationGraph::convolution_forward(const ConvolutionGeometry& op, Tensor x, Tensor weights,
                                         Tensor y) {
  const Descriptor& shape = details_.emplace_back(window(op));
  operations_.emplace_back(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, shape)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, tensors_[x.index].descriptor)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, tensors_[weights.index].descriptor)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, tensors_[y.index].descriptor)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1.0)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0.0)
      .finalize("a forward convolution");
  say(text("convolution of ", tensors_[x.index].words, " by ", tensors_[weights.index].words,
           geometry(op), " to ", tensors_[y.index].words));
}

void OperationGraph::convolution_backward_data(const ConvolutionGeometry& op, Tensor dy,
                                               Tensor weights, Tensor dx, double blend) {
  const Descriptor& shape = details_.emplace_back(window(op));
  operations_.emplace_back(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, shape)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, tensors_[dy.index].descriptor)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, tensors_[weights.index].descriptor)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, tensors_[dx.index].descriptor)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 1.0)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, blend)
      .finalize("a convolution's backward pass to data");
  say(text("gradient to data of a convolution, from d", tensors_[dy.index].words, " by ",
           tensors_[weights.index].words, geometry(op), blend == 0 ? " over d" : " added to d",
           tensors_[dx.index].words));
}

void OperationGraph::convolution_backward_filter(const ConvolutionGeometry& op, Tensor x, Tensor dy,
                                                 Tensor dweights, double blend) {
  const Descriptor& shape = details_.emplace_back(window(op));
  operations_.emplace_back(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, shape)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, tensors_[x.index].descriptor)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, tensors_[dy.index].descriptor)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, tensors_[dweights.index].descriptor)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, 1.0)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, blend)
      .finalize("a convolution's backward pass to weights");
  say(text("gradient to weights of a convolution, from ", tensors_[x.index].words, " and d",
           tensors_[dy.index].words, geometry(op), blend == 0 ? " over " : " added to ",
           tensors_[dweights.index].words));
}

void OperationGraph::pointwise(cudnnPointwiseMode_t mode, Tensor a, Tensor b, Tensor out) {
  Descriptor& function = details_.emplace_back(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  set_pointwise(function, mode);
  operations_.emplace_back(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, function)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, tensors_[a.index].descriptor)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, tensors_[b.index].descriptor)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, tensors_[out.index].descriptor)
      .finalize("a pointwise operation");
  say(text(mode == CUDNN_POINTWISE_ADD ? "plus " : "times ", tensors_[b.index].words, " to ",
           tensors_[out.index].words));
}

void OperationGraph::pointwise(cudnnPointwiseMode_t mode, Tensor a, Tensor out) {
  Descriptor& function = details_.emplace_back(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  set_pointwise(function, mode);
  operations_.emplace_back(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, function)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, tensors_[a.index].descriptor)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, tensors_[out.index].descriptor)
      .finalize("a pointwise operation");
  say(text("its positive part to ", tensors_[out.index].words));
}

Descriptor OperationGraph::finalize(cudnnHandle_t handle) const {
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  std::vector<cudnnBackendDescriptor_t> operations;
  for (const Descriptor& operation : operations_) operations.push_back(operation.get());
  if (handle != nullptr) graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle);
  graph
      .set_raw(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, operations.size(),
               operations.data())
      .finalize("an operation graph");
  return graph;
}

}  // namespace scoresde::cuda
